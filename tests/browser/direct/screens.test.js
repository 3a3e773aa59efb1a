// Direct on its screens: two people at two machines, from the code to the file on the disk.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { drop, openBrowser, scanned } from "../support/browser.js";
import {
  asOthers,
  digest,
  downloadsOf,
  ended,
  file,
  folderOf,
  openLink,
  ownFolder,
  sendFiles,
} from "../support/direct-screens.js";
import { PASSWORD, PLAIN_FLAG, PLAIN_HOST, startServer } from "../support/server.js";

let server, browser, folder;
before(async () => {
  server = await startServer();
  browser = await openBrowser();
  folder = await mkdtemp(join(tmpdir(), "handover-direct-"));
  await mkdir(join(folder, "trip/day 1"), { recursive: true });
  await mkdir(join(folder, "hollow/inside"), { recursive: true });
  await mkdir(join(folder, "hollow/out"));
  await mkdir(join(folder, "mixed/nothing"), { recursive: true });
  await writeFile(join(folder, "mixed/note.txt"), "a note");
  await writeFile(join(folder, "trip/plan.txt"), "the plan");
  await writeFile(join(folder, "large.bin"), Buffer.alloc(20_000_000));
  await writeFile(join(folder, "trip/day 1/żółw.txt"), "turtle");
});
afterEach(() => browser.check());
after(async () => {
  await browser?.close();
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Somebody's page; what runs in it first. */
async function person(first = asOthers, argument = undefined) {
  const page = await browser.person(server.url);
  await page.addInitScript(first, argument);
  return page;
}

const clip = Buffer.alloc(3_000_000, "clip ");
const files = [file("clip.mp4", clip), file("notes.txt", "Agenda"), file("empty", "")];

test("files and a message go from page to page", async () => {
  const [ann, bob] = [await person(), await person()];
  const saved = downloadsOf(bob);
  const sent = await sendFiles(ann, files, { text: "for <b>Thursday</b>" });
  assert.equal(await scanned(sent.card.getByRole("img", { name: /QR code/ })), sent.link);
  assert.equal(sent.link, `${server.url}/direct#${sent.code}`);
  await sent.card.getByText(/^(10:00|9:\d\d) left$/).waitFor();

  const card = await openLink(bob, sent.link);
  await card.getByText("for <b>Thursday</b>").waitFor();
  await card.getByRole("heading", { name: /3 files for you, 3\sMB/ }).waitFor();
  await sent.card.getByRole("heading", { name: "They are there, and see what you send" }).waitFor();
  assert.equal(await sent.card.locator(".spoken").count(), 0, "a code that is used is shown no more");
  assert.equal(bob.url(), `${server.url}/direct`);
  await card.getByRole("button", { name: "Accept all, 3 MB" }).click();
  await Promise.all([ended(card, "done"), ended(sent.card, "done")]);
  for (const one of [card, sent.card])
    await one.getByText(/^3 files, 3\sMB, in .* Every piece was verified\.$/).waitFor();
  assert.deepEqual(await saved(), { "clip.mp4": digest(clip), "notes.txt": digest("Agenda"), empty: digest("") });
  const words = sent.code.split("-").slice(1);
  assert.ok(!words.some((word) => server.log().includes(word)), "the code is in the log");
});

test("a dropped folder keeps its folders", async () => {
  const page = await person();
  await page.goto("direct");
  await page.getByRole("heading", { name: "Drop files or a folder here" }).waitFor();
  await dropFolder(page, join(folder, "trip"));
  await page.getByText("trip/day 1/żółw.txt").waitFor();
  await page.getByText("trip/plan.txt").waitFor();
});

test("empty folders of a dropped one arrive, too", async () => {
  const [ann, bob] = [await person(), await person(ownFolder)];
  await ann.goto("direct");
  await ann.getByRole("heading", { name: "Drop files or a folder here" }).waitFor();
  await dropFolder(ann, join(folder, "mixed"));
  await ann.getByRole("heading", { name: "1 file, 1 empty folder" }).waitFor();
  await dropFolder(ann, join(folder, "hollow"));
  await ann.getByRole("heading", { name: "1 file, 3 empty folders" }).waitFor();
  await ann.getByRole("button", { name: "Remove hollow/out" }).click();
  await ann.getByRole("heading", { name: "1 file, 2 empty folders" }).waitFor();
  const sent = await sendFiles(ann, [], { address: null });
  const card = await openLink(bob, sent.link);
  await card.getByRole("button", { name: /^Accept all/ }).click();
  await Promise.all([ended(card, "done"), ended(sent.card, "done")]);
  assert.deepEqual(await folderOf(bob), {
    "hollow/": null,
    "hollow/inside/": null,
    "mixed/": null,
    "mixed/note.txt": "a note",
    "mixed/nothing/": null,
  });
});

test("a folder with nothing in it can be sent alone", async () => {
  const ann = await person();
  await ann.goto("direct");
  await ann.getByRole("heading", { name: "Drop files or a folder here" }).waitFor();
  await dropFolder(ann, join(folder, "hollow/out"));
  await ann.getByText("empty folder", { exact: true }).waitFor();
  await ann.getByRole("button", { name: "Send 1 empty folder" }).click();
  await ann.locator(".transfer").getByText("empty folder", { exact: true }).waitFor();
});

test("a message alone needs no accepting", async () => {
  const [ann, bob] = [await person(), await person()];
  const sent = await sendFiles(ann, [], { text: "https://files.example.org/draft" });
  const card = await openLink(bob, sent.link);
  await ended(card, "done");
  await card.getByText("https://files.example.org/draft").waitFor();
  await card.getByRole("button", { name: "Copy" }).waitFor();
  await sent.card.getByText("The message has arrived.").waitFor();
});

/** Drops a folder as a hand does: by the browser's own means, which alone can make one. */
async function dropFolder(page, path) {
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: [path], dragOperationsMask: 1 };
  const { x, y } = await page.getByRole("heading", { name: "Drop files or a folder here" }).boundingBox();
  for (const type of ["dragEnter", "dragOver", "drop"]) {
    await session.send("Input.dispatchDragEvent", { type, x: x + 5, y: y + 5, data });
  }
}

test("a folder goes with its folders, and nothing that is there is overwritten", async () => {
  const [ann, bob] = [await person(), await person(ownFolder, { there: { trip: "mine" } })];
  await ann.goto("direct");
  await ann.locator("input[webkitdirectory]").setInputFiles(join(folder, "trip"));
  const sent = await sendFiles(ann, [], { address: null });
  const card = await openLink(bob, sent.link);
  await card.getByText("You choose a folder.").waitFor();
  await card.getByRole("button", { name: /^Accept all/ }).click();
  await ended(card, "done");
  await card.getByText("saved as trip (2)/plan.txt").waitFor();
  assert.deepEqual(await folderOf(bob), {
    trip: "mine",
    "trip (2)/": null,
    "trip (2)/plan.txt": "the plan",
    "trip (2)/day 1/": null,
    "trip (2)/day 1/żółw.txt": "turtle",
  });
});

test("some are accepted, and the others left out", async () => {
  const [ann, bob] = [await person(), await person(ownFolder)];
  const sent = await sendFiles(ann, files);
  const card = await openLink(bob, sent.link);
  await card.getByRole("checkbox", { name: /clip\.mp4/ }).uncheck();
  await card.getByRole("button", { name: /^Accept 2 of 3, 6/ }).click();
  await Promise.all([ended(card, "done"), ended(sent.card, "done")]);
  await card.getByRole("listitem").filter({ hasText: "clip.mp4" }).getByText("left out").waitFor();
  await sent.card.getByText(/^2 files/).waitFor();
  assert.deepEqual(await folderOf(bob), { "notes.txt": "Agenda", empty: "" });
});

test("nothing is accepted, and the sender knows", async () => {
  const [ann, bob] = [await person(), await person()];
  const sent = await sendFiles(ann, files);
  const card = await openLink(bob, sent.link);
  await card.getByRole("button", { name: "Decline" }).click();
  for (const one of [card, sent.card]) await one.getByRole("heading", { name: "Declined" }).waitFor();
});

test("whoever closes the dialog for the folder is asked again", async () => {
  const closed = () => {
    delete window.showSaveFilePicker;
    window.showDirectoryPicker = () => Promise.reject(new DOMException("closed", "AbortError"));
  };
  const [ann, bob] = [await person(), await person(closed)];
  const sent = await sendFiles(ann, files);
  const card = await openLink(bob, sent.link);
  await card.getByRole("button", { name: /^Accept all/ }).click();
  await bob.evaluate(() => delete window.showDirectoryPicker);
  await card.getByRole("button", { name: /^Accept all/ }).click();
  await ended(card, "done");
});

for (const [who, other, says] of [
  ["sender", "receiver", "Cancelled by the sender"],
  ["receiver", "sender", "Cancelled by the receiver"],
]) {
  test(`the ${who} cancels in the middle, and nothing incomplete is left`, async () => {
    const pages = { sender: await person(), receiver: await person(ownFolder, { waits: true }) };
    const sent = await sendFiles(pages.sender, [join(folder, "large.bin"), join(folder, "trip/plan.txt")]);
    const cards = { sender: sent.card, receiver: await openLink(pages.receiver, sent.link) };
    await cards.receiver.getByRole("button", { name: /^Accept all/ }).click();
    for (const card of Object.values(cards)) await ended(card, "running");
    const card = cards[who];
    await card.getByRole("button", { name: "Cancel transfer" }).click();
    await card.getByRole("button", { name: "Keep" }).click(); // asked once, in its place
    await card.getByRole("button", { name: "Cancel transfer" }).click();
    await card
      .getByRole("group", { name: /Cancel it/ })
      .getByRole("button", { name: "Cancel transfer" })
      .click();
    await card.getByRole("heading", { name: "Cancelled", exact: true }).waitFor();
    await pages.receiver.evaluate(() => window.go());
    await cards[other].getByRole("heading", { name: says }).waitFor();
    await pages.receiver.waitForFunction(async () => {
      for await (const name of (await navigator.storage.getDirectory()).keys()) if (name) return false;
      return true;
    });
  });
}

test("wrong words end the code, and a new one sends the same", async () => {
  const [ann, eve, bob] = [await person(), await person(), await person(ownFolder)];
  const sent = await sendFiles(ann, files);
  const nameplate = sent.code.split("-")[0];
  const words = sent.code.endsWith("-yoyo") ? "aardvark-yogurt" : "aardvark-yoyo";
  const guess = await openLink(eve, `direct#${nameplate}-${words}`);
  await guess.getByRole("heading", { name: "The words were wrong" }).waitFor();
  await sent.card.getByRole("heading", { name: "Somebody used wrong words" }).waitFor();
  await sent.card.getByRole("button", { name: "Make a new code" }).click();
  const again = ann.locator(".transfer").first();
  await again.locator(".spoken").waitFor();
  const card = await openLink(bob, await again.getByLabel("Address of the link").inputValue());
  await card.getByRole("button", { name: /^Accept all/ }).click();
  await ended(card, "done");
  assert.equal((await folderOf(bob))["notes.txt"], "Agenda");
  const late = await openLink(eve, `direct#${sent.code}`);
  await late.getByRole("heading", { name: "There is no such code" }).waitFor();
});

test("a code that nobody came for is made anew by one press", async () => {
  const short = await startServer("--code-life", "2s");
  try {
    const ann = await browser.person(short.url);
    await ann.goto("direct");
    await ann.locator("input[type=file]").first().setInputFiles(files);
    await ann.getByRole("button", { name: /^Send 3 files/ }).click();
    await ann.getByRole("heading", { name: "The code has expired" }).waitFor();
    await ann.getByRole("button", { name: "Make a new code" }).click();
    await ann.locator(".spoken").waitFor();
    await ann.getByText("clip.mp4").waitFor();
  } finally {
    await short.stop();
  }
});

test("the last minute is told", async () => {
  const brief = await startServer("--code-life", "55s");
  try {
    const { card } = await sendFiles(await browser.person(brief.url), files);
    await card.locator(".time-left[data-last=true]").waitFor();
  } finally {
    await brief.stop();
  }
});

test("robots that open the link take nothing", async () => {
  const [ann, robot, bob] = [await person(), await person(), await person()];
  const sent = await sendFiles(ann, files);
  for (const method of ["HEAD", "GET", "GET"]) assert.equal((await fetch(sent.link, { method })).status, 200);
  const sockets = [];
  robot.on("websocket", (socket) => sockets.push(socket.url()));
  await robot.goto(sent.link);
  await robot.getByRole("heading", { name: "Somebody sends you something" }).waitFor();
  await robot.waitForLoadState("networkidle");
  await robot.reload();
  await robot.getByRole("button", { name: "Receive" }).waitFor();
  assert.deepEqual(sockets, []);
  await sent.card.getByRole("heading", { name: "Waiting for the other person" }).waitFor();
  const card = await openLink(bob, sent.link);
  await card.getByRole("button", { name: /^Accept all/ }).click();
  await ended(card, "done");
});

test("several transfers in one page know nothing of each other", async () => {
  const [ann, bob, carl] = [await person(), await person(ownFolder, { waits: true }), await person()];
  const first = await sendFiles(ann, [join(folder, "large.bin"), join(folder, "trip/plan.txt")]);
  const slow = await openLink(bob, first.link);
  await slow.getByRole("button", { name: /^Accept all/ }).click();
  await ended(slow, "running");
  const second = await sendFiles(ann, files, { address: null });
  const quick = await openLink(carl, second.link);
  await quick.getByRole("button", { name: /^Accept all/ }).click();
  await ended(quick, "done");
  const third = await sendFiles(carl, [], { address: null, text: "and back" });
  await ann.getByLabel("Receive").first().fill(third.code);
  await ann.getByRole("button", { name: "Receive", exact: true }).click();
  await ann.getByText("and back").waitFor();
  assert.equal(await ann.locator(".transfer").count(), 3);
  await bob.evaluate(() => window.go());
  await ended(slow, "done");
  await ann.locator(".transfer[data-state=done]").nth(2).waitFor();
});

test("whoever leaves while something runs is warned", async () => {
  const [ann, bob] = [await person(), await person()];
  const asked = [];
  for (const page of [ann, bob]) page.on("dialog", (dialog) => asked.push(dialog.type()) && dialog.dismiss());
  const sent = await sendFiles(ann, files);
  await ann.close({ runBeforeUnload: true });
  await ann.waitForFunction(() => true);
  assert.deepEqual(asked, ["beforeunload"]);
  const card = await openLink(bob, sent.link);
  await card.getByRole("button", { name: "Decline" }).click();
  await sent.card.getByRole("heading", { name: "Declined" }).waitFor();
  const closed = ann.waitForEvent("close");
  await ann.close({ runBeforeUnload: true });
  await closed;
  assert.deepEqual(asked, ["beforeunload"]);
});

test("the page gives scripts their commands, and says what they do without", async () => {
  const ann = await person();
  await ann.goto("direct");
  await ann.getByText("From a script, with curl").click();
  await ann.getByText("not encrypted from end to end").waitFor();
  const [, sent] = /^curl -T report.docx (http\S+)$/.exec(await ann.getByLabel("Command that sends").inputValue());
  const [, received] = /^curl (\S+) -o/.exec(await ann.getByLabel("Command that receives").inputValue());
  assert.match(sent, new RegExp(`^${server.url}/pipe/[0-9a-f]{20}$`));
  const [put, got] = await Promise.all([fetch(sent, { method: "PUT", body: "scripted" }), fetch(received)]);
  assert.deepEqual([put.status, await got.text()], [200, "scripted"]);
});

test("a code is typed with few keys on the first page, and taken at once", async () => {
  const [ann, bob] = [await person(), await person()];
  const sent = await sendFiles(ann, files);
  const [nameplate, first, second] = sent.code.split("-");
  await bob.goto("");
  await bob.getByLabel("Receive").first().focus();
  await bob.keyboard.type(`${nameplate} ${first.slice(0, 3).toUpperCase()}`);
  await bob.getByRole("option", { name: first }).waitFor();
  await bob.keyboard.press("ArrowDown");
  assert.equal(await bob.getByRole("option", { selected: true }).textContent(), first);
  await bob.keyboard.press("Enter");
  assert.equal(await bob.getByLabel("Receive").first().inputValue(), `${nameplate} ${first}-`);
  await bob.keyboard.type(second.slice(0, 3));
  await bob.getByRole("option", { name: second }).waitFor();
  await bob.getByText(`Read as ${sent.code}`).waitFor();
  await bob.keyboard.press("Escape");
  await bob.keyboard.press("Enter");
  await bob.getByRole("heading", { name: /3 files for you/ }).waitFor();
});

test("what is no code is told, and nothing is asked of the server", async () => {
  const page = await person();
  const sockets = [];
  page.on("websocket", (socket) => sockets.push(socket.url()));
  for (const path of ["", "direct"]) {
    await page.goto(path);
    await page.getByLabel("Receive").first().fill("7 aardvark xyzzy");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").filter({ hasText: "“xyzzy” is not one of the words" }).waitFor();
  }
  assert.deepEqual(sockets, []);
});

test("files that are dropped and pasted are sent", async () => {
  const page = await person();
  await page.goto("direct");
  await page.getByRole("heading", { name: "Drop files or a folder here" }).waitFor();
  await drop(page, "main", [["dropped.txt", "a"]]);
  await page.evaluate(() => {
    const clipboardData = new DataTransfer();
    clipboardData.items.add(new File(["b"], "pasted.png"));
    document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
  });
  await page.getByRole("button", { name: /^Send 2 files/ }).waitFor();
  await page.getByRole("button", { name: "Remove dropped.txt" }).click();
  await page.getByRole("button", { name: /^Send 1 file,/ }).click();
  await page.locator(".spoken").waitFor();
});

test("where guests may not send, the page asks for a sign-in and then sends", async () => {
  const closed = await startServer("--guests", "deny");
  try {
    await closed.register("carl");
    const ann = await browser.person(closed.url);
    await ann.goto("direct");
    await ann.getByLabel("Message").fill("hello");
    await ann.getByRole("button", { name: "Send the message" }).click();
    const sheet = ann.getByRole("dialog", { name: "Sign in" });
    await sheet.getByLabel("Username").fill("carl");
    await sheet.getByLabel("Password").fill(PASSWORD);
    await sheet.getByRole("button", { name: "Sign in" }).click();
    await ann.locator(".spoken").waitFor();
    const guest = await browser.person(closed.url);
    const card = await openLink(guest, await ann.getByLabel("Address of the link").inputValue());
    await card.getByText("hello").waitFor();
    assert.ok(!/bearer\.|eyJ/.test(closed.log()), "a token is in the log");
  } finally {
    await closed.stop();
  }
});

test("without https files are held in memory: the page says so, and takes no more than fits", async () => {
  const plain = await openBrowser(PLAIN_FLAG);
  try {
    const url = `http://${PLAIN_HOST}:${server.port}`;
    const [ann, bob] = [await plain.person(url), await plain.person(url)];
    const saved = downloadsOf(bob);
    const sent = await sendFiles(ann, files);
    const card = await openLink(bob, sent.link);
    await card.getByText(/not reached by https, so files are held in memory/).waitFor();
    await card.getByRole("button", { name: /^Accept all/ }).click();
    await ended(card, "done");
    assert.deepEqual(await saved(), { "clip.mp4": digest(clip), "notes.txt": digest("Agenda"), empty: digest("") });

    const large = join(folder, "too large.bin");
    await writeFile(large, "");
    await truncate(large, 600_000_000);
    const more = await openLink(bob, (await sendFiles(ann, [large, join(folder, "trip/plan.txt")])).link);
    await more.getByRole("alert").filter({ hasText: "more than this browser can hold" }).waitFor();
    assert.ok(await more.getByRole("button", { name: /^Accept all/ }).isDisabled());
    await more.getByRole("checkbox", { name: /too large/ }).uncheck();
    await more.getByRole("button", { name: /^Accept 1 of 2/ }).click();
    await ended(more, "done");
    plain.check();
  } finally {
    await plain.close();
  }
});

test("the worker answers what a page has announced, and nothing else", async () => {
  const response = await fetch(`${server.url}/direct/save/worker.js`);
  assert.equal(response.headers.get("content-type"), "text/javascript; charset=utf-8");
  assert.equal(response.headers.get("content-security-policy"), "default-src 'none'");
  assert.equal(response.headers.get("service-worker-allowed"), null);
  assert.equal((await fetch(`${server.url}/direct/save/00000000`)).status, 404);
  const [ann, bob] = [await person(), await person()];
  const sent = await sendFiles(ann, files);
  const card = await openLink(bob, sent.link);
  await card.getByRole("button", { name: /^Accept all/ }).click();
  await ended(card, "done");
  const scopes = () => navigator.serviceWorker.getRegistrations().then((all) => all.map(({ scope }) => scope));
  assert.deepEqual(await bob.evaluate(scopes), [`${server.url}/direct/save/`]);
  await bob.reload();
  assert.equal(await bob.evaluate(() => navigator.serviceWorker.controller), null);
  assert.equal(await bob.evaluate(() => fetch("direct/save/unknown").then(({ status }) => status)), 404);
});

test("a sender's names lead nowhere", async () => {
  const page = await person();
  await page.goto("direct");
  const parts = await page.evaluate(async () => {
    const base = document.querySelector("script[type=module]").src;
    const { flat, numbered, partsOf } = await import(new URL("../direct/engine/names.js", base));
    const names = [
      "a/b.txt",
      "../../x",
      "/etc/passwd",
      "\\\\server\\share\\x",
      "C:\\Windows\\x",
      "C:x",
      "a/../b",
      "a//b",
    ];
    names.push(
      ".bashrc",
      ".ssh/keys",
      "CON",
      "com1.txt",
      "NUL .x",
      "a/aux",
      "x. ",
      "..",
      "",
      "a\0b\r\n\u202ec",
      'q"<>|?*:',
    );
    return {
      parts: Object.fromEntries(names.map((name) => [name, partsOf(name).join("/")])),
      flat: flat("trip/day 1/x.png"),
      long: new TextEncoder().encode(numbered(partsOf(`${"ż".repeat(300)}.docx`)[0], 2)).length,
      deep: partsOf("a/".repeat(40) + "x").join("/"),
    };
  });
  assert.deepEqual(parts.parts, {
    "a/b.txt": "a/b.txt",
    "../../x": "x",
    "/etc/passwd": "passwd",
    "\\\\server\\share\\x": "x",
    "C:\\Windows\\x": "x",
    "C:x": "C_x",
    "a/../b": "b",
    "a//b": "b",
    ".bashrc": "_bashrc",
    ".ssh/keys": "_ssh/keys",
    CON: "_CON",
    "com1.txt": "_com1.txt",
    "NUL .x": "_NUL .x",
    "a/aux": "a/_aux",
    "x. ": "x_",
    "..": "file",
    "": "file",
    "a\0b\r\n\u202ec": "abc",
    'q"<>|?*:': "q_______",
  });
  assert.deepEqual([parts.flat, parts.deep], ["trip - day 1 - x.png", "x"]);
  assert.ok(parts.long <= 240);
});
