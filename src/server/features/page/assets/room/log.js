// What was said in a room, from the newest up: more of the past as one scrolls, and never more than a page can carry.

import { button, fill, h, set } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { words } from "../room/words.js";
import { codeGroups } from "../room/side.js";
import { eventRow, settle, showFetches } from "../room/row.js";

/** @typedef {import("../room/api.js").RoomEvent} RoomEvent */

/** So many lines, and then back to so many: the oldest can be read again. */
const MOST = 1000;
const KEPT = 600;

/** Pixels from the end within which one is at the end. */
const NEAR = 60;

/** Pixels from the top within which earlier messages are read. */
const AHEAD = 600;

/**
 * @param {import("../room/row.js").Context} context
 * @param {(before: number) => Promise<{ events: RoomEvent[], more: boolean }>} older
 * @param {HTMLElement} waiting what is not confirmed yet
 * @param {string} code to pass on while nobody has said anything
 */
export function roomLog(context, older, waiting, code) {
  /** @type {Map<number, HTMLElement>} in their order */
  const rows = new Map();
  /** @type {Map<string, Map<string, string>>} by file */
  const fetches = new Map();
  /** @type {{ title: string, locked: boolean } | null} */
  let was = null;
  let below = 0;
  let top = 0;
  let isAtEnd = true;
  let hasMore = false;
  let isReading = false;

  const earlier = button({ class: "plain short earlier", hidden: true }, () => void readOlder(), words.earlier);
  const list = h("ol", { class: "talk" });
  const nothing = h("div", { class: "nothing quiet", hidden: true }, words.saidNothing, codeGroups(code));
  const element = h(
    "div",
    { class: "log", role: "log", tabindex: 0, "aria-label": words.messages },
    earlier,
    list,
    nothing,
    waiting,
  );
  const jump = button({ class: "jump short", hidden: true }, toEnd);
  const holder = h("div", { class: "log-holder" }, element, jump);

  element.addEventListener("scroll", () => {
    // Only a person goes up: what grows leaves one where one was, and then at the end again.
    if (element.scrollHeight - element.scrollTop - element.clientHeight < NEAR) isAtEnd = true;
    else if (element.scrollTop < top - 1) isAtEnd = false;
    top = element.scrollTop;
    if (isAtEnd) below = 0;
    else if (top < AHEAD) void readOlder();
    showJump();
  });
  // Pictures come later, keyboards rise: whoever is at the end stays there.
  const stay = new ResizeObserver(() => isAtEnd && end());
  for (const part of [element, list, waiting]) stay.observe(part);
  new IntersectionObserver((entries) => entries.some((one) => one.isIntersecting) && void readOlder(), {
    root: element,
    rootMargin: `${AHEAD}px 0px 0px`,
  }).observe(earlier);

  function end() {
    element.scrollTop = element.scrollHeight;
  }
  function toEnd() {
    isAtEnd = true;
    below = 0;
    end();
    showJump();
  }
  function showJump() {
    const held = document.activeElement === jump;
    jump.hidden = isAtEnd;
    fill(jump, below > 0 && words.messagesBelow(below), icon("down"));
    set(jump, { "aria-label": below > 0 ? words.messagesBelow(below) : words.toEnd });
    if (held && jump.hidden) element.focus({ preventScroll: true });
  }

  /** @param {RoomEvent} event */
  function rowOf(event) {
    const row = eventRow(event, context, was);
    if (event.type === "changed") was = event;
    rows.set(event.id, row);
    const fetched = event.type === "file" && fetches.get(event.file_id);
    if (fetched) showFetches(row, fetched);
    return row;
  }

  async function readOlder() {
    const [first] = rows.keys();
    if (!hasMore || first === undefined || isReading) return;
    isReading = true;
    set(element, { "aria-busy": "true" });
    try {
      const page = await older(first);
      const [newer, now] = [[...rows], was];
      rows.clear();
      was = null;
      const made = page.events.filter(isShown).map(rowOf);
      for (const [id, row] of newer) rows.set(id, row);
      was = now ?? was;
      const fromEnd = element.scrollHeight - element.scrollTop;
      list.prepend(...made);
      for (const row of made) settle(row);
      const next = made.at(-1)?.nextElementSibling;
      if (next instanceof HTMLElement) settle(next);
      element.scrollTop = element.scrollHeight - fromEnd;
      setMore(page.more);
      // A key that is held is at the top already, and nothing tells of that again.
      requestAnimationFrame(() => element.scrollTop < AHEAD && !isAtEnd && void readOlder());
    } catch {
      // It is tried again when somebody scrolls or presses.
    } finally {
      isReading = false;
      set(element, { "aria-busy": null });
    }
  }

  /** @param {boolean} more */
  function setMore(more) {
    hasMore = more;
    earlier.hidden = !more;
  }

  /** The newest stay. */
  function shorten() {
    if (rows.size <= MOST || !isAtEnd) return;
    for (const [id, row] of rows) {
      if (rows.size <= KEPT) break;
      row.remove();
      rows.delete(id);
    }
    const [first] = rows.values();
    if (first) settle(first);
    setMore(true);
  }

  /** @param {RoomEvent} event */
  function isShown(event) {
    return event.type !== "removed" || event.of === event.id;
  }

  return {
    element: holder,
    setMore,
    toEnd,
    /** @param {RoomEvent[]} events @param {boolean} live */
    add(events, live) {
      // What was said before is not read out.
      set(element, { "aria-busy": live ? null : "true" });
      const made = [];
      for (const event of events) {
        if (isShown(event)) made.push(rowOf(event));
        else if (event.type === "removed") takeAway(event);
      }
      const shown = made.filter((row) => !row.isConnected);
      list.append(...shown);
      for (const row of shown) settle(row);
      nothing.hidden = !!list.querySelector(".said") || waiting.childElementCount > 0;
      if (isAtEnd) end();
      else if (live) below += shown.filter((row) => row.matches(".said:not(.mine)")).length;
      showJump();
      shorten();
      if (!live) requestAnimationFrame(() => set(element, { "aria-busy": null }));
    },
    /** @param {{ file_id: string, by: string, at: string }} fetched */
    fetched({ file_id: file, by, at }) {
      const known = fetches.get(file) ?? new Map();
      fetches.set(file, known.set(by, at));
      const row = [...list.querySelectorAll("[data-file]")].find((one) => one.getAttribute("data-file") === file);
      if (row instanceof HTMLElement) showFetches(row, known);
    },
    /** One is somebody else now, or nobody: files are fetched by another key, or not at all. @param {boolean} isIn */
    readdress(isIn) {
      for (const link of list.querySelectorAll("a[data-take]")) {
        if (isIn) set(link, { href: context.addressOf(link.getAttribute("data-take") ?? "") });
        else link.remove();
      }
      if (!isIn) for (const trash of list.querySelectorAll(".take-away, .confirm")) trash.remove();
    },
  };

  /** @param {import("../room/api.js").Removed} event */
  function takeAway(event) {
    const row = rows.get(event.of);
    if (!row) return;
    const next = row.nextElementSibling;
    const emptied = rowOf({ ...event, id: event.of, at: row.dataset.at ?? event.at });
    row.replaceWith(emptied);
    settle(emptied);
    if (next instanceof HTMLElement) settle(next);
  }
}
