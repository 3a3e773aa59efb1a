// Direct transfers over a bad line, and past a hub that is not to be trusted.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { openBrowser } from "../support/browser.js";
import { digestOf, end, outcome, saved, startReceiving, startSending, told } from "../support/direct-pages.js";
import { PLAIN_FLAG, PLAIN_HOST, startServer } from "../support/server.js";
import { wire } from "../support/wire.js";

const SIZE = 12_000_000;

let server, browser, line;
before(async () => {
  server = await startServer();
  browser = await openBrowser(PLAIN_FLAG);
  line = await wire(server.port);
});
afterEach(() => browser.check());
after(async () => {
  await browser?.close();
  await line?.close();
  await server?.stop();
});

for (const [who, text, after] of [
  ["sender", "GET /api/direct/send", 5_000_000],
  ["receiver", "GET /api/direct/receive", 2500],
]) {
  test(`a transfer goes on where it was when the ${who}'s connection breaks, again and again`, async () => {
    const cutsBefore = line.cuts();
    const ann = await end(browser, who === "sender" ? line.url : server.url);
    const bob = await end(browser, who === "receiver" ? line.url : server.url);
    line.cutAfter(text, after);
    const code = await startSending(
      ann,
      [
        ["one.bin", SIZE],
        ["two.bin", 1000],
      ],
      { relayed: true },
    );
    await startReceiving(bob, code, { relayed: true });
    const [sent, received] = await Promise.all([outcome(ann), outcome(bob)]);
    line.mend();
    assert.deepEqual([sent.summary?.bytes, received.summary?.bytes], [SIZE + 1000, SIZE + 1000], JSON.stringify(sent));
    assert.equal((await saved(bob))["one.bin"], await digestOf(ann, SIZE, 0));
    assert.ok(line.cuts() > cutsBefore);
    const [broken, other] = who === "sender" ? [ann, bob] : [bob, ann];
    assert.ok(["connection_lost", "connection_back", "peer_back"].every(has(await told(broken))));
    assert.ok(["peer_lost", "peer_back"].every(has(await told(other))));
    const again = await bob.evaluate(() => events.filter(({ event }) => event === "file_started").length);
    assert.equal(again, 2, "no file began twice");
  });
}

const has = (list) => (name) => list.includes(name);

/** What a hub may do to the frames of a file; each gets the frame's number and gives back what is passed on. */
const DEEDS = {
  changed: (frame, i) =>
    i === 9 ? [Buffer.concat([frame.subarray(0, 500), Buffer.of(frame[500] ^ 1), frame.subarray(501)])] : [frame],
  dropped: (frame, i) => (i === 9 ? [] : [frame]),
  repeated: (frame, i) => (i === 9 ? [frame, frame] : [frame]),
  swapped: (frame, i, held) => (i === 9 ? (held.push(frame), []) : i === 10 ? [frame, held[0]] : [frame]),
  cut: (frame, i) => (i === 9 ? [frame.subarray(0, -1)] : [frame]),
};

for (const [deed, act] of Object.entries(DEEDS)) {
  test(`a frame that is ${deed} on the way is noticed`, async () => {
    const ann = await end(browser, server.url);
    const bob = await browser.person(server.url);
    await bob.routeWebSocket(/\/api\/direct\//, (socket) => {
      const hub = socket.connectToServer();
      const held = [];
      let number = 0;
      hub.onMessage((message) => {
        if (typeof message === "string" || message[0] !== 4) return socket.send(message);
        number += 1;
        for (const frame of act(message, number, held)) socket.send(frame);
      });
    });
    await end(browser, server.url, bob);
    await startReceiving(bob, await startSending(ann, [["one.bin", 3_000_000]], { relayed: true }), { relayed: true });
    const received = await outcome(bob);
    assert.equal(received.code, "tampered");
    assert.match(received.message, /not what was sent/);
    assert.equal((await outcome(ann)).code, "tampered");
    assert.deepEqual([await saved(bob), await bob.evaluate(() => aborted)], [{}, ["one.bin"]]);
  });
}

test("where a browser keeps its ciphers for https, ours take their place", async () => {
  // A name of this machine that is neither https nor localhost.
  const ann = await end(browser, `http://${PLAIN_HOST}:${server.port}/`);
  const bob = await end(browser, server.url);
  assert.equal(await ann.evaluate(() => isSecureContext), false);
  for (const [from, to] of [
    [ann, bob],
    [bob, ann],
  ]) {
    await startReceiving(to, await startSending(from, [["one.bin", 1_000_000]]));
    const ends = await Promise.all([outcome(from), outcome(to)]);
    assert.deepEqual(
      ends.map(({ summary }) => summary?.bytes),
      [1_000_000, 1_000_000],
      JSON.stringify(ends),
    );
    assert.equal((await saved(to))["one.bin"], await digestOf(bob, 1_000_000, 0));
  }
});
