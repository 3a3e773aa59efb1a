// Where people begin: what this is, in one look, and the ways in.

import { at, pathOf } from "../base/address.js";
import { codeField, looksLikeCode } from "../direct/code-field.js";
import { NotACode, parse } from "../direct/engine/code.js";
import { handOn } from "../direct/handed.js";
import { fill, h, screen } from "../base/dom.js";
import { frame, title } from "../base/frame.js";
import { icon } from "../base/icons.js";
import { roomCode } from "../room/code.js";
import * as session from "../base/session.js";
import { mayRegister } from "../base/sign-in.js";
import { words } from "../home/words.js";

const main = screen();
main.classList.add("wide");
frame();
title(words.handOver);
const ways = h("ul", { class: "ways" });
fill(
  main,
  h(
    "div",
    { class: "head hero" },
    h("div", {}, h("h1", { class: "large" }, words.handOver), h("p", { class: "quiet" }, words.handOverHint)),
    receive(),
  ),
  ways,
);
show();
session.changes.addEventListener("change", show);
if (await session.find()) session.changes.dispatchEvent(new Event("change"));

function show() {
  const user = session.current();
  const desk = user ? (user.role === "operation" ? words.wayDeskOperation : words.wayDeskClient) : words.wayDesk;
  fill(
    ways,
    way("direct", "direct", words.direct, words.wayDirect, words.startDirect),
    way("batch", "new", words.newBatch, words.wayBatch, words.startBatch),
    way("room", "room", words.newRoom, words.wayRoom, words.startRoom),
    way(
      "desk",
      "desk",
      words.desk,
      desk,
      user ? words.openDesk : words.signIn,
      !user && mayRegister() && h("a", { class: "quiet small second", href: at("desk#register") }, words.register),
    ),
  );
}

/**
 * @param {"batch" | "desk" | "direct" | "room"} drawing
 * @param {string} path
 * @param {string} name
 * @param {string} text
 * @param {string} verb
 * @param {import("../base/dom.js").Child[]} more
 */
function way(drawing, path, name, text, verb, ...more) {
  return h(
    "li",
    { class: "way card" },
    icon(drawing),
    h("h2", {}, name),
    h("p", { class: "quiet" }, text),
    h("p", { class: "go" }, h("a", { class: "stretched", href: at(path) }, verb, icon("arrow")), ...more),
  );
}

function receive() {
  const field = codeField({ label: words.receive, placeholder: words.codeOrLink, verb: words.receiveGo, go });
  return field.element;
}

/** @param {string} text */
async function go(text) {
  const to = whereTo(text);
  if ("sorry" in to) return to.sorry;
  if ("path" in to) return location.assign(at(to.path));
  try {
    handOn((await parse(to.code)).text);
  } catch (error) {
    return error instanceof NotACode ? error.message : words.broken;
  }
}

/**
 * Where a link or a code leads, within this site.
 * @param {string} text
 * @returns {{ path: string } | { code: string } | { sorry: string }}
 */
function whereTo(text) {
  if (text === "") return { sorry: words.receiveHint };
  if (/^https?:\/\//i.test(text)) {
    const path = pathOf(text);
    if (path?.startsWith("direct#")) return { code: path };
    if (path !== null && /^(b|d|r|download_file)\//.test(path)) return { path };
    return { sorry: path === null ? words.otherSite : words.noSuchLink };
  }
  // It begins with a number, which the code of a room never does.
  if (looksLikeCode(text)) return { code: text };
  if (/^[\w-]+\.[\w-]+\.[\w-]+$/.test(text)) return { path: `d/${text}` };
  const room = roomCode(text);
  if (room) return { path: `r/${room}` };
  if (/^[\w-]{12,64}$/.test(text)) return { path: `b/${text}` };
  return { sorry: words.noSuchCode };
}
