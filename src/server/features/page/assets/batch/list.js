// The files of a batch as a list that keeps up with what happens to it.

import { fill, h } from "../base/dom.js";
import { kindOf } from "../base/kind.js";
import { byName, parts } from "../base/path.js";
import { size } from "../base/size.js";
import { words } from "../batch/words.js";

/** @typedef {import("../batch/api.js").BatchFile} BatchFile */

/** Between two looks at the whole, in milliseconds. */
const SHOWN = 100;

/**
 * @param {string} label
 * @param {string} empty what to say while there is none
 * @param {(file: BatchFile) => import("../base/dom.js").Child} action what can be done with a file
 * @param {() => void} changed
 */
export function batchList(label, empty, action, changed) {
  /** @type {Map<string, { file: BatchFile, row: HTMLElement }>} */
  const rows = new Map();
  /** The same in the order in which they are shown. @type {{ file: BatchFile, row: HTMLElement }[]} */
  const order = [];
  /** Ids that are gone for good: an answer that was on its way does not bring them back. @type {Set<string>} */
  const gone = new Set();
  const list = h("ul", { class: "rows long", "aria-label": label });
  const nothing = h("p", { class: "empty quiet" }, empty);
  const element = h("div", {}, list, nothing);
  let rest = 0;
  let isDue = false;
  /** At once, and then ten times a second at most: thousands of files come faster than anybody reads. */
  const show = () => {
    if (rest) return void (isDue = true);
    isDue = false;
    nothing.hidden = rows.size > 0;
    rest = setTimeout(() => {
      rest = 0;
      if (isDue) show();
    }, SHOWN);
    changed();
  };
  return {
    element,
    /** @returns {BatchFile[]} */
    get files() {
      return [...rows.values()].map(({ file }) => file);
    },
    /**
     * Reads all files there are. What comes in while they are being read stays, though the answer does not have it.
     * @template {{ files: BatchFile[] }} T
     * @param {() => Promise<T>} read
     */
    async sync(read) {
      const before = [...rows.keys()];
      const answer = await read();
      const there = new Set(answer.files.map((file) => file.file_id));
      for (const id of before) if (!there.has(id)) this.drop(id);
      this.add(answer.files);
      this.count(answer.files);
      return answer;
    },
    /** @param {BatchFile[]} files those that are known already are left as they are */
    add(files) {
      const fresh = files.filter((file) => !rows.has(file.file_id) && !gone.has(file.file_id));
      for (const file of fresh) {
        const one = { file, row: fileRow(file, action(file)) };
        const at = placeIn(order, file);
        list.insertBefore(one.row, order[at]?.row ?? null);
        order.splice(at, 0, one);
        rows.set(file.file_id, one);
      }
      if (fresh.length > 0) show();
    },
    /** What is left of files has changed. @param {{ file_id: string, downloads_left: number | null }[]} counts */
    count(counts) {
      for (const { file_id, downloads_left } of counts) {
        const one = rows.get(file_id);
        if (!one || one.file.downloads_left === downloads_left) continue;
        one.file = { ...one.file, downloads_left };
        const row = fileRow(one.file, action(one.file));
        one.row.replaceWith(row);
        one.row = row;
      }
      show();
    },
    /** @param {string} id */
    drop(id) {
      const one = rows.get(id);
      one?.row.remove();
      if (one) order.splice(order.indexOf(one), 1);
      rows.delete(id);
      gone.add(id);
      show();
    },
  };
}

/** Where a file belongs, by name. @param {{ file: BatchFile }[]} order @param {BatchFile} file */
function placeIn(order, file) {
  let [from, to] = [0, order.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (byName(/** @type {{ file: BatchFile }} */ (order[middle]).file.filename, file.filename) <= 0) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** @param {BatchFile} file @param {import("../base/dom.js").Child} action */
function fileRow(file, action) {
  const { folder, last } = parts(file.filename);
  const name = h("p", { class: "name" });
  fill(name, folder && h("span", { class: "quiet folder" }, folder), last);
  const left = file.downloads_left === null ? "" : ` · ${words.downloadsLeft(file.downloads_left)}`;
  return h(
    "li",
    { class: "row" },
    kindOf(last),
    h("div", { class: "grow" }, name, h("p", { class: "small quiet number" }, size(file.size), left)),
    action,
  );
}

/** "4 files · 12 MB". @param {BatchFile[]} files */
export function summary(files) {
  return `${words.files_(files.length)} · ${size(files.reduce((sum, file) => sum + file.size, 0))}`;
}
