// Batches: choose, look over, send, share; receive one or all; change and end while others look.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { PNG } from "pngjs";
import { downloaded, drop, openBrowser, rowOf, scanned } from "../support/browser.js";
import { PASSWORD, makeBatch, startServer } from "../support/server.js";

let server, browser, folder;
const clip = Buffer.alloc(3_000_000, "clip ");
before(async () => {
  server = await startServer();
  browser = await openBrowser();
  folder = await mkdtemp(join(tmpdir(), "handover-files-"));
  await mkdir(join(folder, "trip/day 1"), { recursive: true });
  await writeFile(join(folder, "clip.mp4"), clip);
  await writeFile(join(folder, "notes.txt"), "\nAgenda for Thursday\n1. budget\n");
  await writeFile(join(folder, "trip/plan.txt"), "the plan");
  await writeFile(join(folder, "trip/day 1/żółw.png"), PNG.sync.write(new PNG({ width: 60, height: 40, fill: true })));
});
afterEach(() => browser.check());
after(async () => {
  await browser?.close();
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

const files = (...names) => names.map((name) => join(folder, name));
const choose = (page, ...names) =>
  page.locator("input[type=file]:not([webkitdirectory])").setInputFiles(files(...names));
const address = (page) => page.getByLabel("Address of the link").inputValue();

/** Sends what was chosen and waits until all of it is there. */
async function send(page) {
  await page.getByRole("button", { name: /^Send / }).click();
  await page.locator(".total[data-state=done]").waitFor();
  await page.getByRole("img", { name: /QR code/ }).waitFor();
}

test("files are chosen, looked over, sent and received, one and all", async () => {
  const sender = await browser.person(server.url);
  await sender.goto("");
  await sender.getByRole("link", { name: "Choose files" }).click();
  await choose(sender, "clip.mp4", "notes.txt", "trip/plan.txt");
  await rowOf(sender, "notes.txt").getByText("Agenda for Thursday").waitFor();
  await choose(sender, "clip.mp4"); // again: it is there once
  await sender.getByRole("heading", { name: "3 files" }).waitFor();
  await sender.getByRole("button", { name: "Remove plan.txt" }).click();
  await sender.getByLabel("Title").fill("Thursday");
  await sender.getByRole("button", { name: "Send 2 files, 3 MB" }).waitFor();
  await send(sender);
  await sender.getByRole("heading", { name: "Thursday" }).waitFor();
  const link = await address(sender);
  assert.equal(await scanned(sender.getByRole("img", { name: /QR code/ })), link);
  assert.match(link, /\/b\/[a-z0-9]{20}$/);
  assert.equal(sender.url(), link, "the address bar has what is passed on");

  const receiver = await browser.person(server.url);
  await receiver.goto(link);
  await receiver.getByRole("heading", { name: "Thursday" }).waitFor();
  await receiver.getByText(/2 files · 3\sMB · open for 7 days/).waitFor();
  const one = await downloaded(receiver, () => receiver.getByRole("link", { name: "Download clip.mp4" }).click());
  assert.equal(one.name, "clip.mp4");
  assert.ok(one.bytes.equals(clip));
  const all = await downloaded(receiver, () => receiver.getByRole("link", { name: "Download all, 3 MB" }).click());
  assert.match(all.name, /\.zip$/);
  const zip = join(folder, "all.zip");
  await writeFile(zip, all.bytes);
  const unpacked = execFileSync("python3", [
    "-c",
    "import sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); z.testzip(); print(*sorted(z.namelist()))",
    zip,
  ]);
  assert.equal(String(unpacked).trim(), "clip.mp4 notes.txt");
  assert.equal(await receiver.getByRole("button", { name: /Remove|End batch/ }).count(), 0);

  const log = sender.getByRole("region", { name: "Fetched" });
  await log.getByText("clip.mp4").waitFor();
  await log.getByText("2 files as a ZIP").waitFor();
  await sender.getByText("Your link as the sender").click();
  const key = (await sender.getByRole("textbox", { name: "Your link as the sender" }).inputValue()).split("#")[1];
  assert.ok(!server.log().includes(key) && !server.log().includes(link.split("/").pop()), "an address is in the log");
  assert.match(server.log(), /\/api\/batches\/\{id\}\/files/);
});

test("a folder is chosen with all that is in it", async () => {
  const page = await browser.person(server.url);
  await page.goto("new");
  await page.locator("input[webkitdirectory]").setInputFiles(join(folder, "trip"));
  await page.getByRole("heading", { name: "2 files" }).waitFor();
  await rowOf(page, "trip/day 1/żółw.png").locator("canvas").waitFor();
  await send(page);
  const receiver = await browser.person(server.url);
  await receiver.goto(await address(page));
  await rowOf(receiver, "trip/day 1/żółw.png").waitFor();
  const plan = await downloaded(receiver, () => receiver.getByRole("link", { name: "Download trip/plan.txt" }).click());
  assert.deepEqual([plan.name, String(plan.bytes)], ["plan.txt", "the plan"]);
});

test("whoever looks sees what is added, removed and ended at once", async () => {
  const batch = await makeBatch(server.url, { title: "Live" });
  const sender = await browser.person(server.url);
  const receiver = await browser.person(server.url);
  await receiver.goto(batch.path.slice(1));
  await receiver.getByText("Nothing here yet.").waitFor();
  await sender.goto(batch.senderPath.slice(1));
  await sender.getByRole("img", { name: /QR code/ }).waitFor();
  await drop(sender, "main", [
    ["<img src=x onerror=alert(1)>.txt", "a"],
    ["second.txt", "bb"],
  ]);
  await rowOf(receiver, "<img src=x onerror=alert(1)>.txt").waitFor();
  await rowOf(receiver, "second.txt").waitFor();
  const row = rowOf(sender, "second.txt");
  await row.getByRole("button", { name: "Remove second.txt" }).click();
  await row.getByRole("button", { name: "Remove", exact: true }).click();
  await rowOf(receiver, "second.txt").waitFor({ state: "detached" });
  await receiver.getByText(/1 file ·/).waitFor();
  await sender.getByRole("button", { name: "End batch" }).click();
  await sender
    .getByRole("group", { name: /Remove all files/ })
    .getByRole("button", { name: "End batch" })
    .click();
  for (const page of [sender, receiver]) await page.getByRole("heading", { name: "This batch has ended" }).waitFor();
  await receiver.reload();
  await receiver.getByRole("heading", { name: "There is no such batch" }).waitFor();
});

test("a password is asked for before any name is shown", async () => {
  const sender = await browser.person(server.url);
  await sender.goto("new");
  await choose(sender, "notes.txt");
  await sender.getByLabel("Password").fill("zażółć gęślą");
  await sender.getByLabel("Open for").selectOption("1 hour");
  await send(sender);
  await sender.getByText(/with a password/).waitFor();
  const receiver = await browser.person(server.url);
  await receiver.goto(await address(sender));
  await receiver.getByRole("heading", { name: "This batch has a password" }).waitFor();
  assert.ok(!(await receiver.content()).includes("notes.txt"));
  await receiver.getByLabel("Password").fill("wrong one");
  await receiver.getByRole("button", { name: "Open" }).click();
  await receiver.getByRole("alert").filter({ hasText: "The password is wrong." }).waitFor();
  await receiver.getByLabel("Password").fill("zażółć gęślą");
  await receiver.getByRole("button", { name: "Open" }).click();
  const file = await downloaded(receiver, () => receiver.getByRole("link", { name: "Download notes.txt" }).click());
  assert.equal(String(file.bytes), "\nAgenda for Thursday\n1. budget\n");
  await receiver.reload();
  await rowOf(receiver, "notes.txt").waitFor(); // asked once
});

test("a file that may be fetched once says when it has been", async () => {
  const batch = await makeBatch(server.url, { max_downloads: "1" });
  await batch.add(["once.txt", "x"]);
  const page = await browser.person(server.url);
  await page.goto(batch.path.slice(1));
  await page.getByText("1 download left").waitFor();
  await downloaded(page, () => page.getByRole("link", { name: "Download once.txt" }).click());
  await page.reload();
  await page.getByText("fetched as often as its sender allows").waitFor();
});

test("a wrong key and a wrong address say what to do", async () => {
  const batch = await makeBatch(server.url);
  const page = await browser.person(server.url);
  await page.goto(`${batch.path.slice(1)}#${"a".repeat(32)}`);
  await page.getByRole("heading", { name: "This key does not open the batch" }).waitFor();
  await page.goto("b/aaaaaaaaaaaaaaaaaaaa");
  await page.getByRole("heading", { name: "There is no such batch" }).waitFor();
  await page.getByText(/Ask them for a new link/).waitFor();
});

test("where guests may not send, the page asks for a sign-in and keeps what was chosen", async () => {
  const closed = await startServer("--guests", "deny");
  try {
    await closed.register("carl");
    const page = await browser.person(closed.url);
    await page.goto("new");
    await choose(page, "notes.txt");
    await page.getByRole("button", { name: /^Send/ }).click();
    const sheet = page.getByRole("dialog", { name: "Sign in" });
    await sheet.getByLabel("Username").fill("carl");
    await sheet.getByLabel("Password").fill(PASSWORD);
    await sheet.getByRole("button", { name: "Sign in" }).click();
    await page.locator(".total[data-state=done]").waitFor();
    const receiver = await browser.person(closed.url);
    await receiver.goto(await address(page));
    await receiver.getByText(/From carl · 1 file/).waitFor();
  } finally {
    await closed.stop();
  }
});
