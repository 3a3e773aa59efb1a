// The sender's page of a batch: its link and QR code, what is in it, what was fetched; add more, remove, end.

import { alertLine } from "../parts/alert.js";
import { Refusal } from "../parts/api.js";
import { batchList, summary } from "../parts/batch-list.js";
import { confirmed } from "../parts/confirm.js";
import { copyField } from "../parts/copy.js";
import { button, fill, h } from "../parts/dom.js";
import { dropZone } from "../parts/drop.js";
import { listen } from "../parts/events.js";
import { title } from "../parts/frame.js";
import { icon } from "../parts/icons.js";
import { qrCode } from "../parts/qr.js";
import { Queue } from "../parts/queue.js";
import { size } from "../parts/size.js";
import { countdown, every, timeOf } from "../parts/time.js";
import { totalProgress } from "../parts/total.js";
import { Upload } from "../parts/upload.js";
import { uploadRow } from "../parts/upload-row.js";
import { words } from "../parts/words.js";
import { sorry } from "../screens/batch-receiver.js";

/** How often the server is asked what was fetched, in milliseconds. */
const ASK = 5000;

/**
 * @param {HTMLElement} main
 * @param {import("../parts/batch.js").Batch} batch
 * @param {{ file: File, name: string }[]} files what is to be sent at once
 */
export function senderPage(main, batch, files) {
  main.classList.add("wide");
  const queue = new Queue();
  const uploads = h("ul", { class: "rows long", "aria-label": words.uploads });
  const heading = h("h1", { class: "large" });
  const about = h("p", { class: "quiet" });
  const share = h("aside", { class: "share card", "aria-label": words.share });
  const alert = alertLine();
  const list = batchList(words.files, words.nothingSentYet, removeButton, showHead);
  /** @type {import("../parts/batch.js").BatchView | null} */
  let view = null;

  /** @param {import("../parts/batch.js").BatchFile} file */
  function removeButton(file) {
    return confirmed(button({ class: "icon-button", "aria-label": words.removeFile(file.filename), title: words.remove }, () => {}, icon("trash")),
      words.removeQuestion, words.remove, () => void attempt(() => batch.remove(file.file_id).then(() => list.drop(file.file_id))));
  }

  function showHead() {
    if (!view) return;
    heading.textContent = view.title || words.yourBatch;
    title(heading.textContent);
    fill(about, `${summary(list.files)} · ${words.openFor.toLowerCase()} `, countdown(view.expires_at, over), view.password ? ` · ${words.withPassword}` : "");
  }

  /** @param {{ file: File, name: string }[]} more */
  function send(more) {
    for (const { file, name } of more) {
      const upload = new Upload(file, batch.target, name);
      const row = uploadRow(upload, queue, () => words.stored(1));
      upload.addEventListener("change", () => {
        if (upload.state !== "done") return;
        row.remove(); // it is in the list now
        list.add(upload.answer?.files ?? []);
      });
      uploads.append(row);
      queue.add(upload);
    }
  }

  /** @param {() => Promise<void>} act */
  async function attempt(act) {
    alert.clear();
    try {
      await act();
    } catch (error) {
      alert.show(error);
    }
  }

  function over() {
    stop();
    sorry(main, words.batchOver, words.batchOverForSender);
  }

  const read = () => attempt(async () => {
    const first = view === null;
    view = await list.sync(() => batch.read());
    showHead();
    if (first) fill(share, ...sharing(view));
  });
  const end = confirmed(button({ class: "bare danger" }, () => {}, icon("trash"), words.endBatch), words.endQuestion, words.endBatch, () =>
    void attempt(async () => {
      await batch.end();
      over();
    }));
  const drop = dropZone({ title: words.addMore, hint: words.addMoreHint, folders: true, take: (more) => send(more.map((file) => ({ file, name: file.webkitRelativePath || file.name }))) });
  drop.classList.add("compact");

  fill(main,
    h("div", { class: "head" }, heading, about),
    h("div", { class: "sender" },
      h("div", { class: "contents" }, totalProgress(queue), alert.element, uploads, list.element, drop, fetchLog(batch)),
      h("div", { class: "side" }, share, keeping(end))));
  send(files);
  const stop = listen(`${batch.path}/events`, batch.headers, {
    connected: () => void read(),
    event: (name, data) => {
      if (name === "added") list.add(data.files);
      if (name === "removed") list.drop(data.file_id);
      if (name === "changed" && view) {
        Object.assign(view, data);
        showHead();
      }
      if (name === "ended") over();
    },
    refused: (error) => {
      const code = error instanceof Refusal ? error.code : "";
      if (code === "manage_key_required") sorry(main, words.wrongKey, words.wrongKeyHint);
      else if (code === "batch_not_found") sorry(main, words.noBatch, words.batchOverForSender);
      else alert.show(error);
    },
  });
}

/** @param {import("../parts/batch.js").BatchView} view */
function sharing(view) {
  return [qrCode(view.receiver_url, words.qrOf(view.title || words.yourBatch)), copyField(words.address, view.receiver_url), h("p", { class: "small quiet" }, words.shareHint)];
}

/** @param {HTMLElement} end */
function keeping(end) {
  return h("div", { class: "keeping" }, h("p", { class: "small quiet" }, words.keepPage), end);
}

/** @param {import("../parts/batch.js").Batch} batch */
function fetchLog(batch) {
  const list = h("ul", { class: "rows small" });
  const element = h("section", { class: "fetch-log", "aria-label": words.fetched }, h("h2", {}, words.fetched), list);
  let shown = "";
  const ask = async () => {
    if (document.hidden) return;
    const fetches = await batch.fetches().catch(() => null);
    const told = JSON.stringify(fetches);
    if (!fetches || told === shown) return;
    shown = told;
    fill(list, ...fetches.map((/** @type {any} */ one) => h("li", { class: "row" }, h("span", { class: "grow" },
      h("span", { class: "name" }, one.file_id ? one.filename : words.allAsZip(one.files)), ` · ${size(one.size)} · `, timeOf(one.fetched_at),
      one.fetched_from ? h("span", { class: "quiet" }, ` · ${words.from(one.fetched_from)}`) : ""))));
    if (fetches.length === 0) fill(list, h("li", { class: "quiet" }, words.nothingFetched));
  };
  void ask();
  every(() => void ask(), element, ASK);
  return element;
}
