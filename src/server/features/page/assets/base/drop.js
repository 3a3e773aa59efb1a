// The drop zone: drop anywhere on the page, or choose.

import { button, h, newId } from "../base/dom.js";
import { filesOf } from "../base/files.js";
import { icon } from "../base/icons.js";
import { words } from "../base/words.js";

/**
 * @typedef {object} Options
 * @property {string} title
 * @property {string} hint
 * @property {string} [accept] endings, as an `input` takes them
 * @property {boolean} [folders] whether a folder can be chosen, too
 * @property {Take} take
 * @property {boolean} [emptyFolders] whether those that are dropped are taken, too
 */

/**
 * What is done with files. `folders` are the paths of empty ones.
 * @typedef {(files: File[], unread: number, folders: string[]) => void} Take
 */

/** @param {Options} options */
export function dropZone({ title, hint, accept, folders, take, emptyFolders }) {
  const files = chooser({ accept }, take);
  const folder = folders ? chooser({ webkitdirectory: true }, take) : null;
  const id = newId();
  const zone = h(
    "section",
    { class: "drop", "aria-labelledby": id },
    icon("upload"),
    h("h2", { id }, title),
    h("p", { class: "quiet" }, hint),
    h(
      "div",
      { class: "actions" },
      button({}, () => files.click(), words.chooseFiles),
      folder && button({ class: "bare" }, () => folder.click(), words.chooseFolder),
    ),
    files,
    folder,
  );
  takeDrops(zone, take, emptyFolders);
  return zone;
}

/**
 * The system's own dialog, which a press on something opens by `click()`.
 * @param {import("../base/dom.js").Attributes} attributes
 * @param {Take} take
 */
export function chooser(attributes, take) {
  const input = h("input", { type: "file", multiple: true, hidden: true, ...attributes });
  input.addEventListener("change", () => {
    const chosen = [...(input.files ?? [])];
    input.value = ""; // the same file may be chosen again
    if (chosen.length > 0) take(chosen, 0, []);
  });
  return input;
}

/**
 * Files dropped beside the zone are meant for it; the browser would open them instead of this page.
 * @param {HTMLElement} zone
 * @param {Take} take
 * @param {boolean} [emptyFolders] whether those are taken, too
 */
export function takeDrops(zone, take, emptyFolders = false) {
  /** @param {DragEvent} event */
  const holdsFiles = (event) => zone.isConnected && (event.dataTransfer?.types.includes("Files") ?? false);
  document.addEventListener("dragover", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    zone.classList.add("over");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) zone.classList.remove("over");
  });
  document.addEventListener("drop", async (event) => {
    if (!holdsFiles(event) || !event.dataTransfer) return;
    event.preventDefault();
    zone.classList.remove("over");
    const { files, unread, ...found } = await filesOf(event.dataTransfer);
    const folders = emptyFolders ? found.folders : [];
    if (files.length > 0 || unread > 0 || folders.length > 0) take(files, unread, folders);
  });
}
