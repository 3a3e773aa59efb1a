// What the sender sees: the code, then whether somebody has come, then how far it is.

import { announce } from "../base/announce.js";
import { copyField } from "../base/copy.js";
import { button, fill, h, set } from "../base/dom.js";
import { signedIn } from "../base/frame.js";
import { icon } from "../base/icons.js";
import { qrCode } from "../base/qr.js";
import { size } from "../base/size.js";
import { words } from "../direct/words.js";
import { isRelayed } from "../direct/relayed.js";
import { send } from "../direct/engine/sender.js";
import { clock, message, tellConnection, transferCard } from "../direct/card.js";
import { entryList } from "../direct/entries.js";

/** From this many seconds on the time left is pressing. */
const LAST = 60;

/** @typedef {{ files: any[], text: string | undefined }} Parcel */

/** Sends in a card of its own. @param {Parcel} parcel */
export function sending(parcel) {
  /** @type {ReturnType<typeof send> | null} */
  let transfer = null;
  const card = transferCard(words.makingCode, () => transfer?.cancel());
  const list = entryList(parcel.files);
  const contents = h("div", {}, parcel.text !== undefined && message(parcel.text), list.element);
  const left = h("span", { class: "number" });
  const timer = h("p", { class: "time-left", role: "timer" }, icon("clock"), left);

  /** @param {number} seconds */
  const timeLeft = (seconds) => {
    left.textContent = words.timeLeft(clock(seconds));
    if (seconds === LAST) announce(words.lastMinute);
    set(timer, { "data-last": String(seconds <= LAST) });
  };
  /** @param {any} event */
  const onEvent = (event) => {
    switch (event.event) {
      case "code":
        card.head(words.codeReady);
        timeLeft(event.expires_in);
        return card.show(invitation(event.code, event.page_url, timer), contents);
      case "time_left":
        return timeLeft(event.seconds);
      case "peer_joined":
        card.head(words.peerJoined);
        return card.show(contents);
      case "confirmed":
        return card.head(words.peerDecides);
      case "accepted":
        card.become("running");
        return card.head(words.sendingNow);
      case "progress":
        list.progress(event);
        return card.progress(event);
      case "file_done":
        return list.done(event);
      default:
        return tellConnection(card, event);
    }
  };

  const begin = () => {
    transfer = send({ ...parcel, onEvent, relayed: isRelayed() });
    return transfer.done;
  };
  const again = (/** @type {string} */ verb) =>
    button({ class: "plain" }, () => replace(card.element, parcel), icon("retry"), verb);
  signedIn(begin).then(
    (summary) => {
      card.become("done");
      card.head(words.delivered);
      const how = words.deliveredHow(summary.files, size(summary.bytes), summary.seconds);
      card.summary(parcel.files.length === 0 ? words.deliveredMessage : how);
    },
    (failure) => {
      card.become("failed");
      const told = words.directFailure(failure.code, "sender", failure.message);
      card.head(told.head);
      card.show(h("p", {}, told.text), h("div", { class: "actions" }, again(words.newCode)), contents);
    },
  );
  return card;
}

/** The same once more, in the same place. @param {HTMLElement} old @param {Parcel} parcel */
function replace(old, parcel) {
  old.dispatchEvent(new CustomEvent("again", { detail: parcel, bubbles: true }));
}

/**
 * What the sender passes on.
 * @param {string} code
 * @param {string} page
 * @param {HTMLElement} timer
 */
function invitation(code, page, timer) {
  const link = `${page}#${code}`;
  const command = `handover receive ${code} --server ${page.replace(/\/direct$/, "")}`;
  // A narrow screen breaks it between words.
  const spoken = h("p", { class: "spoken" });
  fill(spoken, ...code.split(/(?<=-)/).flatMap((part) => [part, h("wbr")]));
  return h(
    "div",
    { class: "invitation" },
    h(
      "div",
      { class: "stack" },
      spoken,
      h("p", { class: "quiet" }, words.codeHint),
      copyField(words.address, link),
      timer,
      h("p", { class: "small quiet" }, words.inTerminal, " ", h("code", {}, command)),
    ),
    qrCode(link, words.qrOfCode),
  );
}
