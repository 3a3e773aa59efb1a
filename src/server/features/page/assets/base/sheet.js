// A sheet over the page: one thing to look at, closed by its button, Escape or a press beside it.

import { button, h, newId } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { words } from "../base/words.js";

/**
 * Opens a sheet. The focus comes back to where it was when the sheet is closed.
 * @param {string} title
 * @param {import("../base/dom.js").Child[]} children
 */
export function openSheet(title, ...children) {
  const id = newId();
  const dialog = h("dialog", { class: "sheet", "aria-labelledby": id });
  const close = button({ class: "icon-button", "aria-label": words.close }, () => dialog.close(), icon("close"));
  dialog.append(h("div", { class: "sheet-head" }, h("h2", { id, tabindex: -1 }, title), close));
  dialog.append(h("div", { class: "sheet-body" }, ...children));
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
