// A new batch: choose files, look them over, send them.

import { alertLine } from "../base/alert.js";
import { Broken, newKey } from "../base/api.js";
import { announce } from "../base/announce.js";
import { Batch } from "../batch/api.js";
import { fill, h, newId, once, screen } from "../base/dom.js";
import { dropZone } from "../base/drop.js";
import { frame, signedIn, title } from "../base/frame.js";
import { keepKey, showWithout } from "../base/keys.js";
import { byName } from "../base/path.js";
import { limitsInWords, readLimits, tooMuch } from "../batch/limits.js";
import { leftOut } from "../batch/sending.js";
import { pickedFiles } from "../base/picked.js";
import * as session from "../base/session.js";
import { size } from "../base/size.js";
import { words } from "../batch/words.js";
import { senderPage } from "../batch/sender.js";

const main = screen();

frame();
title(words.newBatchTitle);
const drop = dropZone({ title: words.dropAny, hint: words.dropAnyHint, folders: true, emptyFolders: true, take });
const hint = drop.querySelector("p");
/** @type {import("../batch/limits.js").Limits | null} */
let limits = null;
/** The same for each try to make the batch: made once, it is not made again. */
let requestKey = newKey();
const chosen = pickedFiles(show, () => drop.querySelector("button"));
const alert = alertLine();
const notice = h("p", { class: "small quiet", role: "status" });
const send = h("button", { type: "submit", class: "wide-button" }, words.send);
const wishes = {
  title: field(
    words.title,
    h("input", { name: "title", maxlength: 200, autocomplete: "off", placeholder: words.titleHint }),
  ),
  password: field(
    words.batchPassword,
    h("input", {
      name: "password",
      type: "password",
      autocomplete: "new-password",
      minlength: 4,
      placeholder: words.none,
    }),
  ),
  expires_in: field(words.openForLabel, select("expires_in", words.lives)),
  max_downloads: field(words.downloadsLabel, select("max_downloads", words.downloadLimits)),
};
const form = h(
  "form",
  { class: "stack", hidden: true, "aria-label": words.newBatchTitle },
  h("div", { class: "wishes" }, ...Object.values(wishes).map((wish) => wish.element)),
  alert.element,
  send,
);
form.addEventListener("input", () => (requestKey = newKey()));
form.addEventListener("submit", (event) => {
  event.preventDefault();
  void once(send, start);
});
const leaving = (/** @type {BeforeUnloadEvent} */ event) => {
  if (chosen.all.length > 0) event.preventDefault();
};
fill(
  main,
  h(
    "div",
    { class: "head" },
    h("h1", { class: "large" }, words.newBatchTitle),
    h("p", { class: "quiet" }, words.newBatchHint),
  ),
  drop,
  notice,
  chosen.element,
  form,
);
session.changes.addEventListener("change", () => void askLimits());
await session.find();
session.changes.dispatchEvent(new Event("change"));

/** Whoever is signed in has limits of their own. */
async function askLimits() {
  limits = await readLimits();
  if (limits && hint) hint.textContent = limitsInWords(limits);
  show();
}

/** @param {File[]} files @param {number} unread @param {string[]} folders empty ones */
function take(files, unread, folders) {
  chosen.add([...files].sort((a, b) => byName(nameOf(a), nameOf(b))));
  notice.textContent = leftOut(unread, folders.length);
  announce(words.filesChosen(chosen.all.length));
}

function show() {
  const number = chosen.all.length;
  form.hidden = number === 0;
  drop.classList.toggle("compact", number > 0);
  send.textContent = words.sendFiles(number, size(chosen.bytes));
  const refusal = limits ? tooMuch(limits, chosen.all) : "";
  send.disabled = refusal !== "";
  if (refusal) alert.say(refusal);
  else alert.clear();
  if (number === 0) window.removeEventListener("beforeunload", leaving);
  else window.addEventListener("beforeunload", leaving);
}

/** Makes the batch; the page becomes the sender's, under its address, while the files are on their way. */
async function start() {
  alert.clear();
  try {
    const wanted = {
      title: wishes.title.input.value.trim(),
      expires_in: wishes.expires_in.input.value,
      password: wishes.password.input.value,
      max_downloads: wishes.max_downloads.input.value,
    };
    const { batch, key } = await signedIn(() => Batch.make(wanted, requestKey));
    window.removeEventListener("beforeunload", leaving);
    keepKey(`batch/${batch.id}`, key);
    showWithout(key, batch.address);
    senderPage(main, batch, chosen.all);
    main.focus();
  } catch (error) {
    // Without an answer it may have been made.
    if (!(error instanceof Broken)) requestKey = newKey();
    alert.show(error);
  }
}

/** @param {File} file */
function nameOf(file) {
  return file.webkitRelativePath || file.name;
}

/**
 * @template {HTMLInputElement | HTMLSelectElement} T
 * @param {string} label
 * @param {T} input
 */
function field(label, input) {
  input.id = newId();
  return { element: h("div", { class: "field" }, h("label", { for: input.id }, label), input), input };
}

/** @param {string} name @param {readonly (readonly [string, string])[]} choices value and text; the first is chosen */
function select(name, choices) {
  return h("select", { name }, ...choices.map(([value, text]) => h("option", { value }, text)));
}
