// What was fetched of a batch, for its sender: complete downloads, newest first.

import { fill, h } from "../base/dom.js";
import { size } from "../base/size.js";
import { every, timeOf } from "../base/time.js";
import { words } from "../batch/words.js";

/** How often the server is asked, in milliseconds. */
const ASK = 5000;

/** @param {import("../batch/api.js").Batch} batch */
export function fetched(batch) {
  const list = h("ul", { class: "rows small" });
  const element = h("section", { "aria-label": words.fetched }, h("h2", {}, words.fetched), list);
  let shown = "";
  const ask = async () => {
    if (document.hidden) return;
    const fetches = await batch.fetches().catch(() => null);
    const answer = JSON.stringify(fetches);
    if (!fetches || answer === shown) return;
    shown = answer;
    const none = h("li", { class: "quiet" }, words.nothingFetched);
    fill(list, ...(fetches.length > 0 ? fetches.map(row) : [none]));
  };
  void ask();
  every(() => void ask(), element, ASK);
  return element;
}

/** @param {any} one of the fetches */
function row(one) {
  const what = one.file_id ? one.filename : words.allAsZip(one.files);
  const from = one.fetched_from ? ` · ${words.from(one.fetched_from)}` : "";
  const text = [h("span", { class: "name" }, what), ` · ${size(one.size)} · `, timeOf(one.fetched_at)];
  return h("li", { class: "row" }, h("span", { class: "grow" }, ...text, h("span", { class: "quiet" }, from)));
}
