// The desk of client users: find a file, download it or get a link to it.

import { alertLine } from "../base/alert.js";
import { at, segment } from "../base/address.js";
import { announce } from "../base/announce.js";
import { call } from "../base/api.js";
import { button, h, once } from "../base/dom.js";
import { fileList, notesOf, tableRow } from "../desk/file-list.js";
import { icon } from "../base/icons.js";
import { kindOf } from "../base/kind.js";
import { size } from "../base/size.js";
import { timeOf } from "../base/time.js";
import { words } from "../desk/words.js";
import { linkSheet } from "../desk/link.js";

/** @typedef {import("../desk/file-list.js").Document} Document */

const COLUMNS = [
  { text: words.name, class: "name-cell" },
  { text: words.version, class: "version-cell" },
  { text: words.size, class: "size-cell" },
  { text: words.uploaded, class: "when-cell" },
  { text: words.actions, class: "action-cell" },
];

export function clientDesk() {
  const list = fileList({ title: words.files, columns: COLUMNS, empty: words.noFilesForYou, row: fileRow });
  const head = h(
    "div",
    { class: "head" },
    h("h1", { class: "large" }, words.desk),
    h("p", { class: "quiet" }, words.deskForClient),
  );
  return { element: h("div", {}, head, list.element), refresh: () => void list.refresh() };
}

/** @param {Document} file */
function fileRow(file) {
  const alert = alertLine();
  /** @param {HTMLButtonElement} pressed @param {() => Promise<void>} act */
  const attempt = (pressed, act) =>
    once(pressed, () => {
      alert.clear();
      return act().catch(alert.show);
    });
  const link = button(
    { class: "plain short", "aria-label": words.getLinkTo(file.filename) },
    () => void attempt(link, () => linkSheet(file)),
    icon("link"),
    words.getLink,
  );
  const take = button(
    { class: "plain short", "aria-label": words.downloadFile(file.filename) },
    () => void attempt(take, () => download(file)),
    icon("download"),
    words.download,
  );
  return tableRow(COLUMNS, [
    [
      h("span", { class: "named" }, kindOf(file.filename), h("span", { class: "name" }, file.filename)),
      notesOf(file),
      alert.element,
    ],
    [h("span", { class: "label" }, `${words.version} `), String(file.version)],
    [size(file.size)],
    [timeOf(file.uploaded_at)],
    [h("span", { class: "actions" }, link, take)],
  ]);
}

/** Fetches the file by a link of its own, which the browser's download spends. @param {Document} file */
async function download(file) {
  const minted = await call("POST", `generate_download_url/${segment(file.filename)}`);
  const token = String(minted.download_url).split("/").pop() ?? "";
  // By this page's own address: the server may know itself by another.
  h("a", { href: at(`download_file/${token}`), download: file.filename }).click();
  announce(words.downloadBegins(file.filename));
}
