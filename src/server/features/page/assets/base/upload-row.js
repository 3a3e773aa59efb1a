// An upload as a row: how far, how fast, how long; what the server said; cancel and retry.

import { told } from "../base/api.js";
import { announce } from "../base/announce.js";
import { button, fill, h, set } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { kindOf } from "../base/kind.js";
import { progressBar } from "../base/progress.js";
import { size } from "../base/size.js";
import { words } from "../base/words.js";

/**
 * @param {import("../base/upload.js").Upload} upload
 * @param {import("../base/queue.js").Queue} queue
 * @param {(answer: any) => string} done what to say when it has arrived
 */
export function uploadRow(upload, queue, done) {
  const { name } = upload;
  const bar = progressBar(name);
  const note = h("p", { class: "small quiet number" });
  const actions = h("div", { class: "actions" });
  const row = h(
    "li",
    { class: "row upload" },
    kindOf(name),
    h("div", { class: "grow" }, h("p", { class: "name" }, name), bar.element, note),
    actions,
  );

  const remove = () => {
    queue.drop(upload);
    row.remove();
  };
  const close = button({ class: "icon-button", "aria-label": words.dismiss(name) }, remove, icon("close"));
  const cancel = button({ class: "icon-button", "aria-label": words.cancelUpload(name) }, remove, icon("close"));
  const retry = button(
    { class: "plain short", "aria-label": words.retryUpload(name) },
    () => {
      bar.reset();
      queue.retry(upload);
    },
    icon("retry"),
    words.retry,
  );

  let state = "";
  const show = () => {
    bar.show(upload.file.size > 0 ? upload.sent / upload.file.size : 0);
    note.textContent = noteOf(upload, done);
    if (state === upload.state) return;
    if (upload.state === "waiting") bar.reset();
    state = upload.state;
    set(row, { "data-state": state });
    set(note, { class: state === "refused" || state === "broken" ? "small danger" : "small quiet number" });
    bar.element.hidden = !upload.runs;
    const held = actions.contains(document.activeElement);
    if (upload.runs) fill(actions, cancel);
    else if (state === "broken") fill(actions, retry, close);
    else fill(actions, close);
    if (held) actions.querySelector("button")?.focus();
    if (!upload.runs) announce(`${name}: ${note.textContent}`);
  };
  upload.addEventListener("change", show);
  show();
  return row;
}

/**
 * @param {import("../base/upload.js").Upload} upload
 * @param {(answer: any) => string} done
 */
function noteOf(upload, done) {
  switch (upload.state) {
    case "waiting":
      return `${size(upload.file.size)} · ${words.waiting}`;
    case "sending":
      return upload.quiet ? words.quiet : sending(upload);
    case "checking":
      return words.checking;
    case "done":
      return done(upload.answer);
    case "cancelled":
      return words.cancelled;
    default:
      return told(upload.error);
  }
}

/** @param {import("../base/upload.js").Upload} upload */
function sending(upload) {
  const parts = [words.ofSize(size(upload.sent), size(upload.file.size))];
  if (upload.speed > 0) {
    parts.push(words.speed(size(upload.speed)), words.secondsLeft((upload.file.size - upload.sent) / upload.speed));
  }
  return parts.join(" · ");
}
