// The desk of operation users: upload, see what is there, see who fetched it.

import { alertLine } from "../base/alert.js";
import { segment } from "../base/address.js";
import { announce } from "../base/announce.js";
import { call, told } from "../base/api.js";
import { confirmed } from "../base/confirm.js";
import { button, fill, h, newId, set } from "../base/dom.js";
import { dropZone } from "../base/drop.js";
import { fileList, notesOf, tableRow } from "../desk/file-list.js";
import { icon } from "../base/icons.js";
import { kindOf } from "../base/kind.js";
import { Queue } from "../base/queue.js";
import { size } from "../base/size.js";
import { timeOf } from "../base/time.js";
import { Upload } from "../base/upload.js";
import { uploadRow } from "../base/upload-row.js";
import { words } from "../desk/words.js";
import { fileDetails } from "../desk/details.js";

/** @typedef {import("../desk/file-list.js").Document} Document */

const COLUMNS = [
  { text: words.name, class: "name-cell" },
  { text: words.version, class: "version-cell" },
  { text: words.size, class: "size-cell" },
  { text: words.uploaded, class: "when-cell" },
  { text: words.fetched, class: "fetched-cell" },
  { text: words.actions, class: "action-cell" },
];

export function operationDesk() {
  const queue = new Queue();
  const uploads = h("ul", { class: "rows", "aria-label": words.uploads });
  const section = h("section", { class: "uploads", hidden: true }, uploads);
  const fetches = new Fetches();
  const list = fileList({
    title: words.files,
    columns: COLUMNS,
    empty: words.noFilesYet,
    before: () => fetches.load(),
    row: (file) => fileRow(file, fetches, () => void list.refresh()),
  });

  /** @param {File[]} files */
  const take = (files) => {
    for (const file of files) {
      const upload = new Upload(file, { path: "upload", field: "file" });
      upload.addEventListener("change", () => {
        if (upload.state === "done") void list.refresh();
      });
      queue.add(upload);
      uploads.prepend(uploadRow(upload, queue, said));
    }
  };
  queue.addEventListener("change", () => (section.hidden = queue.uploads.length === 0));
  const drop = dropZone({ title: words.dropOffice, hint: words.dropOfficeHint, accept: ".docx,.xlsx,.pptx", take });
  const head = h(
    "div",
    { class: "head" },
    h("h1", { class: "large" }, words.desk),
    h("p", { class: "quiet" }, words.deskForOperation),
  );
  return { element: h("div", {}, head, drop, section, list.element), refresh: () => void list.refresh() };
}

/** What an upload's answer says. @param {any} answer */
function said(answer) {
  const notes = /** @type {import("../desk/file-list.js").Note[]} */ (answer?.notes ?? []);
  return [words.stored(answer?.version ?? 1), ...notes.map((note) => note.msg)].join(" · ");
}

/** What was fetched lately, from one page of links. */
class Fetches {
  /** @type {Map<string, { count: number, at: string, by: string }>} */
  #files = new Map();
  /** Whether there are older ones that were not asked for. */
  more = false;

  async load() {
    const page = await call("GET", "api/links?state=consumed&limit=200");
    this.#files.clear();
    this.more = page.next !== null;
    for (const link of page.links) {
      if (!link.fetched_at) continue;
      const known = this.#files.get(link.filename);
      if (known) known.count += 1;
      else this.#files.set(link.filename, { count: 1, at: link.fetched_at, by: link.issued_to });
    }
  }

  /** @param {string} name */
  cell(name) {
    const known = this.#files.get(name);
    if (!known) return [h("span", { class: "quiet" }, this.more ? words.notFetchedLately : words.notFetched)];
    return [
      h("span", {}, words.fetchedBy(known.by), " "),
      timeOf(known.at),
      known.count > 1 && h("span", { class: "quiet" }, ` ${words.andMore(known.count - 1)}`),
    ];
  }
}

/**
 * @param {Document} file
 * @param {Fetches} fetches
 * @param {() => void} changed
 */
function fileRow(file, fetches, changed) {
  const detailsId = newId();
  const open = button(
    { class: "disclosure", "aria-expanded": "false", "aria-controls": detailsId },
    toggle,
    kindOf(file.filename),
    h("span", { class: "name" }, file.filename),
    icon("down"),
  );
  const alert = alertLine();
  const remove = confirmed(
    button(
      { class: "icon-button", "aria-label": words.deleteFile(file.filename), title: words.delete },
      () => {},
      icon("trash"),
    ),
    file.version > 1 ? words.deleteAllVersions : words.deleteQuestion,
    words.delete,
    async () => {
      try {
        await call("DELETE", `files/${segment(file.filename)}`);
        announce(words.deleted(file.filename));
        changed();
      } catch (error) {
        alert.say(told(error));
      }
    },
  );
  const row = tableRow(COLUMNS, [
    [open, notesOf(file), alert.element],
    [h("span", { class: "label" }, `${words.version} `), String(file.version)],
    [size(file.size)],
    [timeOf(file.uploaded_at)],
    fetches.cell(file.filename),
    [remove],
  ]);
  const details = h("td", { colspan: COLUMNS.length, id: detailsId });
  const below = h("tr", { class: "details", hidden: true }, details);

  function toggle() {
    const opens = below.hidden;
    if (opens) {
      row.after(below);
      fill(details, fileDetails(file, changed));
    }
    below.hidden = !opens;
    set(open, { "aria-expanded": String(opens) });
  }
  return row;
}
