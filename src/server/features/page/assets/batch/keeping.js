// What the sender keeps a batch by: the link that makes one its sender, its life, and its end.

import { confirmed } from "../base/confirm.js";
import { copyField } from "../base/copy.js";
import { announce } from "../base/announce.js";
import { button, h, newId } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { words } from "../batch/words.js";

/**
 * @param {import("../batch/api.js").Batch} batch
 * @param {(act: () => Promise<void>) => void} attempt does what may fail, and tells
 * @param {{ changed: (view: { title: string, expires_at: string }) => void, over: () => void }} told
 */
export function keeping(batch, attempt, { changed, over }) {
  const ending = button({ class: "bare danger" }, () => {}, icon("trash"), words.endBatch);
  confirmed(ending, words.endQuestion, words.endBatch, () => attempt(() => batch.end().then(over)));
  const link = h("details", {}, h("summary", {}, words.sendersLink));
  link.append(
    h("p", { class: "small quiet" }, words.sendersLinkHint),
    copyField(words.sendersLink, batch.sendersAddress),
  );
  return h("div", { class: "keeping" }, link, life(batch, attempt, changed), ending);
}

/**
 * @param {import("../batch/api.js").Batch} batch
 * @param {(act: () => Promise<void>) => void} attempt
 * @param {(view: { title: string, expires_at: string }) => void} changed
 */
function life(batch, attempt, changed) {
  const id = newId();
  const choice = h("select", { id }, ...words.lives.map(([seconds, text]) => h("option", { value: seconds }, text)));
  const keep = async () => {
    changed(await batch.keepOpen(Number(choice.value)));
    announce(words.keptOpen);
  };
  const press = button({ class: "plain" }, () => attempt(keep), words.keepOpen);
  const form = h("details", {}, h("summary", {}, words.keepOpen));
  form.append(h("label", { for: id }, words.keepOpenFor), h("div", { class: "with-button" }, choice, press));
  return form;
}
