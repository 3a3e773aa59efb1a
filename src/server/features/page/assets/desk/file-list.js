// The list of the desk's files: search, pages that load as one scrolls, and rows that a screen fills.

import { alertLine } from "../base/alert.js";
import { call } from "../base/api.js";
import { announce } from "../base/announce.js";
import { button, fill, h } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { words } from "../desk/words.js";

/**
 * @typedef {object} Document as GET /files has it
 * @property {string} filename
 * @property {number} version
 * @property {number} size
 * @property {string} blake3
 * @property {string | null} sha256
 * @property {string} uploaded_by
 * @property {string} uploaded_at
 * @property {Note[]} notes
 */

/** @typedef {{ code: string, msg: string }} Note what receivers should know of a document */

/** The notes as a line below the name, if there are any. @param {Document} file */
export function notesOf(file) {
  return file.notes.length > 0 && h("p", { class: "small quiet" }, file.notes.map((note) => note.msg).join(" "));
}

/** How long somebody pauses who has finished a word, in milliseconds. */
const PAUSE = 200;

/**
 * @typedef {object} Options
 * @property {string} title
 * @property {{ text: string, class: string }[]} columns
 * @property {(file: Document) => HTMLTableRowElement} row
 * @property {() => Promise<void>} [before] what else a row needs to know
 * @property {string} empty what to say when there is no file at all
 */

/** @param {Options} options */
export function fileList({ title, columns, row, before, empty }) {
  const body = h("tbody", {});
  const heads = columns.map((column) => h("th", { class: column.class, scope: "col" }, column.text));
  const table = h("table", { class: "files", hidden: true }, h("thead", {}, h("tr", {}, ...heads)), body);
  const nothing = h("p", { class: "empty quiet", hidden: true });
  const alert = alertLine();
  const search = h("input", {
    type: "search",
    "aria-label": words.searchFiles,
    placeholder: words.searchFiles,
    autocomplete: "off",
    spellcheck: "false",
  });
  const more = button({ class: "plain more", hidden: true }, () => void load(next), words.more);
  const element = h(
    "section",
    { class: "list", "aria-label": title },
    h("div", { class: "list-head" }, h("h2", {}, title), h("div", { class: "search" }, icon("search"), search)),
    alert.element,
    table,
    nothing,
    more,
  );

  /** @type {string | null} */
  let next = null;
  let asking = new AbortController();

  /** @param {string | null} cursor */
  const load = async (cursor) => {
    asking.abort();
    asking = new AbortController();
    const { signal } = asking;
    const query = new URLSearchParams({ limit: "50" });
    if (search.value) query.set("q", search.value);
    if (cursor) query.set("cursor", cursor);
    element.setAttribute("aria-busy", "true");
    try {
      const [page] = await Promise.all([call("GET", `files?${query}`, { signal }), cursor ? null : before?.()]);
      if (signal.aborted) return;
      alert.clear();
      const rows = page.files.map(row);
      if (cursor) body.append(...rows);
      else fill(body, ...rows);
      next = page.next;
      more.hidden = !next;
      table.hidden = body.rows.length === 0;
      nothing.hidden = !table.hidden;
      nothing.textContent = search.value ? words.notFound(search.value) : empty;
      if (search.value) announce(words.found(body.rows.length));
    } catch (error) {
      if (!signal.aborted) alert.show(error);
    } finally {
      if (!signal.aborted) element.removeAttribute("aria-busy");
    }
  };

  let pause = 0;
  search.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(() => void load(null), PAUSE);
  });
  new IntersectionObserver(
    (seen) => {
      if (next && !element.hasAttribute("aria-busy") && seen.some((one) => one.isIntersecting)) void load(next);
    },
    { rootMargin: "400px" },
  ).observe(more);

  return { element, refresh: () => load(null) };
}

/**
 * A row with its cells; on a narrow screen each lies where its class says.
 * @param {{ class: string }[]} columns
 * @param {import("../base/dom.js").Child[][]} cells
 */
export function tableRow(columns, cells) {
  return h("tr", {}, ...cells.map((children, place) => h("td", { class: columns[place]?.class }, ...children)));
}
