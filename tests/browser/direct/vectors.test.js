// The page's own mirror of the protocol against values that others have computed.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openBrowser } from "../support/browser.js";
import { end } from "../support/direct-pages.js";
import { startServer } from "../support/server.js";

let server, browser, page;
before(async () => {
  server = await startServer();
  browser = await openBrowser();
  page = await end(browser, server.url);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** By python-spake2 0.9, for the code 7-aardvark-yoyo. */
const ONE = {
  scalar: "0xd89e8615395258600410d042d7a57b6cb53b1896551718b3f3383ffa56ebb5b",
  message: "53a7967d836e5fa8c1bd5a1608aaa92467e78b897aaefd4520f78924f16c0865f2",
};
const TWO = {
  scalar: "0xcb10fbe979e05660da0105089ba96cb1f0a4419798d543a1a68c6aeaf34a9a3",
  message: "5300a4f0f2c0fa05373f857b4001fb119078ab27344ed71f47353eda34c30b609a",
};
const KEY = "b324b0c9f3646fcb0ce4dba39f52d9ffb402e7096ff49db26c6278f93640a7fc";

test("SPAKE2 says and agrees on what python-spake2 does", async () => {
  for (const [own, theirs] of [
    [ONE, TWO],
    [TWO, ONE],
  ]) {
    const [message, key] = await page.evaluate(
      ([scalar, theirs]) => {
        const spake = direct.spake2.start("7-aardvark-yoyo", "handover direct 1", BigInt(scalar));
        return [hex(spake.message), hex(spake.finish(unhex(theirs)))];
      },
      [own.scalar, theirs.message],
    );
    assert.deepEqual([message, key], [own.message, KEY]);
  }
});

test("what is no point, or one of small order, is refused", async () => {
  const bad = {
    "the neutral element": `53${"01".padEnd(64, "0")}`,
    "a point of order 2": `53ec${"ff".repeat(30)}7f`,
    "a point of order 4": `53${"00".repeat(32)}`,
    "a point of order 8": "5326e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "no point": `53${"02".padEnd(64, "0")}`,
    "the other side": ONE.message.replace(/^53/, "41"),
    "too short": ONE.message.slice(0, -2),
  };
  for (const [what, message] of Object.entries(bad)) {
    const thrown = await page.evaluate((message) => {
      try {
        direct.spake2.start("7-aardvark-yoyo", "handover direct 1").finish(unhex(message));
        return "nothing";
      } catch (error) {
        return error instanceof direct.spake2.NotAMessage ? "refused" : String(error);
      }
    }, message);
    assert.equal(thrown, "refused", what);
  }
});

/** The same as in src/protocol/direct/exchange/tests.rs. */
test("keys and sealed frames are what the terminal makes of them", async () => {
  const made = await page.evaluate(async () => {
    const { masterOf, tagOf, keysOf } = direct.exchange;
    const master = masterOf(new Uint8Array(32).fill(0x0b));
    const keys = keysOf(master, "sender", 1, new Uint8Array(33).fill(1), new Uint8Array(33).fill(2));
    const [sealer, opener] = [new direct.seal.Sealer(keys), new direct.seal.Opener(keys)];
    const alive = direct.message.encode({ type: "alive" });
    const frames = [await sealer.seal(alive), await sealer.seal(alive)];
    const opened = [];
    for (const frame of frames) opened.push(direct.message.parse(await opener.open(frame.subarray(1))));
    return [
      hex(master),
      hex(tagOf(master, "sender")),
      hex(tagOf(master, "receiver")),
      hex(keys),
      frames.map(hex),
      opened,
    ];
  });
  assert.deepEqual(made, [
    "84e87bdc34f9c3c1da402ba989602b5c4be673bd3e6b7a33b84f97acad47727d",
    "67c191e20ca3525c6f1b49de2534b70a10a7bbd2a22f80afee2d356cadae1971",
    "08409df3428cb814eaaaac9712b5faea3ddaa6f8cfaaf72d48067188d6729dd5",
    "8399c52a24960bdf22e71b5ce43b49e5ad5211c7afa3a12998c470f6f1830188a89366a994db776d28c72c36",
    [
      "047e75abcfcf6026c266e4564abb89fa656e23d756dfbceda243229909a3ca2ce9bf",
      "04f277b6411ca1a47747bb74d7906139367fa26886db4f2cbac7a3c7fbe3f216ae76",
    ],
    [{ type: "alive" }, { type: "alive" }],
  ]);
});

test("messages that are none are refused, and those of later versions passed over", async () => {
  const read = await page.evaluate(() => {
    const json = (value) => direct.message.parse(direct.message.encode(value));
    const raw = (...bytes) => direct.message.parse(Uint8Array.from(bytes));
    const bad = [
      ...[raw(), raw(2), raw(0, 123), raw(1, 0), raw(1, 2, ...Array(12).fill(0)), raw(1, 0, ...Array(12).fill(255))],
      ...[json({ type: "offer", entries: [{ path: 1, size: 2 }], last: true }), json({ type: "data" }), json(7)],
      ...[json({ type: "ack", bytes: -1 }), json({ type: "accept", window: 1, entries: ["a"] }), json({ type: "ack" })],
    ];
    const far = direct.message.parse(direct.message.piece(9, 2 ** 40 + 5, true, Uint8Array.of(1, 2)));
    return { bad, far: { ...far, content: [...far.content] }, later: json({ type: "toString" }) };
  });
  assert.deepEqual(read.bad, Array(12).fill(null));
  assert.deepEqual(read.far, { type: "data", entry: 9, offset: 2 ** 40 + 5, last: true, content: [1, 2] });
  assert.deepEqual(read.later, { type: "unknown" });
});
