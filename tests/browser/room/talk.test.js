// What is read in a room: links of every script, and the past for as long as a key is held.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { openBrowser } from "../support/browser.js";
import { makeRoom, startServer } from "../support/server.js";

let server, browser;
before(async () => {
  server = await startServer("--room-message-rate", "1000000");
  browser = await openBrowser();
});
afterEach(() => browser.check());
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** A page that is in a room. */
async function inside(room) {
  const page = await browser.person(server.url);
  await page.goto(room.path.slice(1));
  await page.getByLabel("Your name").fill("Bob");
  await page.getByRole("button", { name: "Join" }).click();
  await page.getByRole("log").waitFor();
  return page;
}

test("a link ends where its sentence ends, in every script", async () => {
  const room = await makeRoom(server.url);
  const ann = await room.join("Ann");
  const links = [
    ["https://example.org/a。次の文", "https://example.org/a"],
    ["「https://example.org/b」と言った", "https://example.org/b"],
    ["https://example.org/c，然后", "https://example.org/c"],
    ["（https://example.org/d）", "https://example.org/d"],
    ["https://example.org/e، ثم", "https://example.org/e"],
    ["https://example.org/f।", "https://example.org/f"],
    ["“https://example.org/g”", "https://example.org/g"],
    ["https://example.org/h…", "https://example.org/h"],
    [
      "https://example.org/日本語/見積書.pdf、",
      "https://example.org/%E6%97%A5%E6%9C%AC%E8%AA%9E/%E8%A6%8B%E7%A9%8D%E6%9B%B8.pdf",
    ],
    ["https://example.org/i?a=1&b=(c).", "https://example.org/i?a=1&b=(c)"],
    ["https://en.example.org/wiki/Foo_(bar)", "https://en.example.org/wiki/Foo_(bar)"],
  ];
  ann.say(links.map(([text]) => text).join("\n"), "links");
  const page = await inside(room);
  const shown = page.getByRole("log").locator(".bubble a[target=_blank]");
  await shown.nth(links.length - 1).waitFor();
  assert.deepEqual(
    await shown.evaluateAll((all) => all.map((one) => one.href)),
    links.map(([, href]) => href),
  );
});

test("the past goes on coming while Home is held", async () => {
  const room = await makeRoom(server.url);
  const ann = await room.join("Ann");
  const number = 450;
  for (let i = 0; i < number; i++) ann.say(`message ${i}.`);
  await ann.until((event) => event.text === `message ${number - 1}.`);
  const page = await inside(room);
  const log = page.getByRole("log");
  await log.getByText(`message ${number - 1}.`, { exact: true }).waitFor();
  await log.press("Home");
  // A key that is held sets the same place again and again, which scrolls nothing once one is there.
  await page.evaluate(() => {
    const log = document.querySelector(".log");
    const hold = () => {
      log.scrollTop = 0;
      requestAnimationFrame(hold);
    };
    hold();
  });
  await log.getByText("message 0.", { exact: true }).waitFor();
});
