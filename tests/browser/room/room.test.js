// Rooms: people with a code talk and share files, whatever breaks.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { PNG } from "pngjs";
import { downloaded, drop, openBrowser, scanned } from "../support/browser.js";
import { PASSWORD, makeRoom, startServer } from "../support/server.js";
import { wire } from "../support/wire.js";

let server, browser, line;
const picture = PNG.sync.write(new PNG({ width: 60, height: 40, fill: true }));
before(async () => {
  server = await startServer("--room-grace", "30s", "--room-message-rate", "1000000");
  browser = await openBrowser();
  line = await wire(server.port);
});
afterEach(() => {
  line.mend();
  browser.check();
});
after(async () => {
  await browser?.close();
  await line?.close();
  await server?.stop();
});

const field = (page) => page.getByLabel("Message", { exact: true });
const told = (page, text) => page.getByRole("main").getByText(text);
const said = (page, text) => page.getByRole("log").locator("li.said").filter({ hasText: text });

/** Opens a room's page and joins it. */
async function join(page, path, name) {
  await page.goto(path.slice(1));
  await page.getByLabel("Your name").fill(name);
  await page.getByRole("button", { name: "Join" }).click();
  await field(page).waitFor();
}

async function say(page, text) {
  await field(page).fill(text);
  await field(page).press("Enter");
}

/** All messages that a page shows, in their order. */
const shown = (page) => page.getByRole("log").locator("li.said:not(.pending) .text").allTextContents();

/** Waits until a page shows these messages and no others. */
async function shows(page, texts) {
  await said(page, texts.at(-1)).first().waitFor();
  await page.locator("li.pending").first().waitFor({ state: "detached" });
  assert.deepEqual(await shown(page), texts);
}

