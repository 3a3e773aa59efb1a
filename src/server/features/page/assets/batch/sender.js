// The sender's page of a batch: its link and QR code, what is in it, what was fetched; add more, remove, end.

import { alertLine } from "../base/alert.js";
import { Refusal } from "../base/api.js";
import { batchList, summary } from "../batch/list.js";
import { watchBatch } from "../batch/watch.js";
import { confirmed } from "../base/confirm.js";
import { copyField } from "../base/copy.js";
import { button, fill, h } from "../base/dom.js";
import { dropZone } from "../base/drop.js";
import { title } from "../base/frame.js";
import { icon } from "../base/icons.js";
import { qrCode } from "../base/qr.js";
import { Queue } from "../base/queue.js";
import { countdown } from "../base/time.js";
import { totalProgress } from "../base/total.js";
import { Upload } from "../base/upload.js";
import { uploadRow } from "../base/upload-row.js";
import { words } from "../batch/words.js";
import { fetched } from "../batch/fetched.js";
import { sorry } from "../base/sorry.js";

/** @typedef {import("../batch/api.js").BatchView} BatchView */

/**
 * @param {HTMLElement} main
 * @param {import("../batch/api.js").Batch} batch
 * @param {{ file: File, name: string }[]} files what is to be sent at once
 */
export function senderPage(main, batch, files) {
  main.classList.add("wide");
  const heading = h("h1", { class: "large" });
  const about = h("p", { class: "quiet" });
  const share = h("aside", { class: "share card", "aria-label": words.share });
  const alert = alertLine();
  const list = batchList(words.files, words.nothingSentYet, removeButton, showHead);
  const sending = sender(batch, list);
  /** @type {BatchView | null} */
  let view = null;

  /** @param {() => Promise<void>} act */
  const attempt = (act) => {
    alert.clear();
    act().catch(alert.show);
  };
  /** @param {import("../batch/api.js").BatchFile} file */
  function removeButton(file) {
    const label = { "aria-label": words.removeFile(file.filename), title: words.remove };
    const trigger = button({ class: "icon-button", ...label }, () => {}, icon("trash"));
    return confirmed(trigger, words.removeQuestion, words.remove, () =>
      attempt(() => batch.remove(file.file_id).then(() => list.drop(file.file_id))),
    );
  }
  function showHead() {
    if (!view) return;
    heading.textContent = view.title || words.yourBatch;
    title(heading.textContent);
    const end = countdown(view.expires_at, over);
    fill(about, `${summary(list.files)} · ${words.stillOpenFor} `, end, view.password && ` · ${words.withPassword}`);
  }
  function over() {
    stop();
    sorry(main, words.batchOver, words.batchOverForSender);
  }
  const ending = button({ class: "bare danger" }, () => {}, icon("trash"), words.endBatch);
  confirmed(ending, words.endQuestion, words.endBatch, () => attempt(() => batch.end().then(over)));

  const contents = [sending.total, alert.element, sending.rows, list.element, sending.drop, fetched(batch)];
  const keeping = h("div", { class: "keeping" }, h("p", { class: "small quiet" }, words.keepPage), ending);
  fill(
    main,
    h("div", { class: "head" }, heading, about),
    h(
      "div",
      { class: "sender" },
      h("div", { class: "contents" }, ...contents),
      h("div", { class: "side" }, share, keeping),
    ),
  );
  sending.send(files);
  const stop = watchBatch(batch, list, {
    shown: (now) => {
      if (!view) fill(share, ...sharing(now));
      view = now;
      showHead();
    },
    over,
    refused: (error) => {
      const code = error instanceof Refusal ? error.code : "";
      if (code === "manage_key_required") sorry(main, words.wrongKey, words.wrongKeyHint);
      else if (code === "batch_not_found") sorry(main, words.noBatch, words.batchOverForSender);
      else alert.show(error);
    },
  });
}

/**
 * What sends files into a batch: the drop zone, a row for each file on its way, and how far all of them are.
 * @param {import("../batch/api.js").Batch} batch
 * @param {ReturnType<typeof batchList>} list
 */
function sender(batch, list) {
  const queue = new Queue();
  const rows = h("ul", { class: "rows long", "aria-label": words.uploads });
  /** @param {{ file: File, name: string }[]} files */
  const send = (files) => {
    for (const { file, name } of files) {
      const upload = new Upload(file, batch.target, name);
      const row = uploadRow(upload, queue, () => words.stored(1));
      upload.addEventListener("change", () => {
        if (upload.state !== "done") return;
        row.remove(); // it is in the list now
        list.add(upload.answer?.files ?? []);
      });
      rows.append(row);
      queue.add(upload);
    }
  };
  const drop = dropZone({
    title: words.addMore,
    hint: words.addMoreHint,
    folders: true,
    take: (more) => send(more.map((file) => ({ file, name: file.webkitRelativePath || file.name }))),
  });
  drop.classList.add("compact");
  return { total: totalProgress(queue), rows, drop, send };
}

/** @param {BatchView} view */
function sharing(view) {
  return [
    qrCode(view.receiver_url, words.qrOf(view.title || words.yourBatch)),
    copyField(words.address, view.receiver_url),
    h("p", { class: "small quiet" }, words.shareHint),
  ];
}
