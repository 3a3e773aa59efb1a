// Files that were chosen and not sent yet: looked over, and taken out again.

import { button, h } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { firstLine, thumbnail } from "../base/preview.js";
import { size } from "../base/size.js";
import { words } from "../base/words.js";

/** @typedef {{ file: File, name: string }} Picked `name` is the path within the chosen folder */

/**
 * @param {() => void} changed
 * @param {() => HTMLElement | null} nextFocus where the focus goes when the last file is taken out
 */
export function pickedFiles(changed, nextFocus) {
  /** @type {Map<string, Picked>} by name, size and time, so that a file chosen twice is there once */
  const picked = new Map();
  /** Paths of empty folders. @type {Set<string>} */
  const folders = new Set();
  const list = h("ul", { class: "rows long", "aria-label": words.files });
  const sum = h("h2", {});
  const element = h("section", { class: "picked", hidden: true }, sum, list);

  const show = () => {
    element.hidden = picked.size + folders.size === 0;
    sum.textContent = words.filesAndFolders(picked.size, folders.size);
    changed();
  };
  /**
   * @param {string} name
   * @param {Element} drawing
   * @param {HTMLElement} about
   * @param {() => void} takeOut
   */
  const row = (name, drawing, about, takeOut) => {
    const remove = button(
      { class: "icon-button", "aria-label": words.removeFile(name) },
      () => {
        const next = /** @type {HTMLElement | null} */ (made.nextElementSibling ?? made.previousElementSibling);
        takeOut();
        made.remove();
        show();
        (next?.querySelector("button") ?? nextFocus())?.focus();
      },
      icon("close"),
    );
    const made = h(
      "li",
      { class: "row" },
      drawing,
      h("div", { class: "grow" }, h("p", { class: "name" }, name), about),
      remove,
    );
    return made;
  };
  /** @param {Picked} one */
  const fileRow = ({ file, name }) => {
    const about = h("p", { class: "small quiet number clip" }, size(file.size));
    void firstLine(file).then((line) => line && about.append(` · ${line}`));
    return row(name, thumbnail(file), about, () => picked.delete(idOf(file)));
  };
  /** @param {string} path */
  const folderRow = (path) => {
    const about = h("p", { class: "small quiet" }, words.emptyFolder);
    return row(path, h("span", { class: "kind" }, icon("desk")), about, () => folders.delete(path));
  };

  return {
    element,
    /** @returns {Picked[]} */
    get all() {
      return [...picked.values()];
    },
    /** Paths of empty folders. */
    get folders() {
      return [...folders];
    },
    get bytes() {
      return this.all.reduce((sum, { file }) => sum + file.size, 0);
    },
    /** @param {File[]} files @param {string[]} [empty] paths of folders */
    add(files, empty = []) {
      const fresh = files.filter((file) => !picked.has(idOf(file)));
      const named = fresh.map((file) => ({ file, name: file.webkitRelativePath || file.name }));
      for (const one of named) picked.set(idOf(one.file), one);
      const news = empty.filter((path) => !folders.has(path));
      for (const path of news) folders.add(path);
      list.append(...named.map(fileRow), ...news.map(folderRow));
      show();
    },
    clear() {
      picked.clear();
      folders.clear();
      list.replaceChildren();
      show();
    },
  };
}

/** @param {File} file */
function idOf(file) {
  return [file.webkitRelativePath || file.name, file.size, file.lastModified].join("\n");
}
