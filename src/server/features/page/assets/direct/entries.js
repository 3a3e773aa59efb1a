// The files of a transfer: chosen before it, each with its bar while it runs.

import { parts } from "../base/path.js";
import { fill, h, set } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { kindOf } from "../base/kind.js";
import { progressBar } from "../base/progress.js";
import { size } from "../base/size.js";
import { words } from "../direct/words.js";

/** @typedef {import("../direct/engine/sink.js").Entry} Entry */

/** Rows that are shown; what comes after them is one row. */
const SHOWN = 500;

/** Bytes of all sizes that are known. @param {Entry[]} entries */
export function bytesOf(entries) {
  return entries.reduce((sum, entry) => sum + (entry.size ?? 0), 0);
}

/**
 * @param {Entry[]} entries
 * @param {() => void} [chosen] called when what is chosen changes; without it all are, and there is nothing to choose
 */
export function entryList(entries, chosen) {
  const rows = entries.slice(0, SHOWN).map((entry, place) => entryRow(entry, place, chosen));
  const rest = entries.length > SHOWN ? restRow(entries.length - SHOWN, chosen) : null;
  const element = h(
    "ul",
    { class: "rows long entries", "aria-label": words.files, tabindex: entries.length > 6 ? 0 : null },
    ...rows.map((row) => row.element),
    rest?.element,
  );
  /** Bytes of the files that are complete. */
  let before = 0;
  return {
    element,
    /** Numbers of what is chosen. */
    get chosen() {
      return entries.flatMap((_, place) => ((rows[place] ?? rest)?.box.checked ? [place] : []));
    },
    /** What is not chosen is left out from now on. */
    freeze() {
      for (const row of rows) row.freeze();
      rest?.box.remove();
    },
    /** @param {{ entry?: number | null, bytes: number }} now */
    progress({ entry, bytes }) {
      if (entry !== null && entry !== undefined) rows[entry]?.progress(bytes - before);
    },
    /** @param {{ entry: number, path: string, bytes: number }} file */
    done({ entry, path, bytes }) {
      before += bytes;
      rows[entry]?.done(path);
    },
  };
}

/**
 * @param {Entry} entry
 * @param {number} place
 * @param {(() => void) | undefined} chosen
 */
function entryRow(entry, place, chosen) {
  const { folder, last } = parts(entry.path);
  const about = entry.folder
    ? words.emptyFolder
    : entry.size === null || entry.size === undefined
      ? words.sizeUnknown
      : size(entry.size);
  const note = h("p", { class: "small quiet number" }, about);
  const bar = progressBar(entry.path);
  bar.element.hidden = true;
  const box = h("input", { type: "checkbox", checked: true });
  box.addEventListener("change", () => chosen?.());
  const mark = h("span", { class: "mark" });
  const name = h("span", { class: "name" }, folder && h("span", { class: "quiet folder" }, folder), last);
  const drawing = entry.folder ? h("span", { class: "kind" }, icon("desk")) : kindOf(last);
  const element = h(
    chosen ? "label" : "div",
    { class: "entry-row" },
    chosen && box,
    drawing,
    h("span", { class: "grow" }, name, bar.element, note),
    mark,
  );
  return {
    box,
    element: h("li", { "data-entry": place }, element),
    freeze() {
      const row = h("div", { class: "entry-row" });
      row.append(...[...element.childNodes].filter((child) => child !== box));
      element.replaceWith(row);
      if (box.checked) return;
      set(row, { "data-state": "left" });
      note.textContent = words.leftOut;
    },
    /** @param {number} bytes */
    progress(bytes) {
      if (!entry.size || bytes <= 0) return;
      bar.element.hidden = false;
      bar.show(bytes / entry.size);
      note.textContent = words.ofSize(size(Math.min(bytes, entry.size)), size(entry.size));
    },
    /** @param {string} path what it is called where it has arrived */
    done(path) {
      bar.element.hidden = true;
      note.textContent = path === entry.path ? about : `${about} · ${words.savedAs(path)}`;
      fill(mark, icon("check"), h("span", { class: "sr" }, words.complete));
    },
  };
}

/** @param {number} number @param {(() => void) | undefined} chosen */
function restRow(number, chosen) {
  const box = h("input", { type: "checkbox", checked: true });
  box.addEventListener("change", () => chosen?.());
  const text = h("span", { class: "grow quiet" }, words.andMore(number));
  return { box, element: h("li", {}, h(chosen ? "label" : "div", { class: "entry-row" }, chosen && box, text)) };
}
