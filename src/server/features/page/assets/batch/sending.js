// What sends files into a batch: the drop zone, rows for files on their way, and how far all of them are.

import { announce } from "../base/announce.js";
import { dropZone } from "../base/drop.js";
import { h } from "../base/dom.js";
import { byName } from "../base/path.js";
import { Queue } from "../base/queue.js";
import { totalProgress } from "../base/total.js";
import { Upload } from "../base/upload.js";
import { uploadRow } from "../base/upload-row.js";
import { words } from "../batch/words.js";

/** So many at most have rows before their turn; of more, only those that run and those that failed. */
const FEW = 50;

/** A file that goes with a hundred others is stored before anybody could read its row. */
const WORTH_A_ROW = 256 << 10;

/** Rows of files that failed: beyond, the total says how many there are. */
const MOST_ROWS = 200;

/**
 * @param {import("../batch/api.js").Batch} batch
 * @param {ReturnType<typeof import("../batch/list.js").batchList>} list
 */
export function sending(batch, list) {
  const queue = new Queue();
  const rows = h("ul", { class: "rows long", "aria-label": words.uploads });
  /** @param {Upload} upload @param {boolean} atOnce */
  const follow = (upload, atOnce) => {
    /** @type {HTMLElement | null} */
    let row = null;
    const show = () => {
      if (upload.state === "done") {
        row?.remove(); // it is in the list now
        return list.add(upload.answer?.files ?? []);
      }
      const isWorthIt = upload.failed || (upload.state === "sending" && upload.file.size > WORTH_A_ROW);
      if (row || !(atOnce || isWorthIt) || rows.childElementCount >= MOST_ROWS) return;
      row = uploadRow(upload, queue, () => words.stored(1));
      rows.append(row);
    };
    upload.addEventListener("change", show);
    show();
  };
  /** @param {{ file: File, name: string }[]} files */
  const send = (files) => {
    const sorted = [...files].sort((a, b) => byName(a.name, b.name));
    const uploads = sorted.map(({ file, name }) => new Upload(file, batch.target, name));
    for (const upload of uploads) follow(upload, uploads.length <= FEW);
    queue.addAll(uploads);
  };
  const notice = h("p", { class: "small quiet", role: "status" });
  const drop = dropZone({
    title: words.addMore,
    hint: words.addMoreHint,
    folders: true,
    emptyFolders: true,
    take: (more, unread, folders) => {
      send(more.map((file) => ({ file, name: file.webkitRelativePath || file.name })));
      notice.textContent = leftOut(unread, folders.length);
      if (more.length > 0) announce(words.filesChosen(more.length));
    },
  });
  drop.classList.add("compact");
  return { total: totalProgress(queue), rows, drop: h("div", {}, drop, notice), send };
}

/** What is not sent, in words. @param {number} unread @param {number} folders empty ones */
export function leftOut(unread, folders) {
  return [unread > 0 && words.unread(unread), folders > 0 && words.emptyFolders(folders)].filter(Boolean).join(" ");
}
