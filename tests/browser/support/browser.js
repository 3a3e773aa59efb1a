// One browser for a test file, and pages that fail their test when anything is wrong on them.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import jsQR from "jsqr";
import { PNG } from "pngjs";
import { PASSWORD } from "./server.js";

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** A browser with these flags beside the ones that every test has. */
export const openBrowser = (...flags) => openBrowserAt(CHROMIUM, ...flags);

/** A page in a browser that keeps nothing: cookies and site data of all sites are blocked. */
export async function openForgetful(url) {
  const folder = await mkdtemp(join(tmpdir(), "handover-forgetful-"));
  await mkdir(join(folder, "Default"));
  const preferences = { profile: { default_content_setting_values: { cookies: 2 } } };
  await writeFile(join(folder, "Default", "Preferences"), JSON.stringify(preferences));
  const context = await chromium.launchPersistentContext(folder, {
    executablePath: CHROMIUM,
    args: FLAGS,
    baseURL: url,
  });
  context.setDefaultTimeout(15_000);
  const wrong = [];
  context.on("weberror", (error) => wrong.push(String(error.error())));
  return {
    page: await context.newPage(),
    wrong,
    async close() {
      await context.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Another program as the browser. */
export async function openBrowserAt(executablePath, ...flags) {
  const browser = await chromium.launch({ executablePath, args: [...FLAGS, ...flags] });
  const wrong = [];
  return {
    /**
     * A page in a context of its own: another person at another machine. Whatever breaks the policy, throws, or asks
     * another host is noted, and `check` fails for it.
     */
    async person(url, options = {}) {
      const context = await browser.newContext({ baseURL: url, viewport: { width: 1280, height: 800 }, ...options });
      context.setDefaultTimeout(15_000);
      const { host } = new URL(url);
      context.on("request", (request) => {
        const to = new URL(request.url());
        if (/^https?:$/.test(to.protocol) && to.host !== host) wrong.push(`asks ${to.host}`);
      });
      context.on("weberror", (error) => wrong.push(String(error.error())));
      context.on("console", (message) => {
        // A refused call is an answer like others; the browser notes it on its own.
        const isRefusal = /Failed to load resource|^WebSocket connection to \S+ failed/.test(message.text());
        if (message.type() === "error" && !isRefusal) wrong.push(message.text());
      });
      const page = await context.newPage();
      page.on("filechooser", () => {}); // ours from now on, and not only from when a test waits for one
      return page;
    },
    check() {
      assert.deepEqual(wrong.splice(0), []);
    },
    close: () => browser.close(),
  };
}

/** Signs in on the desk. */
export async function signIn(page, name) {
  await page.goto("desk");
  await page.getByLabel("Username").fill(name);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Files", exact: true }).waitFor();
}

/** The row of a file in a table or a list. */
export function rowOf(page, name) {
  return page.locator("tbody tr, li.row").filter({ hasText: name }).first();
}

/** Does something that starts a download, and gives back its name and its bytes. */
export async function downloaded(page, act) {
  const waiting = page.waitForEvent("download");
  await act();
  const download = await waiting;
  return { name: download.suggestedFilename(), bytes: await readFile(await download.path()) };
}

/** What a camera reads in an element of the page. */
export async function scanned(locator) {
  const { data, width, height } = PNG.sync.read(await locator.screenshot());
  const code = jsQR(new Uint8ClampedArray(data), width, height);
  assert.ok(code, "no code is found in the picture");
  return code.data;
}

/** Drops files on the page as a hand would: `[name, content]` each. */
export async function drop(page, selector, files) {
  const transfer = await page.evaluateHandle((files) => {
    const transfer = new DataTransfer();
    for (const [name, text] of files) transfer.items.add(new File([text], name));
    return transfer;
  }, files);
  for (const type of ["dragover", "drop"]) await page.dispatchEvent(selector, type, { dataTransfer: transfer });
}
