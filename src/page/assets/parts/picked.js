// Files that were chosen and not sent yet: looked over, and taken out again.

import { button, h } from "../parts/dom.js";
import { icon } from "../parts/icons.js";
import { firstLine, thumbnail } from "../parts/preview.js";
import { size } from "../parts/size.js";
import { words } from "../parts/words.js";

/** @typedef {{ file: File, name: string }} Picked `name` is the path within the chosen folder */

/**
 * @param {() => void} changed
 * @param {() => HTMLElement | null} nextFocus where the focus goes when the last file is taken out
 */
export function pickedFiles(changed, nextFocus) {
  /** @type {Map<string, Picked>} by name, size and time, so that a file chosen twice is there once */
  const picked = new Map();
  const list = h("ul", { class: "rows long", "aria-label": words.files });
  const sum = h("h2", {});
  const element = h("section", { class: "picked", hidden: true }, sum, list);

  const show = () => {
    element.hidden = picked.size === 0;
    sum.textContent = words.files_(picked.size);
    changed();
  };
  /** @param {Picked} one */
  const row = ({ file, name }) => {
    const about = h("p", { class: "small quiet number clip" }, size(file.size));
    void firstLine(file).then((line) => line && about.append(` · ${line}`));
    const remove = button(
      { class: "icon-button", "aria-label": words.removeFile(name) },
      () => {
        const next = /** @type {HTMLElement | null} */ (made.nextElementSibling ?? made.previousElementSibling);
        picked.delete(idOf(file));
        made.remove();
        show();
        (next?.querySelector("button") ?? nextFocus())?.focus();
      },
      icon("close"),
    );
    const made = h(
      "li",
      { class: "row" },
      thumbnail(file),
      h("div", { class: "grow" }, h("p", { class: "name" }, name), about),
      remove,
    );
    return made;
  };

  return {
    element,
    /** @returns {Picked[]} */
    get all() {
      return [...picked.values()];
    },
    get bytes() {
      return this.all.reduce((sum, { file }) => sum + file.size, 0);
    },
    /** @param {File[]} files */
    add(files) {
      const fresh = files.filter((file) => !picked.has(idOf(file)));
      const named = fresh.map((file) => ({ file, name: file.webkitRelativePath || file.name }));
      for (const one of named) picked.set(idOf(one.file), one);
      list.append(...named.map(row));
      show();
    },
    clear() {
      picked.clear();
      list.replaceChildren();
      show();
    },
  };
}

/** @param {File} file */
function idOf(file) {
  return [file.webkitRelativePath || file.name, file.size, file.lastModified].join("\n");
}
