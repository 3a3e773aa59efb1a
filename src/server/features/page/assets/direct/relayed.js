// Whether this browser keeps to the server's way: going past it is faster, and shows the other side one's address.

import { site } from "../base/address.js";
import { browser } from "../base/storage.js";
import { h } from "../base/dom.js";
import { words } from "../direct/words.js";

const NAME = `handover${site}relayed`;

export function isRelayed() {
  return browser.get(NAME) !== null;
}

/** The choice, kept for the next time. */
export function relayedChoice() {
  const box = h("input", { type: "checkbox", checked: isRelayed() });
  box.addEventListener("change", () => {
    if (box.checked) browser.set(NAME, "yes");
    else browser.remove(NAME);
  });
  return h("label", { class: "check small quiet relayed" }, box, h("span", {}, words.relayedOnly));
}
