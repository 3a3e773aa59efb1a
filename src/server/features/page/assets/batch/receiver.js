// The receiver's page of a batch: what is in it, for how long, and each file or all.

import { alertLine } from "../base/alert.js";
import { Refusal, told } from "../base/api.js";
import { parts } from "../base/path.js";
import { batchList, summary } from "../batch/list.js";
import { watchBatch } from "../batch/watch.js";
import { fill, h, newId, set } from "../base/dom.js";
import { title } from "../base/frame.js";
import { icon } from "../base/icons.js";
import { size } from "../base/size.js";
import { countdown } from "../base/time.js";
import { words } from "../batch/words.js";
import { sorry } from "../base/sorry.js";

/** @typedef {import("../batch/api.js").BatchFile} BatchFile */

/** Files that the address of a ZIP may name: such addresses pass all that stands between. */
const MOST_NAMED = 150;

/**
 * @param {HTMLElement} main
 * @param {import("../batch/api.js").Batch} batch
 */
export function receiverPage(main, batch) {
  const heading = h("h1", { class: "large" });
  const about = h("p", { class: "quiet" });
  const all = h("a", { class: "button wide-button", hidden: true, download: "" });
  const list = batchList(words.files, words.nothingYet, (file) => fileLink(batch, file), showAll);
  const page = h("div", {}, h("div", { class: "head" }, heading, about), all, list.element);
  /** @type {import("../batch/api.js").BatchView | null} */
  let view = null;

  function showAll() {
    const files = list.files.filter((file) => file.downloads_left !== 0);
    const [first] = files;
    const isAll = files.length === list.files.length;
    // An address names only so many files.
    all.hidden = !first || (!isAll && files.length > MOST_NAMED);
    if (first) {
      const bytes = size(files.reduce((sum, file) => sum + file.size, 0));
      set(all, { href: files.length === 1 ? batch.addressOf(first) : isAll ? batch.zip : batch.zipOf(files) });
      const label = files.length === 1 ? words.downloadOne : isAll ? words.downloadAll : words.downloadLeft;
      fill(all, icon("download"), label(bytes));
    }
    if (view) showHead(view);
  }

  /** @param {import("../batch/api.js").BatchView} now */
  function showHead(now) {
    heading.textContent = now.title || words.filesForYou;
    title(heading.textContent);
    fill(
      about,
      now.made_by && `${words.sentBy(now.made_by)} · `,
      `${summary(list.files)} · ${words.stillOpenFor} `,
      countdown(now.expires_at, over),
    );
  }

  const over = () => sorry(main, words.batchOver, words.batchOverHint);
  /** @param {unknown} error */
  const refused = (error) => {
    const code = error instanceof Refusal ? error.code : "";
    if (code === "password_required") askPassword(main, batch, opened, wasOpened);
    else if (code === "batch_not_found") sorry(main, words.noBatch, words.noBatchHint);
    // What is shown already is still true; else there is nothing to look at.
    else if (!page.isConnected) sorry(main, words.thatDidNotWork, told(error));
  };
  /** @param {import("../batch/api.js").BatchView} now */
  const shown = (now) => {
    view = now;
    showHead(now);
    if (!page.isConnected) fill(main, page);
  };
  let stop = () => {};
  let wasOpened = false;
  const opened = () => {
    wasOpened = true;
    begin();
  };
  const begin = () => {
    stop();
    stop = watchBatch(batch, list, { shown, over, refused });
  };
  begin();
}

/**
 * @param {import("../batch/api.js").Batch} batch
 * @param {BatchFile} file
 */
function fileLink(batch, file) {
  if (file.downloads_left === 0) return null;
  const { last } = parts(file.filename);
  return h(
    "a",
    {
      class: "icon-button button",
      href: batch.addressOf(file),
      download: last,
      "aria-label": words.downloadFile(file.filename),
      title: words.download,
    },
    icon("download"),
  );
}

/**
 * @param {HTMLElement} main
 * @param {import("../batch/api.js").Batch} batch
 * @param {() => void} opened
 * @param {boolean} wasOpened the password was right before, but the browser has not kept the cookie
 */
function askPassword(main, batch, opened, wasOpened) {
  const id = newId();
  const input = h("input", { id, type: "password", required: true, autocomplete: "off" });
  const alert = alertLine();
  const form = h(
    "form",
    { class: "stack" },
    h("div", { class: "field" }, h("label", { for: id }, words.password), input),
    alert.element,
    h("button", { type: "submit", class: "wide-button" }, words.openBatch),
  );
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
  if (wasOpened) alert.say(words.noCookies);
  title(words.locked);
  fill(
    main,
    h(
      "div",
      { class: "card entry stack" },
      icon("lock"),
      h("h1", {}, words.locked),
      h("p", { class: "quiet" }, words.lockedHint),
      form,
    ),
  );
  input.focus();
}
