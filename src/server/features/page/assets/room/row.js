// A line of a room: what somebody said or shared, or what happened.

import { button, fill, h, set, sr } from "../base/dom.js";
import { confirmed } from "../base/confirm.js";
import { icon } from "../base/icons.js";
import { kindOf } from "../base/kind.js";
import { linked } from "../room/linked.js";
import { LARGEST, picture } from "../room/picture.js";
import { size } from "../base/size.js";
import { clockTime, day, exact } from "../base/time.js";
import { words } from "../room/words.js";

/** @typedef {import("../room/api.js").RoomEvent} RoomEvent */
/** @typedef {import("../room/api.js").SharedFile} SharedFile */

/**
 * What a line needs to know.
 * @typedef {object} Context
 * @property {(id: string) => boolean} isMine
 * @property {(file: string) => string} addressOf
 * @property {(file: SharedFile) => Promise<Blob>} preview
 * @property {((event: number) => void) | null} remove for the maker of the room
 */

/** A text that is longer than so many signs or lines is folded. */
const LONG = 1200;
const LINES = 16;

/** What is said within so many milliseconds by the same person needs no new head. */
const TOGETHER = 300_000;

const PICTURES = /\.(png|jpe?g|gif|webp)$/i;

/** One picture after another: a hundred of them would take all memory at once. @type {Promise<void>} */
let before = Promise.resolve();

const seen = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    seen.unobserve(target);
    target.dispatchEvent(new Event("seen"));
  }
});

/**
 * @param {RoomEvent} event
 * @param {Context} context
 * @param {{ title: string, locked: boolean } | null} was the room before
 * @returns {HTMLElement}
 */
export function eventRow(event, context, was) {
  if (event.type === "message") return saidRow(event, context, textOf(event.text));
  if (event.type === "file") return saidRow(event, context, fileOf(event, context));
  const row = h("li", { class: "notice small quiet", "data-at": event.at });
  if (event.type === "joined") row.append(words.joined(event.name));
  else if (event.type === "left") row.append(words.left(event.name, event.reason));
  else if (event.type === "removed") row.append(words.removedMessage);
  else row.append(...changeOf(event, was));
  row.append(" · ", timeOf(event.at));
  return row;
}

/**
 * Puts a line in its place: a day has its name once, a person within a few minutes, too.
 * @param {HTMLElement} row
 */
export function settle(row) {
  const { at = "", from = "" } = row.dataset;
  const previous = row.previousElementSibling instanceof HTMLElement ? row.previousElementSibling.dataset : null;
  row.querySelector(":scope > .day")?.remove();
  const isNewDay = !previous?.at || day(previous.at) !== day(at);
  if (isNewDay) row.prepend(h("h2", { class: "day small quiet" }, day(at)));
  const goesOn = !isNewDay && from !== "" && previous?.from === from;
  row.classList.toggle("on", goesOn && Date.parse(at) - Date.parse(previous?.at ?? "") < TOGETHER);
}

/**
 * Who has fetched a file of one's own.
 * @param {HTMLElement} row
 * @param {Map<string, string>} fetches by whom, and when
 */
export function showFetches(row, fetches) {
  const text = [...fetches].map(([by, at]) => `${by}, ${clockTime(at)}`).join(" · ");
  const line = row.querySelector(".fetches") ?? h("p", { class: "fetches small quiet" });
  line.textContent = words.fetchedByAll(text);
  row.append(line);
}

/**
 * @param {import("../room/api.js").Message | SharedFile} event
 * @param {Context} context
 * @param {(Node | string)[]} content
 */
function saidRow(event, context, content) {
  const isMine = context.isMine(event.from_id);
  const { remove } = context;
  const label = { "aria-label": words.deleteFrom(event.from), title: words.delete };
  const trash = remove && button({ class: "icon-button take-away", ...label }, () => {}, icon("trash"));
  if (trash) confirmed(trash, words.deleteQuestion, words.delete, () => remove(event.id));
  const who = h("b", { class: isMine ? "sr" : "who-said", dir: "auto" }, isMine ? words.you : event.from);
  return h(
    "li",
    {
      class: isMine ? "said mine" : "said",
      "data-at": event.at,
      "data-from": event.from_id,
      "data-file": event.type === "file" && event.file_id,
    },
    h("p", { class: "said-head small" }, who, " ", timeOf(event.at)),
    h("div", { class: "said-line" }, h("div", { class: "bubble", title: exact(event.at) }, ...content), trash),
  );
}

/** @param {string} text */
export function textOf(text) {
  const shown = h("p", { class: "text", dir: "auto" }, ...linked(text));
  if (text.length <= LONG && text.split("\n", LINES + 1).length <= LINES) return [shown];
  shown.classList.add("folded");
  const all = button(
    { class: "bare inline small" },
    () => {
      shown.classList.remove("folded");
      all.remove();
    },
    words.showAll,
  );
  return [shown, all];
}

/** @param {SharedFile} file @param {Context} context */
function fileOf(file, context) {
  const { filename } = file;
  const take = h(
    "a",
    {
      class: "icon-button button",
      href: context.addressOf(file.file_id),
      download: filename,
      "data-take": file.file_id,
      "aria-label": words.downloadFile(filename),
      title: words.download,
    },
    icon("download"),
  );
  const about = h("p", { class: "small quiet number" }, size(file.size));
  const row = h(
    "div",
    { class: "shared" },
    kindOf(filename),
    h("div", { class: "grow" }, h("p", { class: "name", dir: "auto" }, filename), about),
    take,
  );
  if (!PICTURES.test(filename) || file.size > LARGEST) return [row];
  const frame = h("div", { class: "look", hidden: true });
  row.addEventListener("seen", () => {
    before = before.then(() => look(file, context, frame)).catch(() => {});
  });
  seen.observe(row);
  return [frame, row];
}

/** @param {SharedFile} file @param {Context} context @param {HTMLElement} frame */
async function look(file, context, frame) {
  const drawn = await picture(await context.preview(file), words.pictureOf(file.filename));
  if (!drawn) return;
  fill(frame, drawn);
  set(frame, { hidden: null });
}

/**
 * @param {import("../room/api.js").Changed} now
 * @param {{ title: string, locked: boolean } | null} was
 */
function changeOf(now, was) {
  if (!was) return [words.roomChanged];
  const parts = [
    was.title !== now.title && `${words.renamed} “${now.title || words.untitledRoom}”`,
    was.locked !== now.locked && (now.locked ? words.lockedNow : words.openNow),
  ];
  return [parts.filter((part) => part !== false).join(". ") || words.roomChanged];
}

/** @param {string} iso */
function timeOf(iso) {
  const shown = h("span", { "aria-hidden": "true" }, clockTime(iso));
  return h("time", { datetime: iso, class: "number quiet", title: exact(iso) }, shown, sr(clockTime(iso)));
}
