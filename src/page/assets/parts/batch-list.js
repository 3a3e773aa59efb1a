// The files of a batch as a list that keeps up with what happens to it.

import { fill, h } from "../parts/dom.js";
import { kindOf } from "../parts/kind.js";
import { parts } from "../parts/batch.js";
import { size } from "../parts/size.js";
import { words } from "../parts/words.js";

/** @typedef {import("../parts/batch.js").BatchFile} BatchFile */

/**
 * @param {string} label
 * @param {string} empty what to say while there is none
 * @param {(file: BatchFile) => import("../parts/dom.js").Child} action what can be done with a file
 * @param {() => void} changed
 */
export function batchList(label, empty, action, changed) {
  /** @type {Map<string, { file: BatchFile, row: HTMLElement }>} */
  const rows = new Map();
  const list = h("ul", { class: "rows long", "aria-label": label });
  const nothing = h("p", { class: "empty quiet" }, empty);
  const element = h("div", {}, list, nothing);
  const show = () => {
    nothing.hidden = rows.size > 0;
    changed();
  };
  return {
    element,
    /** @returns {BatchFile[]} */
    get files() {
      return [...rows.values()].map(({ file }) => file);
    },
    /** @param {BatchFile[]} files all there are */
    sync(files) {
      const there = new Set(files.map((file) => file.file_id));
      for (const id of rows.keys()) if (!there.has(id)) this.drop(id);
      this.add(files);
    },
    /** @param {BatchFile[]} files those that are known already are left as they are */
    add(files) {
      const fresh = files.filter((file) => !rows.has(file.file_id));
      list.append(...fresh.map((file) => {
        const row = fileRow(file, action(file));
        rows.set(file.file_id, { file, row });
        return row;
      }));
      show();
    },
    /** @param {string} id */
    drop(id) {
      rows.get(id)?.row.remove();
      rows.delete(id);
      show();
    },
  };
}

/** @param {BatchFile} file @param {import("../parts/dom.js").Child} action */
function fileRow(file, action) {
  const { folder, last } = parts(file.filename);
  const name = h("p", { class: "name" });
  fill(name, folder && h("span", { class: "quiet folder" }, folder), last);
  const left = file.downloads_left === null ? "" : ` · ${words.downloadsLeft(file.downloads_left)}`;
  return h("li", { class: "row" }, kindOf(last), h("div", { class: "grow" }, name, h("p", { class: "small quiet number" }, size(file.size), left)), action);
}

/** "4 files · 12 MB". @param {BatchFile[]} files */
export function summary(files) {
  return `${words.files_(files.length)} · ${size(files.reduce((sum, file) => sum + file.size, 0))}`;
}
