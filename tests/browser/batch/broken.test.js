// A broken connection during uploads: the page says so, keeps the others going, offers to retry; leaving asks first.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { openBrowser, rowOf, signIn } from "../support/browser.js";
import { content, startServer } from "../support/server.js";
import { wire } from "../support/wire.js";

let server, browser, line, olga, large;
before(async () => {
  server = await startServer();
  browser = await openBrowser();
  line = await wire(server.port);
  olga = await server.register("olga", true);
  large = Buffer.alloc(6_000_000, "large ");
});
afterEach(() => {
  line.release();
  line.mend();
  browser.check();
});
after(async () => {
  await browser?.close();
  await line?.close();
  await server?.stop();
});

test("one upload of the desk breaks, the others arrive, and a retry brings it, too", async () => {
  const page = await browser.person(line.url);
  await signIn(page, "olga");
  const document = await content("report-python-docx.docx");
  line.cutAfter('filename="broken.docx"', 5000);
  const chosen = ["first.docx", "broken.docx", "third.docx", "fourth.docx"].map((name) => ({
    name,
    mimeType: "",
    buffer: document,
  }));
  await page.locator("input[type=file]").setInputFiles(chosen);
  const uploads = page.getByRole("list", { name: "Uploads" });
  const broken = uploads.locator("li").filter({ hasText: "broken.docx" });
  await broken.getByText("The connection broke. Check it and try again.").waitFor();
  for (const name of ["first.docx", "third.docx", "fourth.docx"])
    await uploads.locator("li[data-state=done]").filter({ hasText: name }).waitFor();
  assert.ok(line.cuts() > 0);
  line.mend();
  await broken.getByRole("button", { name: "Retry the upload of broken.docx" }).click();
  await uploads.locator("li[data-state=done]").filter({ hasText: "broken.docx" }).waitFor();
  const { files } = await olga.get("/files");
  assert.deepEqual(
    files.map((file) => [file.filename, file.version]).sort(),
    chosen.map(({ name }) => [name, 1]).sort(),
  );
});

test("one file of a batch breaks, the others arrive, and a retry makes it whole", async () => {
  const page = await browser.person(line.url);
  await page.goto("new");
  line.cutAfter('filename="broken.bin"', 100_000);
  const chosen = ["one.bin", "broken.bin", "three.bin"].map((name) => ({ name, mimeType: "", buffer: large }));
  await page.locator("input[type=file]").first().setInputFiles(chosen);
  await page.getByRole("button", { name: /^Send/ }).click();
  await page
    .locator(".total[data-state=failed]")
    .getByText("1 file has not arrived. Retry or leave them out.")
    .waitFor();
  line.mend();
  await page.getByRole("button", { name: "Retry the upload of broken.bin" }).click();
  await page.locator(".total[data-state=done]").getByText("All 3 files are there.").waitFor();
  await rowOf(page.getByRole("list", { name: "Files" }), "broken.bin").waitFor();
  await page.getByText(/3 files · 18\sMB/).waitFor();
});

test("uploads show how far they are, can be cancelled, and are asked about before the page is left", async () => {
  const page = await browser.person(line.url);
  await page.goto("new");
  const file = join(server.folder, "slow.bin");
  await writeFile(file, Buffer.alloc(60_000_000, 7));
  await page.locator("input[type=file]").first().setInputFiles(file);
  await page.getByRole("button", { name: /^Send/ }).click();
  const row = page.locator("li.upload");
  await row.waitFor();
  line.hold();
  await row.getByRole("button", { name: "Cancel the upload of slow.bin" }).waitFor();
  const asked = page.waitForEvent("dialog");
  const leaving = page.getByRole("link", { name: "Handover" }).click({ noWaitAfter: true });
  const dialog = await asked;
  assert.equal(dialog.type(), "beforeunload");
  await dialog.dismiss();
  await leaving;
  await row.getByRole("button", { name: "Cancel the upload of slow.bin" }).click();
  await row.waitFor({ state: "detached" });
  line.release();
  await page.getByRole("link", { name: "Handover" }).click(); // nothing is lost now, so nobody asks
  await page.getByRole("heading", { name: "Hand a file over" }).waitFor();
});
