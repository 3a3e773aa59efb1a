// What one has said and the room has not confirmed: on its way, or refused.

import { button, fill, h } from "../base/dom.js";
import { words } from "../room/words.js";
import { textOf } from "../room/row.js";

/** @typedef {import("../room/memory.js").Unsent} Unsent */

/** @param {{ again: (ref: string) => void, giveUp: (ref: string) => void }} resend */
export function unsentList({ again, giveUp }) {
  /** @type {Map<string, { row: HTMLElement, note: HTMLElement }>} */
  const rows = new Map();
  const element = h("ol", { class: "talk" });

  /** @param {string} ref */
  function settled(ref) {
    rows.get(ref)?.row.remove();
    rows.delete(ref);
  }

  /** @param {Unsent} unsent */
  function refuse({ ref, refusal }) {
    const made = rows.get(ref);
    if (!made) return;
    const retry = () => {
      made.row.classList.remove("refused");
      fill(made.note, words.sendingMessage);
      again(ref);
    };
    const discard = () => {
      settled(ref);
      giveUp(ref);
    };
    made.row.classList.add("refused");
    fill(
      made.note,
      h("span", { role: "alert" }, refusal),
      " ",
      button({ class: "bare inline small" }, retry, words.retry),
      " ",
      button({ class: "bare inline small" }, discard, words.giveUp),
    );
  }

  return {
    element,
    refuse,
    settled,
    /** @param {Unsent} unsent */
    add(unsent) {
      const note = h("p", { class: "note-line small quiet" }, words.sendingMessage);
      const row = h("li", { class: "said mine pending" }, h("div", { class: "bubble" }, ...textOf(unsent.text)), note);
      rows.set(unsent.ref, { row, note });
      element.append(row);
      if (unsent.refusal !== undefined) refuse(unsent);
    },
  };
}
