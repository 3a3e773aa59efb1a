// How far all uploads together are, and what to do about those that have failed.

import { button, h } from "../base/dom.js";
import { announce } from "../base/announce.js";
import { icon } from "../base/icons.js";
import { progressBar } from "../base/progress.js";
import { size } from "../base/size.js";
import { words } from "../base/words.js";

/** @param {import("../base/queue.js").Queue} queue */
export function totalProgress(queue) {
  const bar = progressBar(words.sendingAll);
  const text = h("p", { class: "number" });
  const retry = button({ class: "plain short", hidden: true }, () => queue.retryAll(), icon("retry"), words.retryAll);
  const element = h(
    "section",
    { class: "total card", hidden: true, "aria-label": words.sendingAll },
    h("div", { class: "total-head" }, text, retry),
    bar.element,
  );
  let asked = false;
  let ran = false;

  const show = () => {
    asked = false;
    const { uploads } = queue;
    const all = uploads.reduce((sum, upload) => sum + upload.file.size, 0);
    const sent = uploads.reduce((sum, upload) => sum + upload.sent, 0);
    const speed = uploads.reduce((sum, upload) => sum + upload.speed, 0);
    const done = uploads.filter((upload) => upload.state === "done").length;
    const failed = uploads.filter((upload) => upload.failed).length;
    element.hidden = uploads.length === 0;
    if (queue.runs && !ran) bar.reset();
    bar.show(all > 0 ? sent / all : 0);
    bar.element.hidden = !queue.runs;
    retry.hidden = failed < 2;
    element.dataset.state = queue.isHeld ? "held" : queue.runs ? "running" : failed > 0 ? "failed" : "done";
    const parts = queue.runs
      ? [
          words.filesOf(done, uploads.length),
          words.ofSize(size(sent), size(all)),
          queue.isHeld ? words.held : speed > 0 && words.secondsLeft((all - sent) / speed),
        ]
      : [failed > 0 ? words.someFailed(failed) : words.allSent(done)];
    text.textContent = parts.filter((part) => !!part).join(" · ");
    if (ran && !queue.runs) announce(text.textContent);
    ran = queue.runs;
  };
  queue.addEventListener("change", () => {
    if (asked) return;
    asked = true;
    setTimeout(show, 100); // a thousand files tell more often than anybody looks
  });
  return element;
}
