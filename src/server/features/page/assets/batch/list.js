// The files of a batch as a list that keeps up with what happens to it.

import { fill, h } from "../base/dom.js";
import { kindOf } from "../base/kind.js";
import { parts } from "../base/path.js";
import { size } from "../base/size.js";
import { words } from "../batch/words.js";

/** @typedef {import("../batch/api.js").BatchFile} BatchFile */

/**
 * @param {string} label
 * @param {string} empty what to say while there is none
 * @param {(file: BatchFile) => import("../base/dom.js").Child} action what can be done with a file
 * @param {() => void} changed
 */
export function batchList(label, empty, action, changed) {
  /** @type {Map<string, { file: BatchFile, row: HTMLElement }>} */
  const rows = new Map();
  /** Ids that are gone for good: an answer that was on its way does not bring them back. @type {Set<string>} */
  const gone = new Set();
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
      return answer;
    },
    /** @param {BatchFile[]} files those that are known already are left as they are */
    add(files) {
      const fresh = files.filter((file) => !rows.has(file.file_id) && !gone.has(file.file_id));
      list.append(
        ...fresh.map((file) => {
          const row = fileRow(file, action(file));
          rows.set(file.file_id, { file, row });
          return row;
        }),
      );
      show();
    },
    /** @param {string} id */
    drop(id) {
      rows.get(id)?.row.remove();
      rows.delete(id);
      gone.add(id);
      show();
    },
  };
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
