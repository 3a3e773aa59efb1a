// The sender's page of a batch: its link and QR code, what is in it, what was fetched; add more, remove, end.

import { alertLine } from "../base/alert.js";
import { Refusal } from "../base/api.js";
import { batchList, summary } from "../batch/list.js";
import { watchBatch } from "../batch/watch.js";
import { confirmed } from "../base/confirm.js";
import { copyField } from "../base/copy.js";
import { button, fill, h } from "../base/dom.js";
import { title } from "../base/frame.js";
import { icon } from "../base/icons.js";
import { qrCode } from "../base/qr.js";
import { countdown } from "../base/time.js";
import { words } from "../batch/words.js";
import { forgetKey, keepKey, showWithout } from "../base/keys.js";
import { keeping } from "../batch/keeping.js";
import { sending } from "../batch/sending.js";
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
  const uploads = sending(batch, list);
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
    forgetKey(`batch/${batch.id}`);
    sorry(main, words.batchOver, words.batchOverForSender);
  }
  const contents = [uploads.total, alert.element, uploads.rows, list.element, uploads.drop, fetched(batch)];
  const changed = (/** @type {{ title: string, expires_at: string }} */ now) => {
    if (view) Object.assign(view, now);
    showHead();
  };
  const keep = keeping(batch, attempt, { changed, over });
  fill(
    main,
    h("div", { class: "head" }, heading, about),
    h(
      "div",
      { class: "sender" },
      h("div", { class: "contents" }, ...contents),
      h("div", { class: "side" }, share, keep),
    ),
  );
  uploads.send(files);
  const stop = watchBatch(batch, list, {
    shown: (now) => {
      // The key is right: this browser may keep it.
      if (!view && batch.key) keepKey(`batch/${batch.id}`, batch.key);
      if (!view) fill(share, ...sharing(now));
      view = now;
      showHead();
    },
    over,
    refused: (error) => {
      const code = error instanceof Refusal ? error.code : "";
      if (code === "manage_key_required" || code === "batch_not_found") showWithout("", batch.address);
      if (code === "manage_key_required") sorry(main, words.wrongKey, words.wrongKeyHint);
      else if (code === "batch_not_found") over();
      else alert.show(error);
    },
  });
}

/** @param {BatchView} view */
function sharing(view) {
  return [
    qrCode(view.receiver_url, words.qrOf(view.title || words.yourBatch)),
    copyField(words.address, view.receiver_url),
    h("p", { class: "small quiet" }, words.shareHint),
  ];
}
