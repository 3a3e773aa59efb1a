// A transfer as a card, the same on both sides: what is going on, how far it is, and what can be done.

import { announce } from "../base/announce.js";
import { button, fill, h, newId, set } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { confirmed } from "../base/confirm.js";
import { progressBar } from "../base/progress.js";
import { size } from "../base/size.js";
import { words } from "../direct/words.js";

/**
 * @typedef {object} Progress of all files together
 * @property {number} bytes
 * @property {number | null} [total]
 * @property {number} rate bytes a second
 * @property {number | null} [remaining] seconds
 */

/** @typedef {"waiting" | "running" | "done" | "failed"} State */

/** Minutes and seconds: "9:41". @param {number} seconds */
export function clock(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/**
 * @param {string} heading
 * @param {() => void} cancel
 */
export function transferCard(heading, cancel) {
  const id = newId();
  const title = h("h2", { id, tabindex: -1 }, heading);
  const badge = h("span", { class: "badge small", hidden: true });
  const body = h("div", { class: "transfer-body" });
  const note = h("p", { class: "note", role: "status", hidden: true });
  const bar = progressBar(heading);
  const line = h("p", { class: "number transfer-line" });
  const total = h("div", { class: "transfer-total", hidden: true }, bar.element, line);
  const stop = button({ class: "bare danger" }, () => {}, words.cancelTransfer);
  confirmed(stop, words.cancelQuestion, words.cancelTransfer, cancel);
  const foot = h("div", { class: "actions transfer-foot" }, stop);
  const element = h(
    "section",
    { class: "transfer card", "aria-labelledby": id, "data-state": "waiting" },
    h("div", { class: "transfer-head" }, title, badge),
    note,
    body,
    total,
    foot,
  );
  const dismiss = () => element.dispatchEvent(new Event("dismiss", { bubbles: true }));
  const remove = button({ class: "icon-button", "aria-label": words.removeCard }, dismiss, icon("close"));

  return {
    element,
    /** Whether leaving the page would end it. */
    get runs() {
      return element.dataset.state === "waiting" || element.dataset.state === "running";
    },
    focus: () => title.focus(),
    /** What is going on, in a few words. @param {string} text */
    head(text) {
      if (title.textContent === text) return;
      title.textContent = text;
      announce(text);
    },
    /** @param {State} state */
    become(state) {
      set(element, { "data-state": state });
      if (state === "done" || state === "failed") {
        total.hidden = state === "failed";
        bar.element.hidden = true;
        this.note("");
        const held = element.contains(document.activeElement);
        foot.remove();
        title.after(remove);
        if (held) title.focus();
      }
    },
    /** @param {import("../base/dom.js").Child[]} children */
    show: (...children) => fill(body, ...children),
    /** Something that passes, or the end of it: empty. @param {string} text */
    note(text) {
      note.textContent = text;
      note.hidden = text === "";
    },
    /** @param {boolean} direct */
    path(direct) {
      badge.hidden = false;
      badge.textContent = direct ? words.pathDirect : words.pathRelayed;
      badge.title = direct ? words.pathDirectHint : words.pathRelayedHint;
    },
    /** @param {Progress} now */
    progress({ bytes, total: all, rate, remaining }) {
      total.hidden = false;
      bar.element.hidden = !all;
      if (all) bar.show(bytes / all);
      const parts = [
        all ? words.ofSize(size(bytes), size(all)) : size(bytes),
        rate > 0 && words.speed(size(rate)),
        rate > 0 && remaining !== null && remaining !== undefined && words.secondsLeft(remaining),
      ];
      line.textContent = parts.filter((part) => !!part).join(" · ");
    },
    /** The last line. @param {string} text */
    summary(text) {
      total.hidden = false;
      line.textContent = text;
    },
  };
}

/** What breaks and mends on the way, told on the card. @param {ReturnType<typeof transferCard>} card @param {any} event */
export function tellConnection(card, event) {
  switch (event.event) {
    case "peer_lost":
      return card.note(words.peerLost(clock(event.grace)));
    case "peer_stalled":
      return card.note(words.peerStalled(event.seconds));
    case "peer_paused":
      return card.note(event.paused ? words.peerPaused : "");
    case "connection_lost":
      return card.note(words.connectionLost);
    case "peer_back":
    case "connection_back":
      return card.note("");
    case "path":
      return card.path(event.direct);
  }
}

/** A text that goes along. @param {string} text @param {import("../base/dom.js").Child[]} more */
export function message(text, ...more) {
  return h("div", { class: "message" }, h("p", { class: "message-text" }, text), ...more);
}
