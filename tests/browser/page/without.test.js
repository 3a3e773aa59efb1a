// Browsers that keep nothing, run nothing, or did not get everything: no page stands still without a word.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { downloaded, openBrowser, openForgetful } from "../support/browser.js";
import { makeBatch, makeRoom, startServer } from "../support/server.js";

let server, browser, batch;
before(async () => {
  server = await startServer();
  browser = await openBrowser();
  batch = await makeBatch(server.url, { title: "For you" });
  await batch.add(["one.txt", "one"], ["two.txt", "two two"]);
});
afterEach(() => browser.check());
after(async () => {
  await browser?.close();
  await server?.stop();
});

test("a browser that keeps nothing has every page", async () => {
  const { page, wrong, close } = await openForgetful(server.url);
  const room = await makeRoom(server.url, "Talk");
  try {
    for (const [path, heading] of [
      ["", "Hand a file over"],
      ["desk", "Sign in"],
      ["direct", "Hand over directly"],
      ["new", "New batch"],
      [batch.path.slice(1), "For you"],
      [batch.senderPath.slice(1), "For you"],
      ["room", "New room"],
      [room.path.slice(1), "Talk"],
    ]) {
      await page.goto("about:blank");
      await page.goto(path);
      await page.getByRole("heading", { name: heading, exact: true }).waitFor();
    }
    // A batch is made, and its sender stays its sender when the page is loaded again.
    await page.goto("new");
    const file = { name: "kept.txt", mimeType: "", buffer: Buffer.from("kept") };
    await page.locator("input[type=file]").first().setInputFiles(file);
    await page.getByRole("button", { name: /^Send/ }).click();
    await page.locator(".total[data-state=done]").waitFor();
    assert.equal(new URL(page.url()).hash, "");
    await page.reload();
    await page.getByRole("button", { name: "End batch" }).waitFor();
    // A code that is typed on the first page arrives on the next one.
    await page.goto("");
    await page.getByLabel("Receive").fill("7-acrobat-puzzle");
    await page.getByRole("button", { name: "Receive" }).click();
    await page.waitForURL("**/direct#7-acrobat-puzzle");
    assert.deepEqual(wrong, []);
  } finally {
    await close();
  }
});

test("a password is no way round in circles where no cookie is kept", async () => {
  const locked = await makeBatch(server.url, { password: "opensesame" });
  const { page, close } = await openForgetful(server.url);
  try {
    await page.goto(locked.path.slice(1));
    await page.getByLabel("Password").fill("opensesame");
    await page.getByRole("button", { name: "Open" }).click();
    await page.getByText("this browser keeps no cookie for this site").waitFor();
  } finally {
    await close();
  }
});

/** The plain links, by their text. */
const linkTo = (page, name) => page.locator("main").getByRole("link", { name });

test("without scripts the files of a batch are plain links", async () => {
  const page = await browser.person(server.url, { javaScriptEnabled: false });
  await page.goto(batch.path.slice(1));
  await page.getByRole("heading", { name: "For you" }).waitFor();
  const { name, bytes } = await downloaded(page, () => linkTo(page, "two.txt").click());
  assert.deepEqual([name, bytes.toString()], ["two.txt", "two two"]);
  const zip = await downloaded(page, () => linkTo(page, "Download all as a ZIP").click());
  assert.equal(zip.name, "For you.zip");
});

test("where a script does not arrive the page says so, and has the files", async () => {
  for (const missing of ["base/time.js", "base/session.js", "base/icons.js", "batch/batch.js"]) {
    const page = await browser.person(server.url);
    await page.route(`**/assets/**/${missing}`, (route) => route.abort());
    await page.goto(batch.path.slice(1));
    await linkTo(page, "one.txt").waitFor();
    await page.context().close();
  }
  const page = await browser.person(server.url);
  await page.route("**/assets/**/base/dom.js", (route) => route.abort());
  await page.goto("new");
  await page.getByRole("heading", { name: "This page has not come up" }).waitFor();
});

test("the first page has its four ways in one row, and on a phone one below the other", async () => {
  const page = await browser.person(server.url);
  await page.goto("");
  const tops = async () => {
    await page.locator(".way").nth(3).waitFor();
    return new Set(
      await page.locator(".way").evaluateAll((ways) => ways.map((way) => way.getBoundingClientRect().top)),
    );
  };
  assert.equal((await tops()).size, 1);
  await page.setViewportSize({ width: 390, height: 800 });
  assert.equal((await tops()).size, 4);
});
