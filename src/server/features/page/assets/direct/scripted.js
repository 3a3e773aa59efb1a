// The way for scripts: two curls, and what it does not promise.

import { at } from "../base/address.js";
import { copyField } from "../base/copy.js";
import { h } from "../base/dom.js";
import { words } from "../direct/words.js";

/** Both commands, under a name that nobody guesses. */
export function scripted() {
  const bytes = crypto.getRandomValues(new Uint8Array(10));
  const pipe = at(`pipe/${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`);
  return h(
    "details",
    { class: "another scripted" },
    h("summary", {}, words.scripted),
    h("p", { class: "quiet" }, words.scriptedHint),
    copyField(words.scriptedSend, `curl -T report.docx ${pipe}`),
    copyField(words.scriptedReceive, `curl ${pipe} -o report.docx`),
  );
}
