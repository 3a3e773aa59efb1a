// Large files: no side holds one in memory, and what arrives is what was sent, from page or terminal to page or terminal.

import assert from "node:assert/strict";
import { createHash, randomFillSync } from "node:crypto";
import { createReadStream } from "node:fs";
import { chmod, mkdtemp, open as openFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pipeline } from "node:stream/promises";
import { CHROMIUM, openBrowser, openBrowserAt } from "../support/browser.js";
import { asOthers, ended, openLink, sendFiles } from "../support/direct-screens.js";
import { terminal } from "../support/direct-terminal.js";
import { PLAIN_FLAG, PLAIN_HOST, startServer } from "../support/server.js";

const MIB = 1 << 20;
/** What each process of the browser may have of data (setrlimit(2), RLIMIT_DATA), in MiB. */
const ALLOWED = 640;

let server, folder;
before(async () => {
  server = await startServer();
  folder = await mkdtemp(join(tmpdir(), "handover-large-"));
});
after(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A file of so many MiB, no two alike. */
async function largeFile(name, size) {
  const path = join(folder, name);
  const file = await openFile(path, "w");
  const block = randomFillSync(Buffer.alloc(MIB));
  for (let number = 0; number < size; number += 1) {
    block.writeUInt32BE(number);
    await file.write(block);
  }
  await file.close();
  return path;
}

async function digestOf(path) {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

const wrapperOf = (folder) => join(folder, "small-chromium");

/** A browser whose processes may not have more memory than is allowed here. */
async function smallBrowser(...flags) {
  const wrapper = wrapperOf(folder);
  await writeFile(wrapper, `#!/bin/sh\nulimit -d ${ALLOWED * 1024}\nexec ${CHROMIUM} "$@"\n`);
  await chmod(wrapper, 0o755);
  return openBrowserAt(wrapper, ...flags);
}

/** Accepts what a terminal sends; gives back the card. */
async function accept(page, url, code) {
  const card = await openLink(page, `${url}/direct#${code}`);
  await card.getByRole("button", { name: /^Accept/ }).click();
  return card;
}

test("a file that is larger than the memory of the browser goes to the disk while it arrives", async () => {
  const path = await largeFile("larger.bin", 1024);
  const browser = await smallBrowser();
  try {
    const page = await browser.person(server.url);
    await page.addInitScript(asOthers);
    const downloading = page.waitForEvent("download");
    const sender = terminal(server.url, "send", path);
    const card = await accept(page, server.url, (await sender.event("code")).code);
    const download = await downloading;
    await ended(card, "done");
    assert.equal(await sender.ended, 0);
    assert.equal(download.suggestedFilename(), "larger.bin");
    assert.equal(await digestOf(await download.path()), await digestOf(path));
    browser.check();
  } finally {
    await browser.close();
    await rm(path);
  }
});

test("so little memory is not enough for a page that holds less than half of such a file", async () => {
  const path = await largeFile("held.bin", 470);
  // Neither https nor localhost: the page has no way to the disk.
  const browser = await smallBrowser(PLAIN_FLAG);
  try {
    const url = `http://${PLAIN_HOST}:${server.port}`;
    const page = await browser.person(url);
    const crashed = new Promise((resolve) => page.on("crash", () => resolve("crashed")));
    const little = terminal(server.url, "send", "--text", "that much", wrapperOf(folder));
    const first = await accept(page, url, (await little.event("code")).code);
    await ended(first, "done");

    const sender = terminal(server.url, "send", path);
    const card = await accept(page, url, (await sender.event("code")).code);
    const fate = Promise.race([crashed, ended(card, "failed"), ended(card, "done").then(() => "done")]);
    assert.notEqual(await fate, "done");
    sender.stop();
  } finally {
    await browser.close();
    await rm(path);
  }
});

for (const [from, to] of [
  ["page", "page"],
  ["page", "terminal"],
  ["terminal", "page"],
  ["terminal", "terminal"],
]) {
  test(`300 MiB from a ${from} to a ${to}`, async () => {
    const path = await largeFile("300.bin", 300);
    const place = await mkdtemp(join(folder, "to-"));
    const browser = await openBrowser();
    try {
      const person = async () => {
        const page = await browser.person(server.url);
        await page.addInitScript(asOthers);
        return page;
      };
      const sender = from === "terminal" && terminal(server.url, "send", path);
      const sent = sender ? await sender.event("code") : await sendFiles(await person(), path);
      let arrived = join(place, "300.bin");
      if (to === "terminal") {
        assert.equal(await terminal(server.url, "receive", sent.code, "--yes", "--to", place).ended, 0);
      } else {
        const page = await person();
        const downloading = page.waitForEvent("download");
        await ended(await accept(page, server.url, sent.code), "done");
        arrived = await (await downloading).path();
      }
      if (sender) assert.equal(await sender.ended, 0);
      else await ended(sent.card, "done");
      assert.equal(await digestOf(arrived), await digestOf(path));
      browser.check();
    } finally {
      await browser.close();
      await rm(path);
      await rm(place, { recursive: true });
    }
  });
}
