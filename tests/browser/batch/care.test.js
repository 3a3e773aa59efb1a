// What a batch's pages take care of: keys, limits, counts, names, life, and files that are not what they were.

import assert from "node:assert/strict";
import { mkdir, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { downloaded, openBrowser, rowOf } from "../support/browser.js";
import { makeBatch, startServer } from "../support/server.js";

let server, browser;
before(async () => {
  server = await startServer("--max-file-size", "5MB", "--max-batch-files", "3000");
  browser = await openBrowser();
});
afterEach(() => browser.check());
after(async () => {
  await browser?.close();
  await server?.stop();
});

const small = (name, text = name) => ({ name, mimeType: "", buffer: Buffer.from(text) });

/** A page that has these files chosen. */
async function chosen(files, folder) {
  const page = await browser.person(server.url);
  await page.goto("new");
  const input = page.locator(folder ? "input[webkitdirectory]" : "input[type=file]").first();
  await input.setInputFiles(files);
  return page;
}

/** Presses Send and waits until all is there. */
async function sent(page) {
  await page.getByRole("button", { name: /^Send/ }).click();
  await page.locator(".total[data-state=done]").waitFor({ timeout: 60_000 });
}

test("the address bar has the address to pass on, and this browser the key", async () => {
  const page = await chosen([small("a.txt")]);
  await sent(page);
  const address = page.url();
  assert.equal(new URL(address).hash, "");
  await page.reload();
  await page.getByRole("button", { name: "End batch" }).waitFor();
  const another = await page.context().newPage();
  await another.goto(address);
  await another.getByRole("button", { name: "End batch" }).waitFor();
  await another.close();
  // Whoever is sent what stands in the bar is a receiver.
  const receiver = await browser.person(server.url);
  await receiver.goto(address);
  await receiver.getByRole("link", { name: /^Download, / }).waitFor();
  assert.equal(await receiver.getByRole("button", { name: "End batch" }).count(), 0);
  // The sender's own link goes to another device.
  await page.getByText("Your link as the sender").click();
  const link = await page.getByRole("textbox", { name: "Your link as the sender" }).inputValue();
  assert.match(link, /#[a-z2-9]{32}$/);
  const phone = await browser.person(server.url);
  await phone.goto(link);
  await phone.getByRole("textbox", { name: "Address of the link" }).waitFor();
  assert.equal(phone.url(), address);
  await phone.goto("about:blank");
  await phone.goto(address);
  await phone.getByRole("button", { name: "End batch" }).waitFor();
});

test("limits are told before anything is chosen, and judged before anything is sent", async () => {
  const page = await browser.person(server.url);
  await page.goto("new");
  await page.getByText(/Up to 5\sMB a file, .* and 3,000 files together\./).waitFor();
  const large = { name: "large.bin", mimeType: "", buffer: Buffer.alloc(5_000_001) };
  await page
    .locator("input[type=file]")
    .first()
    .setInputFiles([small("a.txt"), large]);
  await page.getByText(/large\.bin is larger than 5\sMB/).waitFor();
  assert.ok(await page.getByRole("button", { name: /^Send/ }).isDisabled());
  await page.getByRole("button", { name: "Remove large.bin" }).click();
  await sent(page);
});

test("what is used up is not offered, here or in the ZIP, as it happens", async () => {
  const batch = await makeBatch(server.url, { max_downloads: "1" });
  await batch.add(["one.txt", "1"], ["two.txt", "22"], ["three.txt", "333"]);
  const page = await browser.person(server.url);
  await page.goto(batch.path.slice(1));
  await page.getByRole("link", { name: "Download all, 6\u00a0B" }).waitFor();
  await downloaded(page, () => page.getByRole("link", { name: "Download one.txt" }).click());
  await rowOf(page, "one.txt").getByText("fetched as often as its sender allows").waitFor();
  assert.equal(await page.getByRole("link", { name: "Download one.txt" }).count(), 0);
  const left = page.getByRole("link", { name: "Download what is left, 5\u00a0B" });
  const { bytes } = await downloaded(page, () => left.click());
  assert.ok(bytes.includes("two.txt") && !bytes.includes("one.txt"));
  await page
    .getByRole("link", { name: /^Download/ })
    .first()
    .waitFor({ state: "detached" });
});

test("a file that was changed or deleted since says so, and keeps nobody", async () => {
  const folder = join(server.folder, "changing");
  await mkdir(folder);
  const paths = ["edited.txt", "deleted.txt", "fine.txt"].map((name) => join(folder, name));
  for (const path of paths) await writeFile(path, "first ".repeat(100));
  const page = await chosen(paths);
  await rowOf(page, "fine.txt").getByText("first").waitFor(); // it has been looked into
  await writeFile(paths[0], "second, longer ".repeat(100));
  await rm(paths[1]);
  await page.getByRole("button", { name: /^Send/ }).click();
  for (const name of ["edited.txt", "deleted.txt"]) {
    const row = page.locator("li.upload").filter({ hasText: name });
    await row.getByText("The file was changed, moved or deleted after you chose it.").waitFor();
  }
  await rowOf(page.getByRole("list", { name: "Files" }), "fine.txt").waitFor();
});

test("what a proxy refuses is told in words", async () => {
  const page = await chosen([small("a.txt")]);
  const refusal = { status: 413, contentType: "text/html", body: "<h1>413 Request Entity Too Large</h1>" };
  await page.route("**/api/batches/*/files", (route) => route.fulfill(refusal));
  await page.getByRole("button", { name: /^Send/ }).click();
  const row = page.locator("li.upload");
  await row.getByText("Something between this browser and the server takes no file of this size.").waitFor();
});

test("files stand in the order that people expect, whichever arrives first", async () => {
  const batch = await makeBatch(server.url);
  await batch.add(["photo 10.jpg", "x"], ["photo 9.jpg", "x"], ["Album.pdf", "x"]);
  const page = await browser.person(server.url);
  await page.goto(batch.path.slice(1));
  const names = () => page.getByRole("list", { name: "Files" }).locator(".name").allTextContents();
  await page.getByRole("link", { name: /^Download all/ }).waitFor();
  assert.deepEqual(await names(), ["Album.pdf", "photo 9.jpg", "photo 10.jpg"]);
  await batch.add(["photo 9b.jpg", "x"]);
  await rowOf(page, "photo 9b.jpg").waitFor();
  assert.deepEqual(await names(), ["Album.pdf", "photo 9.jpg", "photo 9b.jpg", "photo 10.jpg"]);
});

test("a batch is kept open for longer", async () => {
  const batch = await makeBatch(server.url, { expires_in: "120" });
  const page = await browser.person(server.url);
  await page.goto(batch.senderPath.slice(1));
  await page
    .locator(".head")
    .getByText(/open for 1:\d\d/)
    .waitFor();
  await page.getByText("Keep it open", { exact: true }).first().click();
  await page.getByLabel("Keep it open for").selectOption("1 day");
  await page.getByRole("button", { name: "Keep it open" }).click();
  await page.locator(".head").getByText("open for 24 hours").waitFor();
});

test("thousands of small files go together, without a row for each, with their dates", async () => {
  const number = 2000;
  const folder = join(server.folder, "many");
  await mkdir(folder);
  const dated = new Date("2020-02-02T20:20:20Z");
  for (let i = 0; i < number; i++) {
    const path = join(folder, `IMG_${i}.jpg`);
    await writeFile(path, Buffer.alloc(3000, i % 251));
    await utimes(path, dated, dated);
  }
  const page = await chosen(folder, true);
  await page.getByRole("button", { name: /^Send 2,000 files/ }).waitFor({ timeout: 60_000 });
  let requests = 0;
  page.on("request", (request) => (requests += /\/api\/batches\/\w+\/files$/.test(request.url()) ? 1 : 0));
  await page.evaluate(() => {
    window.rows = 0;
    const count = () => (window.rows = Math.max(window.rows, document.querySelectorAll("li.upload").length));
    new MutationObserver(count).observe(document.body, { subtree: true, childList: true });
  });
  const begun = Date.now();
  await sent(page);
  const rate = Math.round((number * 1000) / (Date.now() - begun));
  console.log(`${rate} files/s`);
  assert.ok(requests <= number / 100 + 1, `${requests} requests`);
  assert.equal(await page.evaluate(() => window.rows), 0);
  const id = new URL(page.url()).pathname.split("/").pop();
  const { files } = await (await fetch(`${server.url}/api/batches/${id}`)).json();
  assert.equal(files.length, number);
  assert.ok(files.every((file) => file.modified_at.startsWith("2020-02-02T20:20:20")));
});

test("what cannot go along is named", async () => {
  const page = await browser.person(server.url);
  await page.goto("new");
  await page.getByRole("heading", { name: "New batch" }).waitFor();
  const empty = join(server.folder, "Case", "02 Replies");
  await mkdir(empty, { recursive: true });
  await writeFile(join(server.folder, "Case", "01.txt"), "x");
  const devtools = await page.context().newCDPSession(page);
  const data = { items: [], files: [join(server.folder, "Case")], dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"])
    await devtools.send("Input.dispatchDragEvent", { type, x: 300, y: 300, data });
  await page.getByText("1 empty folder is left out: a batch has files alone.").waitFor();
  await page.getByRole("button", { name: /^Send 1 file/ }).waitFor();
});
