// What people do on the screens of Direct.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";

/** A browser without the File System Access API, as most are: received files are downloads. */
export const asOthers = () => {
  delete window.showSaveFilePicker;
  delete window.showDirectoryPicker;
};

/** Chooses files on the page where one sends, and makes a code; gives back the code, the link and the card. */
export async function sendFiles(page, files, { text, address = "direct" } = {}) {
  if (address !== null) await page.goto(address);
  const another = page.getByText("Send something else");
  if (await another.isVisible()) await another.click();
  if (files.length > 0) await page.locator("input[type=file]:not([webkitdirectory])").setInputFiles(files);
  if (text) await page.getByLabel("Message").fill(text);
  await page.getByRole("button", { name: /^Send (\d|the message)/ }).click();
  const card = page.locator(".transfer").first();
  await card.locator(".spoken").waitFor();
  const code = await card.locator(".spoken").textContent();
  return { card, code, link: await card.getByLabel("Address of the link").inputValue() };
}

/** Opens the link and presses Receive; gives back the card. */
export async function openLink(page, link) {
  await page.goto(link);
  await page.getByRole("button", { name: "Receive" }).click();
  return page.locator(".transfer").first();
}

/** The state in which a card ends. */
export async function ended(card, state) {
  await card.and(card.page().locator(`[data-state=${state}]`)).waitFor({ timeout: 120_000 });
}

/** Every download of a page, as it comes: name and digest. */
export function downloadsOf(page) {
  const found = [];
  page.on("download", (download) => found.push(download));
  return async () => {
    const all = await Promise.all(
      found.map(async (one) => [one.suggestedFilename(), digest(await readFile(await one.path()))]),
    );
    return Object.fromEntries(all);
  };
}

export const digest = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** A file for `setInputFiles`. */
export const file = (name, content) => ({ name, mimeType: "", buffer: Buffer.from(content) });

/**
 * In the page: answers the dialog for a folder with one of the browser's own, where `there` lies already, and lets
 * nothing be written until `window.go()`, if it is to wait.
 */
export const ownFolder = ({ there = {}, waits = false } = {}) => {
  const going = waits ? new Promise((resolve) => (window.go = resolve)) : null;
  delete window.showSaveFilePicker;
  window.showDirectoryPicker = async () => {
    const root = await navigator.storage.getDirectory();
    for (const [name, text] of Object.entries(there)) {
      const stream = await (await root.getFileHandle(name, { create: true })).createWritable();
      await stream.write(text);
      await stream.close();
    }
    if (going) {
      const { write } = FileSystemWritableFileStream.prototype;
      FileSystemWritableFileStream.prototype.write = async function (bytes) {
        await going;
        return write.call(this, bytes);
      };
    }
    return root;
  };
};

/** Everything in that folder, by its path: text of files, null of folders. */
export function folderOf(page) {
  return page.evaluate(async () => {
    const found = {};
    const walk = async (folder, path) => {
      for await (const [name, handle] of folder) {
        if (handle.kind === "file") found[path + name] = await (await handle.getFile()).text();
        else {
          found[`${path}${name}/`] = null;
          await walk(handle, `${path}${name}/`);
        }
      }
    };
    await walk(await navigator.storage.getDirectory(), "");
    return found;
  });
}
