// Where one writes, and shares files: by a button, dropped anywhere, or pasted.

import { alertLine } from "../base/alert.js";
import { button, h } from "../base/dom.js";
import { chooser, takeDrops } from "../base/drop.js";
import { icon } from "../base/icons.js";
import { Queue } from "../base/queue.js";
import { clockTime } from "../base/time.js";
import { Upload } from "../base/upload.js";
import { uploadRow } from "../base/upload-row.js";
import { words } from "../room/words.js";

/** Bytes of a message. */
const LARGEST = 8192;
/** Files at a time. */
const MANY = 100;
/** How often the others are told that one types, in milliseconds. */
const TYPING = 1200;

/**
 * @typedef {object} Wishes
 * @property {import("../base/upload.js").Target} target
 * @property {(text: string) => void} say
 * @property {() => void} typing
 */

/** @param {Wishes} wishes */
export function sayBar({ target, say, typing }) {
  const queue = new Queue();
  const alert = alertLine();
  const uploads = h("ul", { class: "rows room-uploads", "aria-label": words.uploads });
  const field = h("textarea", {
    rows: 1,
    "aria-label": words.message,
    placeholder: words.write,
    enterkeyhint: "send",
    autocomplete: "off",
  });
  const files = chooser({}, share);
  const clip = { class: "icon-button", "aria-label": words.shareFiles, title: words.shareFiles };
  const go = h(
    "button",
    { type: "submit", class: "go-say", "aria-label": words.send, title: words.send },
    icon("send"),
  );
  const form = h(
    "form",
    { class: "say" },
    button(clip, () => files.click(), icon("attach")),
    files,
    field,
    go,
  );
  /** Files that were shared from here, for their pictures. @type {Map<string, File>} */
  const shared = new Map();
  let typedAt = -TYPING;

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  });
  field.addEventListener("input", () => {
    alert.clear();
    fit();
    const now = performance.now();
    if (field.value.trim() === "" || now - typedAt < TYPING) return;
    typedAt = now;
    typing();
  });
  field.addEventListener("paste", (event) => {
    const pasted = event.clipboardData;
    if (!pasted || pasted.files.length === 0 || pasted.types.includes("text/plain")) return;
    event.preventDefault();
    share([...pasted.files].map(named));
  });
  const element = h("div", { class: "say-bar" }, alert.element, uploads, form);
  takeDrops(element, share);

  function send() {
    const text = field.value.replace(/\s+$/, "");
    if (text.trim() === "") return;
    if (new TextEncoder().encode(text).length > LARGEST) return alert.say(words.bytesTooMany);
    alert.clear();
    field.value = "";
    fit();
    say(text);
    field.focus();
  }

  /** As high as what is written, up to where the style ends it. */
  function fit() {
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight + 2}px`;
  }

  /** @param {File[]} chosen @param {number} [unread] */
  function share(chosen, unread = 0) {
    alert.clear();
    if (chosen.length > MANY) return alert.say(words.tooManyFiles);
    if (unread > 0) alert.say(words.unread(unread));
    for (const file of chosen) {
      const upload = new Upload(file, target);
      const row = uploadRow(upload, queue, () => words.stored(1));
      shared.set(idOf(file.name, file.size), file);
      upload.addEventListener("change", () => {
        if (upload.state === "done") row.remove(); // it is in the room now
      });
      uploads.append(row);
      queue.add(upload);
    }
  }

  return {
    element,
    focus: () => field.focus(),
    /** A file as it was chosen here, if it was. @param {string} name @param {number} size */
    own: (name, size) => shared.get(idOf(name, size)),
    /** @param {unknown} error */
    failed: (error) => alert.show(error),
    /** The room is over: nothing more is sent. */
    stop() {
      for (const upload of queue.uploads) if (upload.runs) queue.drop(upload);
    },
  };
}

/** What was pasted has no name of its own, or all have the same. @param {File} file */
function named(file) {
  if (file.name && !/^image\.\w+$/.test(file.name)) return file;
  const ending = /^image\/(\w+)$/.exec(file.type)?.[1] ?? "png";
  const when = clockTime(new Date().toISOString()).replace(":", ".");
  return new File([file], `${words.pasted(words.pastedPicture, when)}.${ending}`, { type: file.type });
}

/** @param {string} name @param {number} size */
function idOf(name, size) {
  return `${name}\n${size}`;
}
