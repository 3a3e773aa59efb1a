// Direct: from one person to another while both are there. Each transfer is a card; any number run side by side.

import { at } from "../base/address.js";
import { codeField } from "../direct/code-field.js";
import { NotACode, parse } from "../direct/engine/code.js";
import { handedCode } from "../direct/handed.js";
import { relayedChoice } from "../direct/relayed.js";
import { scripted } from "../direct/scripted.js";
import { fill, h, screen } from "../base/dom.js";
import { frame, title } from "../base/frame.js";
import { icon } from "../base/icons.js";
import * as session from "../base/session.js";
import { words } from "../direct/words.js";
import { parcelForm } from "../direct/parcel.js";
import { receiving } from "../direct/receiving.js";
import { sending } from "../direct/sending.js";

/** @typedef {ReturnType<typeof sending>} Card */

const main = screen();
main.classList.add("wide");
frame();
title(words.direct);

const another = h("details", { class: "another" }, h("summary", {}, words.sendAnother));
const parcel = parcelForm(
  (parcel) => add(sending(parcel)),
  () => (another.open = true),
);
const relayed = relayedChoice();
const forScripts = scripted();
/** @type {Set<Card>} */
const cards = new Set();
const transfers = h("section", { class: "transfers", "aria-label": words.transfers });
transfers.addEventListener("again", (event) => {
  const old = /** @type {HTMLElement} */ (event.target);
  const card = sending(/** @type {CustomEvent} */ (event).detail);
  cards.add(card);
  old.replaceWith(card.element);
  card.focus();
});
transfers.addEventListener("dismiss", (event) => {
  /** @type {HTMLElement} */ (event.target).remove();
  arrange();
  main.focus();
});
window.addEventListener("beforeunload", (event) => {
  for (const card of cards) if (!card.element.isConnected) cards.delete(card);
  if ([...cards].some((card) => card.runs)) event.preventDefault();
});
window.addEventListener("hashchange", show);
await session.find();
session.changes.dispatchEvent(new Event("change"));
const handed = handedCode();
show();
if (handed) await take(handed);

/** @param {Card} card */
function add(card) {
  cards.add(card);
  transfers.prepend(card.element);
  another.open = false;
  arrange();
  card.focus();
}

/** Beside a transfer, what else could be sent is to be found and not in the way. */
function arrange() {
  if (transfers.hasChildNodes()) {
    if (!another.contains(parcel)) another.append(parcel);
    transfers.after(another);
  } else {
    another.remove();
    transfers.after(parcel);
  }
}

/** Takes a code; gives back what is wrong with it, if it is. @param {string} text @returns {Promise<string | void>} */
async function take(text) {
  if (text === "") return words.receiveHint;
  try {
    const { text: code } = await parse(text);
    // It is used from now on: coming back to it would lead nowhere.
    history.replaceState(null, "", at("direct"));
    show();
    add(receiving(code));
  } catch (error) {
    return error instanceof NotACode ? error.message : words.broken;
  }
}

/** With a code in the address there is one thing to do. */
function show() {
  const code = decodeURIComponent(location.hash.slice(1));
  if (code) fill(main, transfers, invited(code));
  else {
    const receive = codeField({ label: words.receive, placeholder: words.code, verb: words.receiveGo, go: take });
    const head = h(
      "div",
      {},
      h("h1", { class: "large" }, words.directTitle),
      h("p", { class: "quiet" }, words.directHint),
    );
    fill(main, h("div", { class: "head hero" }, head, receive.element), transfers, relayed, forScripts);
    arrange();
  }
}

/** Nothing is connected before somebody presses: robots that open the link take no code. @param {string} code */
function invited(code) {
  const field = codeField({ label: words.code, placeholder: words.code, verb: words.receiveGo, value: code, go: take });
  return h(
    "div",
    { class: "card entry invited" },
    icon("download"),
    h("h1", {}, words.invited),
    h("p", { class: "quiet" }, words.invitedHint),
    field.element,
    relayedChoice(),
    h("p", { class: "small" }, h("a", { href: at("direct") }, words.sendInstead)),
  );
}
