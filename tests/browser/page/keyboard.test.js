// The main jobs without a mouse: every step is a key, and what has the focus can be seen.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { downloaded, openBrowser, rowOf } from "../support/browser.js";
import { PASSWORD, content, fixture, startServer } from "../support/server.js";

const NAME = "report-python-docx.docx";

let server, browser, olga;
before(async () => {
  server = await startServer();
  browser = await openBrowser();
  olga = await server.register("olga", true);
  await server.register("carl");
});
afterEach(() => browser.check());
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Presses Tab until an element has the focus, and looks whether one sees that it has. */
async function tabTo(page, locator) {
  await locator.waitFor();
  for (let presses = 0; presses < 60; presses += 1) {
    await page.keyboard.press("Tab");
    if (await locator.evaluate((element) => element === document.activeElement)) {
      const shown = await locator.evaluate((element) => {
        const outlines = [getComputedStyle(element), getComputedStyle(element, "::after")];
        return outlines.some((style) => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2);
      });
      assert.ok(shown, "the focus is not seen");
      return;
    }
  }
  assert.fail("Tab does not lead there");
}

async function signIn(page, name) {
  await page.goto("");
  await tabTo(page, page.getByRole("main").getByRole("link", { name: "Sign in" }));
  await page.keyboard.press("Enter");
  await tabTo(page, page.getByLabel("Username"));
  await page.keyboard.type(name);
  await tabTo(page, page.getByLabel("Password"));
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Files", exact: true }).waitFor();
}

/** Chooses files where a button opens the system's dialog, which no page can press keys in. */
async function choose(page, button, files) {
  await tabTo(page, button);
  const chooser = page.waitForEvent("filechooser");
  await page.keyboard.press("Enter");
  await (await chooser).setFiles(files);
}

test("an operation user uploads, looks and deletes", async () => {
  const page = await browser.person(server.url);
  await signIn(page, "olga");
  await choose(page, page.getByRole("button", { name: "Choose files" }), fixture(NAME));
  await rowOf(page.getByRole("table"), NAME).waitFor();
  await tabTo(page, page.getByRole("table").getByRole("button", { name: NAME, exact: true }));
  await page.keyboard.press("Enter");
  await page.getByText("Nobody has asked for a link yet.").waitFor();
  await tabTo(page, page.getByRole("button", { name: `Delete ${NAME}` }));
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape"); // no: the button is there again, and has the focus
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  await page.getByText("No files yet.").waitFor();
  assert.deepEqual((await olga.get("/files")).files, []);
});

test("a client user finds, gets a link, closes the sheet and downloads", async () => {
  await olga.upload(NAME, await content(NAME));
  const page = await browser.person(server.url);
  await signIn(page, "carl");
  await tabTo(page, page.getByRole("searchbox"));
  await page.keyboard.type("python");
  await page.getByText("1 file found").waitFor({ state: "attached" });
  const link = page.getByRole("button", { name: `Get link to ${NAME}` });
  await tabTo(page, link);
  await page.keyboard.press("Enter");
  await page
    .getByRole("dialog")
    .getByText(/Open for/)
    .waitFor();
  await tabTo(page, page.getByRole("dialog").getByLabel("Address of the link"));
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => document.activeElement?.textContent === "Get link");
  await tabTo(page, page.getByRole("button", { name: `Download ${NAME}` }));
  const file = await downloaded(page, () => page.keyboard.press("Enter"));
  assert.deepEqual(file.bytes, await content(NAME));
});

test("somebody sends a batch, and another receives it", async () => {
  const sender = await browser.person(server.url);
  await sender.goto("");
  await tabTo(sender, sender.getByRole("link", { name: "Choose files" }));
  await sender.keyboard.press("Enter");
  await choose(sender, sender.getByRole("button", { name: "Choose files" }), [
    fixture(NAME),
    fixture("ledger-openpyxl.xlsx"),
  ]);
  await tabTo(sender, sender.getByRole("button", { name: "Remove ledger-openpyxl.xlsx" }));
  await sender.keyboard.press("Enter");
  await tabTo(sender, sender.getByLabel("Title"));
  await sender.keyboard.type("By hand");
  await tabTo(sender, sender.getByRole("button", { name: /^Send 1 file/ }));
  await sender.keyboard.press("Enter");
  await sender.locator(".total[data-state=done]").waitFor();
  const link = await sender.getByLabel("Address of the link").inputValue();

  const receiver = await browser.person(server.url);
  await receiver.goto("");
  await tabTo(receiver, receiver.getByLabel("Receive").first());
  await receiver.keyboard.type(link);
  await receiver.keyboard.press("Enter");
  await receiver.getByRole("heading", { name: "By hand" }).waitFor();
  await tabTo(receiver, receiver.getByRole("link", { name: /^Download, 38/ }));
  const file = await downloaded(receiver, () => receiver.keyboard.press("Enter"));
  assert.deepEqual(file.bytes, await content(NAME));

  await tabTo(sender, sender.getByRole("button", { name: "End batch" }));
  await sender.keyboard.press("Enter");
  await sender.keyboard.press("Enter");
  await receiver.getByRole("heading", { name: "This batch has ended" }).waitFor();
});

test("somebody makes a room, another joins it; they talk, share, delete and end", async () => {
  const ann = await browser.person(server.url);
  await ann.goto("");
  await tabTo(ann, ann.getByRole("link", { name: "Make a room" }));
  await ann.keyboard.press("Enter");
  await ann.getByLabel("Your name").and(ann.locator(":focus")).waitFor();
  await ann.keyboard.type("Ann");
  await ann.keyboard.press("Enter");
  const message = ann.getByLabel("Message", { exact: true });
  await message.and(ann.locator(":focus")).waitFor();
  await ann.keyboard.type("hello");
  await ann.keyboard.press("Enter");
  const log = ann.getByRole("log");
  await log.locator("li:not(.pending)").getByText("hello", { exact: true }).waitFor();
  const link = await ann.getByLabel("Address of the room").inputValue();

  const bob = await browser.person(server.url);
  await bob.goto(link);
  await bob.getByLabel("Your name").and(bob.locator(":focus")).waitFor();
  await bob.keyboard.type("Bob");
  await bob.keyboard.press("Enter");
  await bob.getByLabel("Message", { exact: true }).and(bob.locator(":focus")).waitFor();
  const chooser = bob.waitForEvent("filechooser");
  await bob.keyboard.press("Shift+Tab");
  await bob.keyboard.press("Enter");
  await (await chooser).setFiles(fixture(NAME));
  await bob.getByRole("link", { name: `Download ${NAME}` }).waitFor();

  await tabTo(ann, log.getByRole("link", { name: `Download ${NAME}` }));
  const file = await downloaded(ann, () => ann.keyboard.press("Enter"));
  assert.deepEqual(file.bytes, await content(NAME));
  await tabTo(ann, log.getByRole("button", { name: "Delete what Bob said" }));
  await ann.keyboard.press("Enter");
  await ann.keyboard.press("Enter");
  await bob.getByText("Deleted by the maker of the room").waitFor();
  await tabTo(ann, ann.getByRole("button", { name: "End room" }));
  await ann.keyboard.press("Enter");
  await ann.keyboard.press("Enter");
  await bob.getByRole("main").getByText("The room is over").waitFor();
  await tabTo(bob, bob.getByRole("link", { name: "Back to the first page" }));
});
