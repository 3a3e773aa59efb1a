// The receiver's page of a batch: what is in it, for how long, and each file or all.

import { alertLine } from "../parts/alert.js";
import { Refusal, told } from "../parts/api.js";
import { parts } from "../parts/batch.js";
import { batchList, summary } from "../parts/batch-list.js";
import { fill, h, newId, set } from "../parts/dom.js";
import { listen } from "../parts/events.js";
import { title } from "../parts/frame.js";
import { icon } from "../parts/icons.js";
import { size } from "../parts/size.js";
import { countdown } from "../parts/time.js";
import { words } from "../parts/words.js";

/** @typedef {import("../parts/batch.js").BatchFile} BatchFile */

/**
 * @param {HTMLElement} main
 * @param {import("../parts/batch.js").Batch} batch
 */
export function receiverPage(main, batch) {
  const heading = h("h1", { class: "large" });
  const about = h("p", { class: "quiet" });
  const all = h("a", { class: "button wide-button", hidden: true, download: "" });
  const list = batchList(words.files, words.nothingYet, (file) => fileLink(batch, file), showAll);
  const page = h("div", {}, h("div", { class: "head" }, heading, about), all, list.element);
  /** @type {import("../parts/batch.js").BatchView | null} */
  let view = null;

  function showAll() {
    const { files } = list;
    const [first] = files;
    all.hidden = files.length === 0;
    if (first) {
      const bytes = size(files.reduce((sum, file) => sum + file.size, 0));
      set(all, { href: files.length === 1 ? batch.addressOf(first) : batch.zip });
      fill(all, icon("download"), files.length === 1 ? words.downloadOne(bytes) : words.downloadAll(bytes));
    }
    if (view) showHead(view);
  }

  /** @param {import("../parts/batch.js").BatchView} now */
  function showHead(now) {
    heading.textContent = now.title || words.filesForYou;
    title(heading.textContent);
    fill(about, now.made_by && `${words.sentBy(now.made_by)} · `, `${summary(list.files)} · ${words.openFor.toLowerCase()} `, countdown(now.expires_at, () => over()));
  }

  const over = () => sorry(main, words.batchOver, words.batchOverHint);
  const read = async () => {
    try {
      view = await list.sync(() => batch.read());
      showHead(view);
      if (!page.isConnected) fill(main, page);
    } catch (error) {
      refused(error);
    }
  };
  /** @param {unknown} error */
  const refused = (error) => {
    if (error instanceof Refusal && error.code === "password_required") return askPassword(main, batch, begin);
    if (error instanceof Refusal && error.code === "batch_not_found") return sorry(main, words.noBatch, words.noBatchHint);
    // What is shown already is still true; else there is nothing to look at.
    if (!page.isConnected) sorry(main, words.thatDidNotWork, told(error));
  };
  const begin = () => void listen(`${batch.path}/events`, batch.headers, {
    connected: () => void read(),
    event: (name, data) => {
      if (name === "added") list.add(data.files);
      if (name === "removed") list.drop(data.file_id);
      if (name === "changed" && view) showHead(Object.assign(view, data));
      if (name === "ended") over();
    },
    refused,
  });
  begin();
}

/**
 * @param {import("../parts/batch.js").Batch} batch
 * @param {BatchFile} file
 */
function fileLink(batch, file) {
  if (file.downloads_left === 0) return null;
  const { last } = parts(file.filename);
  return h("a", { class: "icon-button button", href: batch.addressOf(file), download: last, "aria-label": words.downloadFile(file.filename), title: words.download }, icon("download"));
}

/**
 * @param {HTMLElement} main
 * @param {import("../parts/batch.js").Batch} batch
 * @param {() => void} opened
 */
function askPassword(main, batch, opened) {
  const id = newId();
  const input = h("input", { id, type: "password", required: true, autocomplete: "off" });
  const alert = alertLine();
  const form = h("form", { class: "stack" }, h("div", { class: "field" }, h("label", { for: id }, words.password), input), alert.element,
    h("button", { type: "submit", class: "wide-button" }, words.openBatch));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    alert.clear();
    try {
      await batch.unlock(input.value);
      opened();
    } catch (error) {
      alert.show(error);
      input.select();
    }
  });
  title(words.locked);
  fill(main, h("div", { class: "card entry stack" }, icon("lock"), h("h1", {}, words.locked), h("p", { class: "quiet" }, words.lockedHint), form));
  input.focus();
}

/** @param {HTMLElement} main @param {string} heading @param {string} text */
export function sorry(main, heading, text) {
  title(heading);
  fill(main, h("div", { class: "card entry" }, h("h1", {}, heading), h("p", {}, text)));
  main.classList.remove("wide");
}
