// Every page of the site, as somebody sees it who uses it: for tests that look at all of them.

import { PNG } from "pngjs";
import { signIn } from "./browser.js";
import { asOthers, openLink, sendFiles } from "./direct-screens.js";
import { terminal } from "./direct-terminal.js";
import { content, fixture, makeBatch, makeRoom } from "./server.js";

/** Fills a server, and gives back its pages: what each is called and how one gets there. */
export async function allPages(server) {
  const olga = await server.register("olga", true);
  const carl = await server.register("carl");
  const document = await content("report-python-docx.docx");
  for (const name of ["report.docx", "report.docx", "another name.docx"]) await olga.upload(name, document);
  await fetch((await carl.link("report.docx")).download_url).then((answer) => answer.arrayBuffer());
  const batch = await makeBatch(server.url, { title: "Photos and agenda" });
  await batch.add(["clip.mp4", "x".repeat(100_000)], ["trip/day 1/notes.txt", "notes"], ["offer.pdf", "y"]);
  await fetch(`${server.url}/api/batches/${batch.path.slice(3)}/zip`).then((answer) => answer.arrayBuffer());
  const locked = await makeBatch(server.url, { password: "secret words" });
  const used = await carl.link("report.docx");
  await fetch(used.download_url).then((answer) => answer.arrayBuffer());
  const open = await carl.link("report.docx");
  const room = await makeRoom(server.url, "Autumn fair");
  const bob = await room.join("Bob");
  bob.say("Good morning");
  bob.say(`See https://files.example.org/ and\n${"a long one\n".repeat(40)}`);
  await bob.share("map.png", PNG.sync.write(new PNG({ width: 600, height: 400, fill: true })));
  await bob.share("a file with quite a long name, longer than a phone is wide, and longer still.docx", "x");
  const pathOf = (url) => new URL(url).pathname.split("/").slice(-2).join("/");

  return {
    "the first page": async (page) => {
      await page.goto("");
      await page.getByRole("button", { name: "Receive" }).click();
      await page.getByRole("alert").waitFor();
    },
    "signing in": async (page) => {
      await page.goto("desk");
      await page.getByRole("heading", { name: "Sign in" }).waitFor();
    },
    registering: async (page) => {
      await page.goto("desk#register");
      await page.getByLabel(/I upload office files/).check();
    },
    "the desk of an operation user": async (page) => {
      await signIn(page, "olga");
      await page
        .locator("input[type=file]")
        .setInputFiles([fixture("hostile-macro-inside.docx"), fixture("ledger-openpyxl.xlsx")]);
      await page.locator("li[data-state=refused]").waitFor();
      await page.locator("li[data-state=done]").waitFor();
      await page.getByRole("button", { name: "Delete another name.docx" }).click();
    },
    "the details of a file": async (page) => {
      await signIn(page, "olga");
      await page.getByRole("table").getByRole("button", { name: "report.docx", exact: true }).click();
      await page.getByText("Version 1 ·").waitFor();
    },
    "the desk of a client user": async (page) => {
      await signIn(page, "carl");
      await page.getByRole("button", { name: "Get link to report.docx" }).waitFor();
    },
    "a fresh link": async (page) => {
      await signIn(page, "carl");
      await page.getByRole("button", { name: "Get link to report.docx" }).click();
      await page
        .getByRole("dialog")
        .getByText(/Open for/)
        .waitFor();
    },
    "a link's page": async (page) => {
      await page.goto(pathOf(open.page_url));
      await page.getByRole("timer").waitFor();
    },
    "a used link": async (page) => {
      await page.goto(pathOf(used.page_url));
      await page.getByRole("heading", { name: "This link has been used" }).waitFor();
    },
    "a new batch": async (page) => {
      await page.goto("new");
      await page.getByRole("heading", { name: "Drop files or a folder here" }).waitFor();
    },
    "a new batch with files": async (page) => {
      await page.goto("new");
      await page
        .locator("input[type=file]")
        .first()
        .setInputFiles(
          ["notes.txt", "ledger.xlsx"].map((name) => ({ name, mimeType: "", buffer: Buffer.from("Agenda") })),
        );
      await page.getByText("Agenda").first().waitFor();
    },
    "the sender's page": async (page) => {
      await page.goto(batch.senderPath.slice(1));
      await page.getByRole("img", { name: /QR code/ }).waitFor();
      await page.getByText("3 files as a ZIP").waitFor();
      await page
        .locator("input[type=file]")
        .first()
        .setInputFiles({ name: "more.txt", mimeType: "text/plain", buffer: Buffer.from("more") });
      await page.locator(".total[data-state=done]").waitFor();
    },
    "the receiver's page": async (page) => {
      await page.goto(batch.path.slice(1));
      await page.getByRole("link", { name: /^Download all/ }).waitFor();
    },
    "a batch with a password": async (page) => {
      await page.goto(locked.path.slice(1));
      await page.getByLabel("Password").fill("wrong words");
      await page.getByRole("button", { name: "Open" }).click();
      await page.getByRole("alert").waitFor();
    },
    "no such batch": async (page) => {
      await page.goto("b/aaaaaaaaaaaaaaaaaaaa");
      await page.getByRole("heading", { name: "There is no such batch" }).waitFor();
    },
    "sending directly": async (page) => {
      await page.goto("direct");
      await page
        .locator("input[type=file]")
        .first()
        .setInputFiles([fixture("ledger-openpyxl.xlsx")]);
      await page.getByLabel("Message").fill("For Thursday");
      await page.getByLabel("Receive").first().fill("7-aa");
      await page.getByRole("option", { name: "aardvark" }).waitFor();
    },
    "a code": async (page) => {
      await sendFiles(page, [fixture("ledger-openpyxl.xlsx")], { text: "For Thursday" });
      await page.getByText("Send something else").click();
    },
    "a link with a code": async (page) => {
      await page.goto("direct#7-aardvark-yoyo");
      await page.getByRole("heading", { name: "Somebody sends you something" }).waitFor();
    },
    "an offer": async (page) => {
      await page.addInitScript(asOthers);
      await receive(page, server.url);
      await page.getByRole("checkbox").nth(1).uncheck();
    },
    "what was received": async (page) => {
      await page.addInitScript(asOthers);
      await receive(page, server.url);
      await page.getByRole("button", { name: /^Accept all/ }).click();
      await page.locator(".transfer[data-state=done]").waitFor();
    },
    "a code that is no more": async (page) => {
      await openLink(page, "direct#4000000000-aardvark-yoyo");
      await page.getByRole("heading", { name: "There is no such code" }).waitFor();
    },
    "a new room": async (page) => {
      await page.goto("room");
      await page.getByLabel("Your name").waitFor();
    },
    "before a room": async (page) => {
      await page.goto(room.path.slice(1));
      await page.getByText(/people are here|person is here/).waitFor();
    },
    "the room of its maker": async (page) => {
      await page.goto(room.makersPath.slice(1));
      await page.getByLabel("Your name").fill("Ann");
      await page.getByRole("button", { name: "Join" }).click();
      await page.getByLabel("Message", { exact: true }).fill("Hello everybody");
      await page.keyboard.press("Enter");
      await page.locator("input[type=file]").setInputFiles({ name: "a.txt", mimeType: "", buffer: Buffer.from("a") });
      await page.getByRole("link", { name: "Download a.txt" }).last().waitFor();
      await page.getByRole("img", { name: "Picture map.png" }).waitFor();
      await page.getByText("Show the QR code").click();
      await page.getByRole("button", { name: "End room" }).click();
    },
    "a room that is over": async (page) => {
      const over = await makeRoom(server.url, "Over");
      await page.goto(over.path.slice(1));
      await page.getByLabel("Your name").fill("Ann");
      await page.getByRole("button", { name: "Join" }).click();
      await page.getByLabel("Message", { exact: true }).waitFor();
      await over.end();
      await page.getByRole("main").getByText("The room is over").waitFor();
    },
    "no such room": async (page) => {
      await page.goto("r/aaaa-aaaa-aaaa");
      await page.getByRole("heading", { name: "There is no such room" }).waitFor();
    },
    "the API's page": async (page) => {
      await page.goto("docs");
      await page.getByRole("group").first().click();
    },
  };
}

/** Opens what a terminal sends, up to the question what of it is wanted. */
async function receive(page, url) {
  const names = ["ledger-openpyxl.xlsx", "report-python-docx.docx"].map(fixture);
  const sender = terminal(url, "send", "--text", "For Thursday", ...names);
  await openLink(page, `direct#${(await sender.event("code")).code}`);
  await page.getByRole("button", { name: /^Accept all/ }).waitFor();
  page.on("close", sender.stop);
}
