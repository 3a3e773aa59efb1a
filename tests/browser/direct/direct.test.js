// Direct transfers between pages: what arrives is what was sent, and nothing else is believed.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { openBrowser } from "../support/browser.js";
import { digestOf, end, outcome, saved, startReceiving, startSending, told } from "../support/direct-pages.js";
import { terminal } from "../support/direct-terminal.js";
import { startServer } from "../support/server.js";

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

let server, browser;
before(async () => {
  server = await startServer();
  browser = await openBrowser();
});
afterEach(() => browser.check());
after(async () => {
  await browser?.close();
  await server?.stop();
});

test("files, an empty one, a folder and a text go from page to page", async () => {
  const [ann, bob] = [await end(browser, server.url), await end(browser, server.url)];
  const files = [["a/one.bin", 3_000_001], ["empty.txt", 0], ["a/b/nothing"], ["Grüße 文.txt", 65_536], ["c", 1]];
  const code = await startSending(ann, files, { text: "hello" });
  await startReceiving(bob, code);
  const [sent, received] = await Promise.all([outcome(ann), outcome(bob)]);
  assert.equal(sent.summary?.bytes, 3_065_538, JSON.stringify(sent));
  assert.deepEqual([received.summary?.bytes, received.summary?.files], [3_065_538, 4], JSON.stringify(received));
  assert.deepEqual(await saved(bob), {
    "a/one.bin": await digestOf(ann, 3_000_001, 0),
    "empty.txt": await digestOf(ann, 0, 1),
    "a/b/nothing": "folder",
    "Grüße 文.txt": await digestOf(ann, 65_536, 3),
    c: await digestOf(ann, 1, 4),
  });
  const started = ["file_started", "file_done"];
  // When a direct way is found is nobody's to say.
  const inOrder = (await told(bob)).filter((event) => event !== "path");
  assert.deepEqual(inOrder, [
    ...["peer_joined", "confirmed", "text", "offered", "accepted"],
    ...[...started, ...started, ...started, ...started, "done"],
  ]);
  const ofSender = await told(ann);
  assert.deepEqual(ofSender.slice(0, 4), ["code", "peer_joined", "confirmed", "accepted"]);
  assert.equal(ofSender.at(-1), "done");
});

test("some of what is offered is taken, or none", async () => {
  const [ann, bob] = [await end(browser, server.url), await end(browser, server.url)];
  await startReceiving(
    bob,
    await startSending(ann, [
      ["a", 100_000],
      ["b", 5],
      ["c", 200_000],
    ]),
    { wanted: [0, 2] },
  );
  const [sent, received] = await Promise.all([outcome(ann), outcome(bob)]);
  assert.deepEqual(
    [sent.summary?.bytes, received.summary?.bytes],
    [300_000, 300_000],
    JSON.stringify([sent, received]),
  );
  assert.deepEqual(Object.keys(await saved(bob)), ["a", "c"]);

  await startReceiving(bob, await startSending(ann, [["a", 10]]), { wanted: "none" });
  assert.deepEqual([(await outcome(ann)).code, (await outcome(bob)).code], ["declined", "declined"]);
});

test("from a page to a terminal, and back", async () => {
  const page = await end(browser, server.url);
  const there = join(server.folder, "there");
  const code = await startSending(page, [
    ["trip/photo.jpg", 2_500_000],
    ["trip/empty", 0],
  ]);
  const receiver = terminal(server.url, "receive", "--yes", "--to", there, code);
  assert.equal((await outcome(page)).summary?.bytes, 2_500_000);
  assert.equal(await receiver.ended, 0, JSON.stringify(receiver.events));
  const photo = await readFile(join(there, "trip/photo.jpg"));
  assert.equal(sha256(photo), await digestOf(page, 2_500_000, 0));
  assert.equal((await readFile(join(there, "trip/empty"))).length, 0);

  const sender = terminal(server.url, "send", "--text", "as promised", join(there, "trip"));
  await startReceiving(page, (await sender.event("code")).code);
  assert.equal((await outcome(page)).summary?.bytes, 2_500_000);
  assert.equal(await sender.ended, 0, JSON.stringify(sender.events));
  assert.equal((await saved(page))["trip/photo.jpg"], sha256(photo));
  assert.equal(await page.evaluate(() => offer.text), "as promised");
});

test("one wrong word ends the code, on both sides, without a name being shown", async () => {
  const [ann, bob] = [await end(browser, server.url), await end(browser, server.url)];
  const code = await startSending(ann, [["secret.txt", 10]]);
  const [nameplate, one, two] = code.split("-");
  await startReceiving(bob, `${nameplate}-${one}-${two === "yoyo" ? "aardvark" : "yoyo"}`);
  for (const page of [ann, bob]) assert.equal((await outcome(page)).code, "wrong_code");
  assert.equal(await bob.evaluate(() => window.offer), undefined);
  await startReceiving(bob, code);
  const spent = await outcome(bob);
  assert.equal(spent.code, "unknown_code");
  assert.match(spent.message, /no such code/);
});

test("whoever stops, stops both sides, and nothing incomplete is left", async () => {
  const [ann, bob] = [await end(browser, server.url), await end(browser, server.url)];
  const code = await startSending(ann, [["big.bin", 20_000_000]]);
  await startReceiving(bob, code, { allowed: 0 });
  await bob.waitForFunction(() => events.some(({ event }) => event === "file_started"));
  await bob.evaluate(() => transfer.cancel()); // while a write waits for the disk
  assert.deepEqual([(await outcome(bob)).code, (await outcome(ann)).code], ["stopped", "cancelled"]);
  assert.deepEqual(await bob.evaluate(() => aborted), ["big.bin"]);

  await startSending(ann, [["big.bin", 10]]);
  await ann.evaluate(() => transfer.cancel());
  assert.equal((await outcome(ann)).code, "stopped");
});

