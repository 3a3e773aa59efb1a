// Two pages that find each other: the content goes past the server, and goes on over the server when that way breaks.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { openBrowser } from "../support/browser.js";
import { digestOf, end, outcome, saved, startReceiving, startSending, told } from "../support/direct-pages.js";
import { startServer } from "../support/server.js";

const SIZE = 20_000_000;

/** Nobody listens there: on one machine pages find each other without. */
const ICE_SERVERS = "stun:127.0.0.1:9,turn:ann:s3cret@127.0.0.1:9?transport=tcp";

let server, browser;
before(async () => {
  server = await startServer("--ice-servers", ICE_SERVERS);
  // Both are on this machine, which may have no other address than its own.
  browser = await openBrowser("--allow-loopback-in-peer-connection", "--disable-features=WebRtcHideLocalIpsWithMdns");
});
afterEach(() => browser.check());
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** A page that keeps its connections to others where the test finds them. */
async function peer() {
  const page = await browser.person(server.url);
  await page.addInitScript(() => {
    window.connections = [];
    const Theirs = window.RTCPeerConnection;
    window.RTCPeerConnection = class extends Theirs {
      constructor(...options) {
        super(...options);
        connections.push(this);
      }
    };
  });
  return end(browser, server.url, page);
}

/** Bytes of frames that a page has sent over the server. */
function relayed(page) {
  const count = { bytes: 0 };
  page.on("websocket", (socket) => {
    socket.on("framesent", ({ payload }) => (count.bytes += typeof payload === "string" ? 0 : payload.length));
  });
  return count;
}

const hasMoved = (page) => page.waitForFunction(() => events.some(({ event, direct }) => event === "path" && direct));

test("the content goes past the server when the pages find each other", async () => {
  const [ann, bob] = [await peer(), await peer()];
  const overServer = relayed(ann);
  await startReceiving(bob, await startSending(ann, [["big.bin", SIZE]]), { allowed: 0 });
  await hasMoved(ann);
  await bob.evaluate(() => allow(Infinity));
  const [sent, received] = await Promise.all([outcome(ann), outcome(bob)]);
  assert.deepEqual([sent.summary?.bytes, received.summary?.bytes], [SIZE, SIZE], JSON.stringify([sent, received]));
  assert.equal((await saved(bob))["big.bin"], await digestOf(ann, SIZE, 0));
  assert.ok(overServer.bytes < 5_000_000, `${overServer.bytes} bytes over the server: more than one window`);
  for (const page of [ann, bob]) {
    const all = await told(page);
    assert.equal(all.filter((event) => event === "path").length, 1);
    assert.ok(!all.includes("connection_lost"));
  }
});

test("both pages look for a way with the servers of the settings", async () => {
  const [ann, bob] = [await peer(), await peer()];
  await startReceiving(bob, await startSending(ann, [["small.bin", 1000]]), { allowed: 0 });
  await hasMoved(ann);
  for (const page of [ann, bob]) {
    const servers = await page.evaluate(() =>
      connections.map((connection) =>
        connection.getConfiguration().iceServers.map(({ urls, username, credential }) => [urls, username, credential]),
      ),
    );
    const turn = [["turn:127.0.0.1:9?transport=tcp"], "ann", "s3cret"];
    assert.deepEqual(servers, [[[["stun:127.0.0.1:9"], "", ""], turn]]);
  }
  await bob.evaluate(() => allow(Infinity));
  assert.equal((await outcome(bob)).summary?.bytes, 1000);
});

for (const who of ["sender", "receiver"]) {
  test(`a direct way that breaks at the ${who}'s side is replaced, and the transfer goes on where it was`, async () => {
    const [ann, bob] = [await peer(), await peer()];
    await startReceiving(bob, await startSending(ann, [["big.bin", SIZE]]), { allowed: 0 });
    await hasMoved(ann);
    // More than a window: some of it has come over the channel.
    await bob.evaluate((bytes) => allow(bytes), SIZE / 2);
    await bob.waitForFunction((bytes) => written >= bytes, SIZE / 2);
    await (who === "sender" ? ann : bob).evaluate(() => connections[0].close());
    await ann.waitForFunction(() => events.some(({ event }) => event === "peer_back"));
    await bob.evaluate(() => allow(Infinity));
    const [sent, received] = await Promise.all([outcome(ann), outcome(bob)]);
    assert.deepEqual([sent.summary?.bytes, received.summary?.bytes], [SIZE, SIZE], JSON.stringify([sent, received]));
    assert.equal((await saved(bob))["big.bin"], await digestOf(ann, SIZE, 0));
    const ways = await ann.evaluate(() => events.filter(({ event }) => event === "path").map(({ direct }) => direct));
    assert.deepEqual(ways.slice(0, 2), [true, false]);
    assert.equal((await told(bob)).filter((event) => event === "file_started").length, 1, "the file began once");
  });
}

for (const who of ["sender", "receiver"]) {
  test(`a ${who} that does not want to show its address stays behind the server`, async () => {
    const [ann, bob] = [await peer(), await peer()];
    const overServer = relayed(ann);
    const code = await startSending(ann, [["big.bin", SIZE]], { relayed: who === "sender" });
    await startReceiving(bob, code, { relayed: who === "receiver" });
    const [sent, received] = await Promise.all([outcome(ann), outcome(bob)]);
    assert.deepEqual([sent.summary?.bytes, received.summary?.bytes], [SIZE, SIZE], JSON.stringify([sent, received]));
    assert.ok(overServer.bytes > SIZE);
    assert.equal(await (who === "sender" ? ann : bob).evaluate(() => connections.length), 0);
    assert.ok(![...(await told(ann)), ...(await told(bob))].includes("path"));
  });
}
