// Direct transfers between pages: what arrives is what was sent, and nothing else is believed.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { openBrowser } from "./browser.js";
import { digestOf, end, outcome, saved, startReceiving, startSending, told } from "./direct-pages.js";
import { startServer } from "./server.js";

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
  assert.deepEqual(await told(bob), [
    ...["peer_joined", "confirmed", "text", "offered", "accepted"],
    ...[...started, ...started, ...started, ...started, "done"],
  ]);
  const ofSender = await told(ann);
  assert.deepEqual(ofSender.slice(0, 4), ["code", "peer_joined", "confirmed", "accepted"]);
  assert.equal(ofSender.at(-1), "done");
});
