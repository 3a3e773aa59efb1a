// What is to be sent: files, folders, a message.

import { alertLine } from "../base/alert.js";
import { announce } from "../base/announce.js";
import { h, newId } from "../base/dom.js";
import { dropZone } from "../base/drop.js";
import { pickedFiles } from "../base/picked.js";
import { size } from "../base/size.js";
import { words } from "../direct/words.js";

/** What a message may take, in bytes. */
const LONGEST = 32 << 10;

/** @typedef {import("../direct/sending.js").Parcel} Parcel */

/**
 * @param {(parcel: Parcel) => void} go
 * @param {() => void} chosen something is to be sent
 */
export function parcelForm(go, chosen) {
  const drop = dropZone({
    title: words.dropAny,
    hint: words.dropDirectHint,
    folders: true,
    emptyFolders: true,
    take,
  });
  const picked = pickedFiles(show, () => drop.querySelector("button"));
  const id = newId();
  const text = h("textarea", { id, rows: 3, placeholder: words.messageHint });
  const alert = alertLine();
  const send = h("button", { type: "submit", class: "wide-button" }, words.send);
  const form = h(
    "form",
    { class: "stack", "aria-label": words.sendDirectly },
    h("div", { class: "field" }, h("label", { for: id }, words.message), text),
    alert.element,
    send,
  );
  const element = h("div", { class: "parcel" }, drop, picked.element, form);

  /** @type {import("../base/drop.js").Take} */
  function take(files, unread, folders) {
    picked.add(files, folders);
    alert.clear();
    if (unread > 0) alert.say(words.unread(unread));
    announce(words.filesChosen(picked.all.length, picked.folders.length));
    chosen();
  }
  function show() {
    const [files, folders] = [picked.all.length, picked.folders.length];
    const isEmpty = files + folders === 0;
    drop.classList.toggle("compact", !isEmpty);
    send.textContent =
      files > 0 ? words.sendFiles(files, size(picked.bytes)) : isEmpty ? words.sendMessage : words.sendFolders(folders);
    send.hidden = isEmpty && text.value === "";
  }
  text.addEventListener("input", () => {
    alert.clear();
    show();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (new TextEncoder().encode(text.value).length > LONGEST) return alert.say(words.messageTooLong(size(LONGEST)));
    const files = picked.all.map(({ file, name }) => ({ path: name, size: file.size, file }));
    const folders = picked.folders.map((path) => ({ path, size: null, folder: true }));
    const parcel = { files: [...files, ...folders], text: text.value || undefined };
    text.value = "";
    picked.clear();
    go(parcel);
  });
  takePastes(element, take);
  show();
  return element;
}

/**
 * Files that are pasted anywhere on the page.
 * @param {HTMLElement} element who takes them while it is shown
 * @param {import("../base/drop.js").Take} take
 */
function takePastes(element, take) {
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0 || !element.isConnected) return;
    event.preventDefault();
    take(files, 0, []);
  });
}