test("a receiver whose disk takes nothing hears at once that the sender has stopped", async () => {
  const [ann, bob] = [await end(browser, server.url), await end(browser, server.url)];
  await startReceiving(bob, await startSending(ann, [["big.bin", 20_000_000]]), { allowed: 0 });
  await bob.waitForFunction(() => events.some(({ event }) => event === "file_started"));
  await ann.evaluate(() => transfer.cancel());
  await bob.waitForFunction(() => events.some(({ event }) => event === "failed"));
  assert.deepEqual([(await outcome(bob)).code, (await outcome(ann)).code], ["cancelled", "stopped"]);
  assert.deepEqual(await bob.evaluate(() => [aborted, written]), [["big.bin"], 0]);
  await bob.evaluate(() => allow(Infinity)); // the disk is there again, and it is too late
  assert.deepEqual(await saved(bob), {});
});

for (const way of ["the relay", "a channel that is slower than the relay"])
  test(`over ${way}, a receiver whose disk takes nothing hears at once why the sender cannot go on`, async () => {
    const [ann, bob] = [await end(browser, server.url), await end(browser, server.url)];
    const relayed = way === "the relay";
    await bob.evaluate(() => {
      Object.defineProperty(RTCDataChannel.prototype, "onmessage", {
        set(listen) {
          this.addEventListener("message", (event) => setTimeout(() => listen(event), 200));
        },
      });
    });
    const code = await ann.evaluate((relayed) => {
      // A file whose end is gone when it is read: a person's own words for it come from the page.
      const file = new File([content(20_000_000, 0)], "big.bin");
      const moved = Promise.withResolvers();
      if (relayed) moved.resolve();
      const gone = () => moved.promise.then(() => Promise.reject(new Error("gone")));
      let slices = 0;
      file.slice = (from, to) => {
        slices += 1;
        return slices < 3 ? File.prototype.slice.call(file, from, to) : { arrayBuffer: gone };
      };
      return new Promise((resolve) => {
        const onEvent = (event) => {
          events.push(event);
          if (event.event === "code") resolve(event.code);
          if (event.event === "path" && event.direct) moved.resolve();
        };
        const files = [{ path: "big.bin", size: file.size, file }];
        window.transfer = direct.sender.send({ files, onEvent, relayed });
      });
    }, relayed);
    await startReceiving(bob, code, { allowed: 0 });
    await bob.waitForFunction(() => events.some(({ event }) => event === "failed"));
    const [sent, received] = await Promise.all([outcome(ann), outcome(bob)]);
    assert.equal(sent.code, "local");
    assert.deepEqual([received.code, received.message], ["cancelled", sent.message], "in the sender's words");
  });

test("a receiver that takes its time holds up the sender, and the memory", async () => {
  const [ann, bob] = [await end(browser, server.url), await end(browser, server.url)];
  await startReceiving(bob, await startSending(ann, [["big.bin", 30_000_000]]), { allowed: 0 });
  await bob.waitForFunction(() => events.some(({ event }) => event === "file_started"));
  await ann.waitForFunction(() => events.filter(({ event }) => event === "progress").length > 4);
  assert.equal(await ann.evaluate(() => events.findLast(({ event }) => event === "progress").bytes), 0);
  await bob.evaluate(() => allow(Infinity));
  const [sent, received] = await Promise.all([outcome(ann), outcome(bob)]);
  assert.equal(received.summary?.bytes, 30_000_000, JSON.stringify([sent, received]));
  assert.equal((await saved(bob))["big.bin"], await digestOf(ann, 30_000_000, 0));
});

test("codes are read as people type them", async () => {
  const page = await end(browser, server.url);
  const read = await page.evaluate(async () => {
    const read = [];
    const typed = [
      ...["7-aardvark-yoyo", " 7 Aardvark YOYO ", "7-aar-yoy", "7-ardvark-yoyoo", "007-aadrvark-yoyo"],
      ...["https://files.example.org/x#7-aardvark-yoyo", "7-aardvark", "", "7-aardvark-xyzzy", "7-ab-yoyo"],
      ...["77777777777-aardvark-yoyo", "7-żółć-yoyo"],
    ];
    for (const text of typed)
      read.push(
        await direct.code.parse(text).then(
          ({ text }) => text,
          (error) => error.message,
        ),
      );
    return read;
  });
  assert.deepEqual(read.slice(0, 6), Array(6).fill("7-aardvark-yoyo"));
  const form = "A code has a number and two words, such as 7-acrobat-puzzle.";
  assert.deepEqual([read[6], read[7], read[10]], [form, form, form]);
  for (const i of [8, 9, 11]) assert.match(read[i], /is not one of the words/);
  assert.deepEqual(await page.evaluate(() => direct.code.completions("AA")), ["aardvark"]);
  assert.equal((await page.evaluate(() => direct.code.completions(""))).length, 1296);
});

test("whoever guesses codes is told to wait", async () => {
  const page = await end(browser, server.url);
  let told = { code: "unknown_code" };
  for (let i = 0; i < 40 && told.code === "unknown_code"; i++) {
    await startReceiving(page, "999999-aardvark-yoyo");
    told = await outcome(page);
  }
  assert.match(told.message, /too many|again/i, told.code);
});
