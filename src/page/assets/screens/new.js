// A new batch: choose files, look them over, send them.

import { alertLine } from "../parts/alert.js";
import { at } from "../parts/address.js";
import { announce } from "../parts/announce.js";
import { Batch } from "../parts/batch.js";
import { button, fill, h, newId, once, screen } from "../parts/dom.js";
import { dropZone } from "../parts/drop.js";
import { frame, signedIn, title } from "../parts/frame.js";
import { icon } from "../parts/icons.js";
import { firstLine, thumbnail } from "../parts/preview.js";
import * as session from "../parts/session.js";
import { size } from "../parts/size.js";
import { words } from "../parts/words.js";
import { senderPage } from "../screens/batch-sender.js";

/** @typedef {{ file: File, name: string, row: HTMLElement }} Chosen */

const main = screen();
/** @type {Map<string, Chosen>} by name, size and time, so that a file chosen twice is there once */
const chosen = new Map();

frame();
title(words.newBatchTitle);
const list = h("ul", { class: "rows long", "aria-label": words.files });
const sum = h("h2", {});
const picked = h("section", { class: "picked", hidden: true }, sum, list);
const drop = dropZone({ title: words.dropAny, hint: words.dropAnyHint, folders: true, take });
const alert = alertLine();
const send = h("button", { type: "submit", class: "wide-button" }, words.send);
const wishes = {
  title: field(
    words.title,
    h("input", { name: "title", maxlength: 200, autocomplete: "off", placeholder: words.titleHint }),
  ),
  password: field(
    words.batchPassword,
    h("input", {
      name: "password",
      type: "password",
      autocomplete: "new-password",
      minlength: 4,
      placeholder: words.none,
    }),
  ),
  expires_in: field(words.openForLabel, select("expires_in", words.lives)),
  max_downloads: field(words.downloadsLabel, select("max_downloads", words.downloadLimits)),
};
const form = h(
  "form",
  { class: "stack", hidden: true, "aria-label": words.newBatchTitle },
  h("div", { class: "wishes" }, ...Object.values(wishes).map((wish) => wish.element)),
  alert.element,
  send,
);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  void once(send, start);
});
const leaving = (/** @type {BeforeUnloadEvent} */ event) => {
  if (chosen.size > 0) event.preventDefault();
};
fill(
  main,
  h(
    "div",
    { class: "head" },
    h("h1", { class: "large" }, words.newBatchTitle),
    h("p", { class: "quiet" }, words.newBatchHint),
  ),
  drop,
  picked,
  form,
);
await session.find();
session.changes.dispatchEvent(new Event("change"));

/** @param {File[]} files @param {number} unread */
function take(files, unread) {
  const fresh = files.filter((file) => !chosen.has(idOf(file)));
  list.append(
    ...fresh.map((file) => {
      const name = file.webkitRelativePath || file.name;
      const row = fileRow(file, name);
      chosen.set(idOf(file), { file, name, row });
      return row;
    }),
  );
  alert.clear();
  if (unread > 0) alert.say(words.unread(unread));
  show();
  announce(words.filesChosen(chosen.size));
}

/** @param {File} file */
function idOf(file) {
  return [file.webkitRelativePath || file.name, file.size, file.lastModified].join("\n");
}

/** @param {File} file @param {string} name */
function fileRow(file, name) {
  const about = h("p", { class: "small quiet number clip" }, size(file.size));
  void firstLine(file).then((line) => line && about.append(` · ${line}`));
  const remove = button(
    { class: "icon-button", "aria-label": words.removeFile(name) },
    () => {
      const next = /** @type {HTMLElement | null} */ (row.nextElementSibling ?? row.previousElementSibling);
      chosen.delete(idOf(file));
      row.remove();
      show();
      (next?.querySelector("button") ?? drop.querySelector("button"))?.focus();
    },
    icon("close"),
  );
  const row = h(
    "li",
    { class: "row" },
    thumbnail(file),
    h("div", { class: "grow" }, h("p", { class: "name" }, name), about),
    remove,
  );
  return row;
}

function show() {
  const bytes = [...chosen.values()].reduce((all, one) => all + one.file.size, 0);
  const none = chosen.size === 0;
  picked.hidden = none;
  form.hidden = none;
  drop.classList.toggle("compact", !none);
  sum.textContent = words.files_(chosen.size);
  send.textContent = words.sendFiles(chosen.size, size(bytes));
  if (none) window.removeEventListener("beforeunload", leaving);
  else window.addEventListener("beforeunload", leaving);
}

/** Makes the batch; the page becomes the sender's, under its address, while the files are on their way. */
async function start() {
  alert.clear();
  try {
    const { batch, key } = await signedIn(() =>
      Batch.make({
        title: wishes.title.input.value.trim(),
        expires_in: wishes.expires_in.input.value,
        password: wishes.password.input.value,
        max_downloads: wishes.max_downloads.input.value,
      }),
    );
    window.removeEventListener("beforeunload", leaving);
    history.replaceState(null, "", `${at(`b/${batch.id}`)}#${key}`);
    senderPage(main, batch, [...chosen.values()]);
    main.focus();
  } catch (error) {
    alert.show(error);
  }
}

/**
 * @template {HTMLInputElement | HTMLSelectElement} T
 * @param {string} label
 * @param {T} input
 */
function field(label, input) {
  input.id = newId();
  return { element: h("div", { class: "field" }, h("label", { for: input.id }, label), input), input };
}

/** @param {string} name @param {readonly (readonly [string, string])[]} choices value and text; the first is chosen */
function select(name, choices) {
  return h("select", { name }, ...choices.map(([value, text]) => h("option", { value }, text)));
}