/** What a page takes for somebody who looks elsewhere. */
const look = (page, hidden) =>
  page.evaluate((hidden) => {
    Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);

test("two people meet by a code, talk and share a picture", async () => {
  const ann = await browser.person(server.url);
  await ann.goto("");
  await ann.getByRole("link", { name: "Make a room" }).click();
  await ann.getByLabel("Your name").fill("Ann");
  await ann.getByLabel("Title (optional)").fill("Fair");
  await ann.getByRole("button", { name: "Make the room" }).click();
  await ann.getByRole("heading", { name: "Fair" }).waitFor();
  const link = await ann.getByLabel("Address of the room").inputValue();
  assert.equal(ann.url(), link, "the key of the maker is not in the address bar");
  await ann.getByText("Show the QR code").click();
  assert.equal(await scanned(ann.getByRole("img", { name: "QR code of the room" })), link);

  const bob = await browser.person(server.url);
  await bob.goto("");
  const code = await ann.locator(".side-parts .room-code").textContent();
  assert.match(code, /^([a-z2-9]{4} ){3}$/);
  await bob.getByLabel("Receive").first().fill(code.toUpperCase());
  await bob.getByRole("button", { name: "Receive" }).click();
  await bob.getByText("1 person is here.").waitFor();
  await bob.getByLabel("Your name").fill("Bob");
  await bob.getByRole("button", { name: "Join" }).click();
  await ann.getByRole("log").getByText("Bob joined").waitFor();
  await ann.getByRole("list", { name: "Who is here" }).getByText("Bob").waitFor();

  await field(ann).fill("Look at");
  await field(ann).press("Shift+Enter");
  await field(ann).pressSequentially("https://files.example.org/a?b=(c).");
  await bob.getByText("Ann is typing").waitFor();
  await field(ann).press("Enter");
  await shows(bob, ["Look at\nhttps://files.example.org/a?b=(c)."]);
  const address = bob.getByRole("log").getByRole("link");
  assert.equal(await address.getAttribute("href"), "https://files.example.org/a?b=(c)");
  assert.equal(await address.getAttribute("rel"), "noopener noreferrer");
  assert.equal(await bob.getByText("Ann is typing").count(), 0);

  await bob.locator("input[type=file]").setInputFiles({ name: "map.png", mimeType: "image/png", buffer: picture });
  for (const page of [ann, bob]) await page.getByRole("img", { name: "Picture map.png" }).waitFor();
  assert.equal(await said(bob, "map.png").getByText("Fetched by").count(), 0, "to look at it is not to have it");
  const taken = await downloaded(ann, () => ann.getByRole("link", { name: "Download map.png" }).click());
  assert.equal(taken.name, "map.png");
  assert.ok(taken.bytes.equals(picture));
  await said(bob, "map.png")
    .getByText(/Fetched by Ann, /)
    .waitFor();
  await bob.getByRole("button", { name: "Leave" }).click();
  await ann.getByRole("log").getByText("Bob left").waitFor();
  await told(bob, "You are no longer in this room").waitFor();
  const known = [code.trim().replaceAll(" ", "-"), await ann.evaluate(() => Object.values(localStorage).join())];
  for (const secret of known) assert.ok(!server.log().includes(secret), "a code is in the log");
});

test("what people write stays text, and what they share is never run", async () => {
  const room = await makeRoom(server.url, "<b>title</b>");
  const ann = await browser.person(server.url);
  await join(ann, room.path, "<img src=x onerror=alert(1)>");
  await ann.getByRole("heading", { name: "<b>title</b>" }).waitFor();
  const bob = await room.join("Bob");
  const texts = ["<img src=x onerror=alert(1)>", "javascript:alert(1) <a href='https://x'>x</a>", "&lt;b&gt;"];
  for (const text of texts) bob.say(text);
  await shows(ann, texts);
  for (const link of await ann.getByRole("log").getByRole("link").all()) {
    assert.match(await link.getAttribute("href"), /^https:\/\/x/);
  }
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><script>alert(1)</script></svg>`;
  const html = "<!doctype html><script>alert(1)</script><p>a page of HTML</p>";
  for (const [name, content] of [
    ["a.svg", svg],
    ["b.png", svg],
    ["c.html", html],
    ["d.gif", html],
    ["<script>.txt", "x"],
    ["e.png", picture.subarray(0, 40)],
    ["last.png", picture],
  ])
    await bob.share(name, content);
  await ann.getByRole("img", { name: "Picture last.png" }).waitFor();
  await ann.getByText("<script>.txt").waitFor();
  assert.equal(await ann.getByRole("log").locator("canvas").count(), 1);
  assert.equal(await ann.getByRole("log").locator("img, object, embed, iframe, svg:not(.icon)").count(), 0);
});

test("whoever looks elsewhere is told, in the title and by a silent note", async () => {
  const room = await makeRoom(server.url, "Fair");
  const ann = await browser.person(server.url);
  await ann.context().grantPermissions(["notifications"], { origin: server.url });
  await ann.addInitScript(() => {
    window.notes = [];
    const granted = class extends EventTarget {
      static permission = "granted";
      static requestPermission = async () => "granted";
      constructor(title, options) {
        super();
        window.notes.push([title, options.body, options.silent]);
      }
    };
    Object.defineProperty(window, "Notification", { value: granted });
  });
  await join(ann, room.path, "Ann");
  const bob = await room.join("Bob");
  await look(ann, true);
  bob.say("one");
  await ann.waitForFunction(() => document.title === "(1) Fair – Handover");
  await look(ann, false);
  await ann.getByRole("button", { name: "Tell me of new messages" }).click();
  await ann.getByRole("button", { name: "Tell me of new messages", pressed: true }).waitFor();
  await look(ann, true);
  bob.say("two");
  await bob.share("three.txt", "3");
  await ann.waitForFunction(() => document.title === "(2) Fair – Handover");
  const notes = await ann.evaluate(() => window.notes);
  assert.deepEqual(notes, [
    ["Bob · Fair", "two", true],
    ["Bob · Fair", "three.txt", true],
  ]);
  await look(ann, false);
  assert.equal(await ann.title(), "Fair – Handover");
});

test("a page that is loaded again is the same member, and shows everything once", async () => {
  const room = await makeRoom(server.url);
  const ann = await browser.person(server.url);
  const bob = await room.join("Bob");
  await join(ann, room.path, "Ann");
  await say(ann, "one");
  await bob.until((event) => event.text === "one");
  bob.say("two");
  await shows(ann, ["one", "two"]);
  await ann.reload();
  await shows(ann, ["one", "two"]);
  assert.equal(await said(ann, "one").and(ann.locator(".mine")).count(), 1);
  await say(ann, "three");
  await bob.until((event) => event.text === "three");
  const who = bob.events.filter(({ type }) => type === "joined" || type === "left").map(({ name }) => name);
  assert.deepEqual(who, ["Bob", "Ann"]);
  const tab = await ann.context().newPage();
  await tab.goto(room.path.slice(1));
  assert.equal(await tab.getByLabel("Your name").inputValue(), "Ann", "another tab is somebody else, by the same name");
});

test("a connection that breaks loses nothing and doubles nothing", async () => {
  const room = await makeRoom(server.url);
  const ann = await browser.person(line.url);
  await join(ann, room.path, "Ann");
  const bob = await room.join("Bob");
  await say(ann, "heard");
  await shows(ann, ["heard"]);
  // The room hears it, and the answer is lost.
  line.deafen();
  await say(ann, "answer lost");
  await bob.until((event) => event.text === "answer lost");
  line.sever();
  await told(ann, "Connection lost, trying again …").waitFor();
  for (const text of ["unsaid 1", "unsaid 2"]) await say(ann, text);
  assert.equal(await ann.locator("li.pending").count(), 3);
  for (const text of ["meanwhile 1", "meanwhile 2"]) bob.say(text);
  await bob.until((event) => event.text === "meanwhile 2");
  await look(ann, true);
  line.mend();
  await bob.until((event) => event.text === "unsaid 2");
  await shows(ann, ["heard", "answer lost", "meanwhile 1", "meanwhile 2", "unsaid 1", "unsaid 2"]);
  assert.match(await ann.title(), /^\(2\) /, "what was missed is told, too");
  await look(ann, false);
  await told(ann, "Connection lost, trying again …").waitFor({ state: "detached" });
  const there = bob.events.filter(({ type }) => type === "message").map(({ text }) => text);
  assert.deepEqual(there, await shown(ann));
  assert.ok(!bob.events.some(({ type }) => type === "left"), "she has not left");
  // A connection that is dead without having broken.
  line.hold();
  line.deafen();
  await ann.evaluate(() => window.dispatchEvent(new Event("offline")));
  await told(ann, "Connection lost, trying again …").waitFor();
  bob.say("in silence");
  line.release();
  line.mend();
  await said(ann, "in silence").waitFor();
});

test("what was heard and removed while its answer was lost is not said again", async () => {
  const room = await makeRoom(server.url);
  const ann = await browser.person(line.url);
  await join(ann, room.path, "Ann");
  const bob = await room.join("Bob");
  line.deafen();
  await say(ann, "taken away");
  const { id } = await bob.until((event) => event.text === "taken away");
  line.sever();
  await told(ann, "Connection lost, trying again …").waitFor();
  await room.removeEvent(id);
  line.mend();
  await ann.getByRole("log").getByText("Deleted by the maker").waitFor();
  await ann.locator("li.pending").waitFor({ state: "detached" });
  bob.say("after");
  await shows(ann, ["after"]);
});

test("a code leads to the room or to the direct transfer that it is of", async () => {
  const page = await browser.person(server.url);
  for (const [typed, where] of [
    ["a234-bcde-fghj", "r/a234-bcde-fghj"],
    ["A234 5678 9234", "r/a234-5678-9234"],
    ["234a bcdefghj", "r/234a-bcde-fghj"],
    ["2345-acid-cage", "direct"],
  ]) {
    await page.goto("");
    await page.getByLabel("Receive").first().fill(typed);
    await page.getByRole("button", { name: "Receive" }).click();
    await page.waitForURL((url) => url.pathname === `/${where}`);
  }
});

test("whoever was away for too long comes back as somebody new, and misses nothing", async () => {
  const strict = await startServer("--room-grace", "1s");
  const thread = await wire(strict.port);
  try {
    const room = await makeRoom(strict.url);
    const ann = await browser.person(thread.url);
    await join(ann, room.path, "Ann");
    const bob = await room.join("Bob");
    await ann.locator("input[type=file]").setInputFiles({ name: "a.txt", mimeType: "", buffer: Buffer.from("text") });
    await ann.getByRole("link", { name: "Download a.txt" }).waitFor();
    await say(ann, "before");
    await shows(ann, ["before"]);
    thread.sever();
    await bob.until((event) => event.type === "left");
    bob.say("meanwhile");
    await told(ann, "Connection lost, trying again …").waitFor();
    await say(ann, "unsaid");
    thread.mend();
    await shows(ann, ["before", "meanwhile", "unsaid"]);
    await ann.getByRole("log").getByText("Ann joined").nth(1).waitFor();
    assert.equal(await said(ann, "before").and(ann.locator(".mine")).count(), 1, "what she said is still hers");
    const file = await downloaded(ann, () => ann.getByRole("link", { name: "Download a.txt" }).click());
    assert.equal(String(file.bytes), "text");
  } finally {
    await thread.close();
    await strict.stop();
  }
});

test("files are dropped, pasted, refused in the server's words, and cancelled", async () => {
  const small = await startServer("--max-file-size", "100KiB");
  const thread = await wire(small.port);
  try {
    const room = await makeRoom(small.url);
    const ann = await browser.person(thread.url);
    await join(ann, room.path, "Ann");
    await drop(ann, "main", [
      ["one.txt", "1"],
      ["two.txt", "2"],
      ["large.bin", "x".repeat(200_000)],
    ]);
    for (const name of ["one.txt", "two.txt"]) await ann.getByRole("link", { name: `Download ${name}` }).waitFor();
    const refused = ann.getByRole("list", { name: "Uploads" }).locator("li[data-state=refused]");
    await refused.getByText(/100/).waitFor();
    await refused.getByRole("button", { name: "Remove large.bin from this list" }).click();
    await field(ann).evaluate(
      (area, bytes) => {
        const clipboardData = new DataTransfer();
        clipboardData.items.add(new File([new Uint8Array(bytes)], "image.png", { type: "image/png" }));
        area.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
      },
      [...picture],
    );
    await ann.getByRole("img", { name: /^Picture Pasted picture .*\.png$/ }).waitFor();
    thread.hold();
    await drop(ann, "main", [["slow.bin", "x".repeat(90_000)]]);
    await ann.getByRole("button", { name: "Cancel the upload of slow.bin" }).click();
    await told(ann, "slow.bin").waitFor({ state: "detached" });
    thread.release();
    await field(ann).fill("ż".repeat(4097));
    await field(ann).press("Enter");
    await ann.getByRole("alert").filter({ hasText: "8 KB at most" }).waitFor();
    await field(ann).fill(`${"line\n".repeat(40)}end`);
    await field(ann).press("Enter");
    await ann.getByRole("button", { name: "Show all of it" }).click();
    await ann.getByRole("button", { name: "Show all of it" }).waitFor({ state: "detached" });
  } finally {
    await thread.close();
    await small.stop();
  }
});

test("the maker renames, locks, deletes, sends away and ends", async () => {
  const room = await makeRoom(server.url, "Old");
  const maker = await browser.person(server.url);
  await join(maker, room.makersPath, "Ann");
  assert.ok(!maker.url().includes("#"));
  const bob = await browser.person(server.url);
  await join(bob, room.path, "Bob");
  const carl = await browser.person(server.url);
  await join(carl, room.path, "Carl");
  assert.equal(await bob.getByRole("button", { name: /Delete|Send|End room|Lock/ }).count(), 1, "Send a message");

  await maker.getByLabel("Title").fill("New");
  await maker.getByRole("button", { name: "Rename" }).click();
  await bob.getByRole("heading", { name: "New" }).waitFor();
  await say(bob, "secret");
  await carl.locator("input[type=file]").setInputFiles({ name: "secret.txt", mimeType: "", buffer: Buffer.from("x") });
  for (const name of ["secret.txt", "secret"]) {
    const row = said(maker, name).last();
    await row.hover();
    await row.getByRole("button", { name: /^Delete what/ }).click();
    await row.getByRole("button", { name: "Delete", exact: true }).click();
    await bob
      .getByText("Deleted by the maker of the room")
      .nth(name === "secret" ? 1 : 0)
      .waitFor();
  }
  assert.equal(await bob.getByText("secret").count(), 0);

  await maker.getByRole("button", { name: "Lock" }).click();
  await maker.getByRole("button", { name: "Unlock" }).waitFor();
  const dora = await browser.person(server.url);
  await dora.goto(room.path.slice(1));
  await dora.getByText("Locked: nobody new may join.").waitFor();
  await dora.getByLabel("Your name").fill("Dora");
  await dora.getByRole("button", { name: "Join" }).click();
  await dora.getByRole("alert").filter({ hasText: "The room is locked: nobody new may join." }).waitFor();

  await maker.getByRole("button", { name: "Send Bob away" }).click();
  await maker.keyboard.press("Escape");
  await maker.getByRole("button", { name: "Send Bob away" }).click();
  await maker.getByRole("button", { name: "Send away", exact: true }).click();
  await told(bob, "You were sent away from this room.").waitFor();
  await carl.getByRole("log").getByText("Bob was sent away").waitFor();
  assert.equal(await carl.getByRole("list", { name: "Who is here" }).getByRole("listitem").count(), 2);

  await maker.getByRole("button", { name: "End room" }).click();
  await maker
    .getByRole("group", { name: /End it/ })
    .getByRole("button", { name: "End room" })
    .click();
  for (const page of [maker, carl]) await told(page, "The room was ended: it and its files are gone.").waitFor();
  assert.equal(await maker.evaluate((code) => Object.keys(localStorage).join().includes(code), room.code), false);
  await carl.reload();
  await carl.getByRole("heading", { name: "There is no such room" }).waitFor();
});

test("members are warned before a quiet room ends, and told when it has", async () => {
  const brief = await startServer("--room-life", "8s");
  try {
    const room = await makeRoom(brief.url);
    const ann = await browser.person(brief.url);
    await join(ann, room.path, "Ann");
    const warning = told(ann, "Nobody has said anything for a while.");
    await warning.waitFor();
    await say(ann, "still here");
    await warning.waitFor({ state: "hidden" });
    await warning.waitFor();
    await told(ann, "Nobody has said anything for too long: the room and its files are gone.").waitFor();
    await ann.getByRole("link", { name: "Back to the first page" }).click();
    await ann.getByRole("heading", { name: "Hand a file over" }).waitFor();
  } finally {
    await brief.stop();
  }
});

test("a second tab with the same place takes it over, and the first one says so", async () => {
  const room = await makeRoom(server.url);
  const ann = await browser.person(server.url);
  await join(ann, room.path, "Ann");
  const place = await ann.evaluate(() => Object.entries(sessionStorage));
  const tab = await ann.context().newPage();
  await tab.goto("");
  await tab.evaluate((place) => place.forEach(([name, value]) => sessionStorage.setItem(name, value)), place);
  await tab.goto(room.path.slice(1));
  await field(tab).waitFor();
  await told(ann, "You are here in another tab").waitFor();
  await ann.getByRole("button", { name: "Join again" }).click();
  await field(ann).waitFor();
  await told(tab, "You are here in another tab").waitFor();
});

test("where guests may not join, the page asks for a sign-in", async () => {
  const closed = await startServer("--guests", "deny");
  try {
    await closed.register("carl");
    const page = await browser.person(closed.url);
    await page.goto("room");
    await page.getByLabel("Your name").fill("Carl");
    await page.getByRole("button", { name: "Make the room" }).click();
    const signIn = async (sheet) => {
      await sheet.getByLabel("Username").fill("carl");
      await sheet.getByLabel("Password").fill(PASSWORD);
      await sheet.getByRole("button", { name: "Sign in" }).click();
    };
    await signIn(page.getByRole("dialog"));
    await field(page).waitFor();
    await say(page, "inside");
    const other = await browser.person(closed.url);
    await other.goto(new URL(page.url()).pathname.slice(1));
    await other.getByLabel("Your name").fill("Carl too");
    await other.getByRole("button", { name: "Join" }).click();
    await signIn(other.getByRole("dialog"));
    await shows(other, ["inside"]);
  } finally {
    await closed.stop();
  }
});

test("on a phone the field stays above the keyboard, and what is new in sight", async () => {
  const room = await makeRoom(server.url);
  const ann = await browser.person(server.url, {
    viewport: { width: 390, height: 844 },
    hasTouch: true,
    isMobile: true,
  });
  const bob = await room.join("Bob");
  for (let number = 0; number < 30; number += 1) bob.say(`line ${number}`);
  await join(ann, room.path, "Ann");
  await said(ann, "line 29").waitFor();
  const inSight = async (bottom) => {
    await ann.waitForFunction(
      (bottom) => document.querySelector("textarea").getBoundingClientRect().bottom <= bottom,
      bottom,
    );
    const box = await said(ann, "line 29").boundingBox();
    const head = await ann.getByRole("heading", { level: 1 }).boundingBox();
    assert.ok(head.y >= 0 && box.y > head.y && box.y + box.height <= (await field(ann).boundingBox()).y);
  };
  await inSight(844);
  await ann.setViewportSize({ width: 390, height: 480 }); // the page is made smaller …
  await inSight(480);
  await ann.setViewportSize({ width: 390, height: 844 });
  await ann.evaluate(() => {
    // … or covered
    Object.defineProperty(window.visualViewport, "height", { value: 500, configurable: true });
    window.visualViewport.dispatchEvent(new Event("resize"));
  });
  await inSight(500);
  await ann.getByRole("button", { name: "Code and 2 members" }).click();
  await ann.getByRole("dialog").getByRole("button", { name: "Leave" }).click();
  await told(ann, "You are no longer in this room").waitFor();
  assert.equal(await ann.getByRole("dialog").count(), 0);
});

test("a thousand messages are carried, and all of them can be read again", async () => {
  const room = await makeRoom(server.url);
  const bob = await room.join("Bob");
  const text = (number) => `message ${String(number).padStart(4, "0")}`;
  for (let number = 0; number < 600; number += 1) bob.say(text(number));
  await bob.until((event) => event.text === text(599));
  const ann = await browser.person(server.url);
  await join(ann, room.path, "Ann");
  assert.equal((await shown(ann))[0], text(401), "the newest 200 events at first");
  for (let number = 600; number < 1600; number += 1) bob.say(text(number));
  await said(ann, text(1599)).waitFor();
  const kept = await shown(ann);
  assert.ok(kept.length <= 1000, `${kept.length} lines`);
  assert.deepEqual(
    kept,
    Array.from({ length: kept.length }, (_, i) => text(1600 - kept.length + i)),
  );
  const atEnd = () => {
    const log = document.querySelector(".log");
    return log.scrollHeight - log.scrollTop - log.clientHeight < 4;
  };
  await ann.waitForFunction(atEnd);
  const row = ann.locator("li.said").first();
  assert.equal(await row.evaluate((element) => getComputedStyle(element).contentVisibility), "auto");
  const log = ann.getByRole("log");
  await log.focus();
  while ((await shown(ann))[0] !== text(0)) {
    const first = (await shown(ann))[0];
    await log.press("Home");
    await ann.waitForFunction((first) => document.querySelector(".log .text").textContent !== first, first);
  }
  assert.deepEqual(
    await shown(ann),
    Array.from({ length: 1600 }, (_, number) => text(number)),
  );
  bob.say("the newest");
  await ann.getByRole("button", { name: "1 new message" }).click();
  await ann.waitForFunction(atEnd);
});
