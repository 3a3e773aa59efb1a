// One-time links: a client user gets one, another person takes the file, and the sheet tells.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { downloaded, openBrowser, rowOf, scanned, signIn } from "../support/browser.js";
import { content, startServer } from "../support/server.js";

const NAME = "report-python-docx.docx";

let server, browser, carl, file;
before(async () => {
  server = await startServer();
  browser = await openBrowser();
  file = await content(NAME);
  await (await server.register("olga", true)).upload(NAME, file);
  carl = await server.register("carl");
});
afterEach(() => browser.check());
after(async () => {
  await browser?.close();
  await server?.stop();
});

test("a link is got, scanned, used by somebody else, and its state changes", async () => {
  const page = await browser.person(server.url, { permissions: ["clipboard-read", "clipboard-write"] });
  await signIn(page, "carl");
  await page.getByRole("button", { name: `Get link to ${NAME}` }).click();
  const sheet = page.getByRole("dialog", { name: "One-time link" });
  await sheet.getByText(/Open for (9:5|10:0)\d/).waitFor();
  const address = await sheet.getByLabel("Address of the link").inputValue();
  assert.ok(address.startsWith(`${server.url}/d/`), address);
  assert.equal(await scanned(sheet.getByRole("img", { name: /QR code/ })), address);
  await sheet.getByRole("button", { name: "Copy" }).click();
  await sheet.getByRole("button", { name: "Copied" }).waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), address);

  const receiver = await browser.person(server.url);
  await receiver.goto(address);
  await receiver.getByRole("heading", { name: NAME }).waitFor();
  await sheet.getByText(/Open for/).waitFor(); // looking at it spent nothing
  const taken = await downloaded(receiver, () => receiver.getByRole("button", { name: "Download" }).click());
  assert.equal(taken.name, NAME);
  assert.deepEqual(taken.bytes, file);
  await receiver.getByText(/the link is used up/).waitFor();
  await sheet.getByText("Link used").waitFor();
  await sheet.getByRole("img", { name: /QR code/ }).waitFor({ state: "hidden" });

  await receiver.goto(address);
  await receiver.getByRole("heading", { name: "This link has been used" }).waitFor();
  await receiver.getByText(/Ask for a new link/).waitFor();
});

test("a link is withdrawn", async () => {
  const page = await browser.person(server.url);
  await signIn(page, "carl");
  await page.getByRole("button", { name: `Get link to ${NAME}` }).click();
  const sheet = page.getByRole("dialog");
  const address = await sheet.getByLabel("Address of the link").inputValue();
  await sheet.getByRole("button", { name: "Withdraw" }).click();
  await sheet.getByRole("group").getByRole("button", { name: "Withdraw" }).click();
  await sheet.getByText("You have withdrawn this link.").waitFor();
  await page.keyboard.press("Escape");
  await sheet.waitFor({ state: "detached" });
  await page.goto(address);
  await page.getByRole("heading", { name: "This link was withdrawn" }).waitFor();
});

test("the page of a link works without scripts", async () => {
  const { page_url: address } = await carl.link(NAME);
  const page = await browser.person(server.url, { javaScriptEnabled: false });
  await page.goto(address);
  await page.getByText(/38\.4 kB/).waitFor();
  const taken = await downloaded(page, () => page.getByRole("button", { name: "Download" }).click());
  assert.deepEqual(taken.bytes, file);
  const answer = await page.goto(address);
  assert.equal(answer.status(), 410);
  await page.getByText(/Ask for a new link/).waitFor();
  await page.goto("desk");
  await page.getByRole("heading", { name: "This page needs JavaScript" }).waitFor();
});

test("the first page takes a pasted link, and says when it can not", async () => {
  const { page_url: address } = await carl.link(NAME);
  const page = await browser.person(server.url);
  await page.goto("");
  const field = page.getByLabel("Receive");
  for (const [text, answer] of [
    ["", /Type the code or paste/],
    ["hello", /no code of this site/],
    ["https://other.example/d/x", /another site/],
  ]) {
    await field.first().fill(text);
    await page.getByRole("button", { name: "Receive" }).click();
    await page.getByRole("alert").filter({ hasText: answer }).waitFor();
  }
  await field.first().fill(` ${address} `);
  await page.getByRole("button", { name: "Receive" }).click();
  await page.getByRole("heading", { name: NAME }).waitFor();
  await page.goBack();
  await page.getByRole("heading", { name: "Hand a file over" }).waitFor();
});

test("a role that has changed is told at once", async () => {
  const page = await browser.person(server.url);
  await signIn(page, "carl");
  await rowOf(page, NAME).waitFor();
  await page.evaluate(async () => {
    // Another tab has signed out: the token of this one is over.
    const key = Object.keys(sessionStorage).find((name) => name.startsWith("handover"));
    const { token } = JSON.parse(sessionStorage.getItem(key));
    await fetch("logout", { method: "POST", headers: { Authorization: `Bearer ${token}` } });
  });
  await page.getByRole("button", { name: `Get link to ${NAME}` }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
});
