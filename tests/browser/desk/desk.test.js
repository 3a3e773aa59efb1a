// The desk of operation users: register, upload, refusals, search, versions, delete, who fetched what.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { downloaded, drop, openBrowser, rowOf, signIn } from "../support/browser.js";
import { PASSWORD, content, fixture, startServer } from "../support/server.js";

let server, browser, olga, carl;
before(async () => {
  server = await startServer();
  browser = await openBrowser();
  olga = await server.register("olga", true);
  carl = await server.register("carl");
});
afterEach(() => browser.check());
after(async () => {
  await browser?.close();
  await server?.stop();
});

test("an operation user registers, signs out and in again", async () => {
  const page = await browser.person(server.url);
  await page.goto("");
  await page.getByRole("link", { name: "Create an account" }).click();
  await page.getByLabel("Username").fill("otto");
  await page.getByLabel("Email").fill("otto@example.org");
  await page.getByLabel(/I upload office files/).check();
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Create an account" }).click();
  await page.getByRole("heading", { name: "Drop office files here" }).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Username").fill("otto");
  await page.getByLabel("Password").fill("wrong horse");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").filter({ hasText: "Invalid username or password" }).waitFor();
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Drop office files here" }).waitFor();
});

test("a name that is taken is refused in the server's words", async () => {
  const page = await browser.person(server.url);
  await page.goto("desk#register");
  await page.getByLabel("Username").fill("OLGA");
  await page.getByLabel("Email").fill("other@example.org");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Create an account" }).click();
  await page.getByRole("alert").filter({ hasText: "Username already exists" }).waitFor();
});

test("where sign-up is closed no form asks for it", async () => {
  const closed = await startServer("--client-signup", "closed", "--operation-signup", "closed");
  try {
    const page = await browser.person(closed.url);
    await page.goto("");
    await page.getByRole("link", { name: "Sign in" }).first().waitFor();
    assert.equal(await page.getByRole("link", { name: "Create an account" }).count(), 0);
    await page.goto("desk#register");
    await page.getByText("Accounts are made by invitation here.").waitFor();
    assert.equal(await page.getByLabel("Email").count(), 0);
  } finally {
    await closed.stop();
  }
});

test("where a code opens the sign-up of clients, the form asks for it", async () => {
  const server = await startServer("--client-signup", "code:open sesame", "--operation-signup", "closed");
  try {
    const page = await browser.person(server.url);
    await page.goto("desk#register");
    assert.equal(await page.getByLabel(/I upload office files/).isVisible(), false);
    await page.getByLabel("Username").fill("carla");
    await page.getByLabel("Email").fill("carla@example.org");
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByLabel("Sign-up code").fill("open sesame");
    await page.getByRole("button", { name: "Create an account" }).click();
    await page.getByRole("button", { name: "Sign out" }).waitFor();
  } finally {
    await server.stop();
  }
});

test("files are chosen and dropped, and each is told its fate", async () => {
  const page = await browser.person(server.url);
  await signIn(page, "olga");
  await page.getByText("No files yet. Drop the first one above.").waitFor();
  const names = ["report-python-docx.docx", "ledger-openpyxl.xlsx", "hostile-macro-inside.docx"];
  await page.locator("input[type=file]").setInputFiles(names.map(fixture));
  const uploads = page.getByRole("list", { name: "Uploads" });
  for (const name of names.slice(0, 2)) {
    await uploads.locator("li[data-state=done]").filter({ hasText: name }).waitFor();
    await rowOf(page.getByRole("region", { name: "Files" }), name).waitFor();
  }
  const refused = uploads.locator("li[data-state=refused]").filter({ hasText: "hostile-macro-inside.docx" });
  await refused.getByText(/macros/).waitFor();
  await drop(page, "main", [["notes.txt", "not an office file"]]);
  await uploads
    .locator("li[data-state=refused]")
    .getByText("Invalid file type. Only .pptx, .docx, and .xlsx are allowed.")
    .waitFor();
  await refused.getByRole("button", { name: /Remove/ }).click();
  await refused.waitFor({ state: "detached" });

  const { files } = await olga.get("/files");
  assert.deepEqual(files.map((file) => file.filename).sort(), names.slice(0, 2).sort());
});

