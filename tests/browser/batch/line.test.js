// Lines that go and come back during uploads: nothing is asked of anybody, nothing is lost, nothing is there twice.

import assert from "node:assert/strict";
import { mkdtemp, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { openBrowser } from "../support/browser.js";
import { startServer } from "../support/server.js";
import { wire } from "../support/wire.js";

let server, browser, line;
before(async () => {
  server = await startServer();
  browser = await openBrowser();
  line = await wire(server.port);
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

/** Files of different content, large enough to go one by one. */
async function files(number, size = 300_000) {
  const folder = await mkdtemp(join(server.folder, "chosen-"));
  const paths = Array.from({ length: number }, (_, index) => join(folder, `file ${index + 1}.bin`));
  for (const [index, path] of paths.entries()) await writeFile(path, Buffer.alloc(size, `${index} `));
  return paths;
}

/** A page that has begun to send these files. */
async function sending(chosen) {
  const page = await browser.person(line.url);
  await page.goto("new");
  await page.locator("input[type=file]").first().setInputFiles(chosen);
  await page.getByRole("button", { name: /^Send/ }).click();
  await page.locator(".total").waitFor();
  return page;
}

/** Waits until all have arrived, and says how many there are by the API. */
async function arrived(page, number) {
  await page
    .locator(".total[data-state=done]")
    .getByText(`All ${number} files are there.`)
    .waitFor({ timeout: 60_000 });
  const id = new URL(page.url()).pathname.split("/").pop();
  const batch = await (await fetch(`${server.url}/api/batches/${id}`)).json();
  return batch.files.map((file) => file.filename).sort();
}

const names = (chosen) => chosen.map((path) => basename(path)).sort();

test("the line is gone for a while, and all goes on by itself", async () => {
  const chosen = await files(40);
  const page = await sending(chosen);
  await page.getByText(/^[1-9]\d* of 40 files/).waitFor();
  line.sever();
  await page
    .locator(".total[data-state=held]")
    .getByText(/The connection is gone/)
    .waitFor();
  assert.equal(await page.locator("li.upload[data-state=broken]").count(), 0);
  assert.equal(await page.getByRole("button", { name: /^Retry/ }).count(), 0);
  line.mend();
  assert.deepEqual(await arrived(page, 40), names(chosen));
});

test("an answer that is lost is asked for again, and the file is there once", async () => {
  const chosen = await files(2);
  const page = await browser.person(line.url);
  await page.goto("new");
  await page.locator("input[type=file]").first().setInputFiles(chosen);
  await page.route("**/api/batches/*/files", async (route) => {
    line.deafen(); // from now on the server hears the page, and the page not the server
    await route.continue();
  });
  await page.getByRole("button", { name: /^Send/ }).click();
  await page.locator(".total").waitFor();
  const id = new URL(page.url()).pathname.split("/").pop();
  const stored = async () => (await (await fetch(`${server.url}/api/batches/${id}`)).json()).files.length;
  while ((await stored()) < 2) await page.waitForTimeout(50);
  await page.unroute("**/api/batches/*/files");
  line.sever();
  line.mend();
  assert.deepEqual(await arrived(page, 2), names(chosen));
});

test("the server is killed and started again, and all goes on by itself", async () => {
  const chosen = await files(30);
  const page = await sending(chosen);
  await page.getByText(/^[1-9]\d* of 30 files/).waitFor();
  await server.kill();
  await page.locator(".total[data-state=held]").waitFor();
  await server.revive();
  assert.deepEqual(await arrived(page, 30), names(chosen));
});

test("a request that stands still is given up, and goes on when the network is back", async () => {
  const chosen = await files(3, 20_000_000);
  const page = await browser.person(line.url);
  await page.goto("new");
  await page.locator("input[type=file]").first().setInputFiles(chosen);
  await page.route("**/api/batches/*/files", async (route) => {
    line.hold(); // from now on nothing passes
    await route.continue();
  });
  await page.getByRole("button", { name: /^Send/ }).click();
  await page
    .getByText(/Nothing is moving/)
    .first()
    .waitFor();
  await page.locator(".total[data-state=held]").waitFor({ timeout: 30_000 });
  await page.unroute("**/api/batches/*/files");
  line.sever(); // what was on its way is gone for good
  line.release();
  line.mend();
  const back = Date.now();
  await page.locator(".total:not([data-state=held])").waitFor();
  assert.ok(Date.now() - back < 9000, `${Date.now() - back} ms`);
  assert.deepEqual(await arrived(page, 3), names(chosen));
});

test("one press tries all again that have failed", async () => {
  const page = await browser.person(server.url);
  await page.goto("new");
  const chosen = await files(3);
  await page.locator("input[type=file]").first().setInputFiles(chosen);
  await page.route("**/api/batches/*/files", (route) =>
    route.fulfill({ status: 500, json: { code: "internal_error" } }),
  );
  await page.getByRole("button", { name: /^Send/ }).click();
  await page.locator(".total[data-state=failed]").getByText("3 files have not arrived.").waitFor();
  await page.unroute("**/api/batches/*/files");
  await page.getByRole("button", { name: "Retry all" }).click();
  assert.deepEqual(await arrived(page, 3), names(chosen));
});
