// What the receiver sees: what there is, what of it is wanted, and how far it is.

import { alertLine } from "../base/alert.js";
import { announce } from "../base/announce.js";
import { copyButton } from "../base/copy.js";
import { button, fill, h, once } from "../base/dom.js";
import { size } from "../base/size.js";
import { words } from "../direct/words.js";
import { receive } from "../direct/engine/receiver.js";
import { isRelayed } from "../direct/relayed.js";
import { choose, isTooMuch, wayFor } from "../direct/engine/sink.js";
import { message, tellConnection, transferCard } from "../direct/card.js";
import { bytesOf, entryList } from "../direct/entries.js";

/** @typedef {import("../direct/engine/sink.js").Sink} Sink */
/** @typedef {{ text?: string | null, entries: import("../direct/engine/sink.js").Entry[], bytes: number }} Offer */

/** Receives in a card of its own; call it from a press, because it takes the code. @param {string} code */
export function receiving(code) {
  /** Where what is accepted goes; asked for when it is. @type {Sink | null} */
  let place = null;
  const sink = {
    /** @param {import("../direct/engine/sink.js").Entry} entry */
    open: (entry) => chosen().open(entry),
    /** @param {import("../direct/engine/sink.js").Entry} entry */
    folder: (entry) => chosen().folder(entry),
  };
  const chosen = () => {
    if (!place) throw new Error("nothing was accepted");
    return place;
  };
  /** @type {ReturnType<typeof entryList> | null} */
  let list = null;
  const text = h("div", {});
  const contents = h("div", {});
  const card = transferCard(words.connecting, () => transfer.cancel());
  card.show(text, contents);

  /** @param {Offer} offer @returns {Promise<number[] | "all" | "none">} */
  const decide = (offer) =>
    new Promise((resolve) => {
      card.head(words.offered(offer.entries.length, size(bytesOf(offer.entries))));
      const asked = question(offer, (wanted, to) => {
        place = to;
        resolve(wanted);
        fill(contents, asked.list.element);
        asked.list.freeze();
      });
      list = asked.list;
      fill(contents, asked.element);
    });

  /** @type {string[]} */
  const leftOut = [];

  /** @param {any} event */
  const onEvent = (event) => {
    switch (event.event) {
      case "confirmed":
        return card.head(words.waitingForOffer);
      case "text":
        announce(words.messageHere);
        return fill(text, message(event.text, copyButton(event.text, "plain")));
      case "accepted":
        card.become("running");
        return card.head(words.receivingNow);
      case "progress":
        list?.progress(event);
        return card.progress(event);
      case "file_done":
        return list?.done(event);
      case "file_skipped":
        return void leftOut.push(event.path);
      default:
        return tellConnection(card, event);
    }
  };

  const transfer = receive({ code, decide, sink, onEvent, relayed: isRelayed() });
  transfer.done.then(
    (summary) => {
      card.become("done");
      card.head(summary.files > 0 ? words.received : words.messageReceived);
      const how = words.receivedHow(summary.files, size(summary.bytes), summary.seconds);
      card.summary(leftOut.length > 0 ? `${how} ${words.directLeftOut(leftOut)}` : how);
    },
    (failure) => {
      card.become("failed");
      const told = words.directFailure(failure.code, "receiver", failure.message);
      card.head(told.head);
      fill(contents, h("p", {}, told.text), list?.element);
    },
  );
  return card;
}

/**
 * Asks what of an offer is wanted, and where it is to go.
 * @param {Offer} offer
 * @param {(wanted: number[] | "all" | "none", place: Sink | null) => void} answer
 */
function question(offer, answer) {
  const { entries } = offer;
  const alert = alertLine();
  const where = h("p", { class: "small quiet" });
  const accept = button({}, () => void once(accept, take));
  const decline = button({ class: "plain" }, () => answer("none", null), words.decline);
  const list = entryList(entries, entries.length > 1 ? show : undefined);
  const wanted = () => list.chosen.map((place) => entries[place]);

  function show() {
    const some = wanted();
    const bytes = size(bytesOf(some));
    const tooMuch = isTooMuch(some);
    accept.disabled = some.length === 0 || tooMuch;
    accept.textContent =
      some.length === entries.length
        ? words.acceptAll(some.length, bytes)
        : words.acceptSome(some.length, entries.length, bytes);
    where.textContent = words.goesTo[wayFor(some)];
    alert.clear();
    if (tooMuch) alert.say(words.tooMuchHere);
  }
  async function take() {
    try {
      const numbers = list.chosen;
      const place = await choose(wanted());
      if (place) answer(numbers.length === entries.length ? "all" : numbers, place);
    } catch (error) {
      alert.show(error);
    }
  }
  show();
  const element = h(
    "div",
    { class: "stack question" },
    list.element,
    alert.element,
    h("div", { class: "actions" }, accept, decline),
    where,
  );
  return { element, list };
}