test("the same name becomes another version, and both can be seen", async () => {
  const page = await browser.person(server.url);
  await olga.upload("plan.docx", await content("report-python-docx.docx"));
  await signIn(page, "olga");
  const twice = { name: "plan.docx", mimeType: "", buffer: await content("brief-libreoffice.docx") };
  await page.locator("input[type=file]").setInputFiles(twice);
  await page.getByText("Uploaded as version 2").first().waitFor();
  const row = rowOf(page, "plan.docx");
  await page.getByRole("table").getByRole("button", { name: "plan.docx", exact: true }).click();
  await page.getByText("Version 1 ·").waitFor();
  await page.getByText("Version 2 ·").waitFor();
  await page.getByRole("button", { name: "Delete version 1" }).click();
  await page.getByRole("group", { name: "Delete?" }).getByRole("button", { name: "Delete" }).click();
  await page.waitForFunction(() => !document.querySelector("tr.details"));
  assert.deepEqual(
    (await olga.get("/files/plan.docx")).versions.map((file) => file.version),
    [2],
  );
  await row.waitFor();
});

test("a search finds, says when it does not, and comes back", async () => {
  const page = await browser.person(server.url);
  await olga.upload("Żółw и отчёт.docx", await content("report-python-docx.docx"));
  await signIn(page, "olga");
  const search = page.getByRole("searchbox", { name: "Search files" });
  await search.fill("ОТЧЁТ");
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
  await rowOf(page, "Żółw и отчёт.docx").waitFor();
  await search.fill("nowhere");
  await page.getByText("No name contains “nowhere”.").waitFor();
  await search.fill("");
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length > 1);
});

test("a file is deleted once it was asked, and kept when the answer is no", async () => {
  const page = await browser.person(server.url);
  await olga.upload("old.docx", await content("report-python-docx.docx"));
  await signIn(page, "olga");
  const row = rowOf(page, "old.docx");
  await row.getByRole("button", { name: "Delete old.docx" }).click();
  await row.getByRole("button", { name: "Keep" }).click();
  await row.getByRole("button", { name: "Delete old.docx" }).click();
  await row.getByRole("button", { name: "Delete", exact: true }).click();
  await row.waitFor({ state: "detached" });
  assert.ok(!(await olga.get("/files")).files.some((file) => file.filename === "old.docx"));
});

test("the desk tells who fetched what", async () => {
  await olga.upload("offer.docx", await content("report-python-docx.docx"));
  const { download_url: url } = await carl.link("offer.docx");
  assert.deepEqual(Buffer.from(await (await fetch(url)).arrayBuffer()), await content("report-python-docx.docx"));
  const page = await browser.person(server.url);
  await signIn(page, "olga");
  await rowOf(page, "offer.docx").getByText("by carl").waitFor();
  await page.getByRole("table").getByRole("button", { name: "offer.docx", exact: true }).click();
  await page.getByText(/carl fetched it/).waitFor();
  await page.getByText(/from 127\.0\.0\.1/).waitFor();
});

test("one sign-in is enough for all tabs, and one sign-out ends all", async () => {
  const page = await browser.person(server.url);
  await signIn(page, "olga");
  const other = await page.context().newPage();
  await other.goto("desk");
  await other.getByRole("heading", { name: "Drop office files here" }).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await other.getByRole("button", { name: "Sign in" }).waitFor();
  assert.equal(await other.evaluate(() => sessionStorage.length + localStorage.length), 0);
});

test("a client user sees the same files, and downloads one", async () => {
  await olga.upload("sheet.xlsx", await content("sheet-libreoffice.xlsx"));
  const page = await browser.person(server.url);
  await signIn(page, "carl");
  const file = await downloaded(page, () => page.getByRole("button", { name: "Download sheet.xlsx" }).click());
  assert.equal(file.name, "sheet.xlsx");
  assert.deepEqual(file.bytes, await content("sheet-libreoffice.xlsx"));
  assert.equal(await page.getByRole("heading", { name: "Drop office files here" }).count(), 0);
});
