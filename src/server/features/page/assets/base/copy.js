// What is passed on, an address or a text: copied by one press.

import { announce } from "../base/announce.js";
import { button, fill, h } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { words } from "../base/words.js";

/**
 * @param {string} label
 * @param {string} text
 */
export function copyField(label, text) {
  const field = h("input", { readonly: true, "aria-label": label, value: text, class: "code" });
  field.addEventListener("focus", () => field.select());
  return h("div", { class: "copy-field" }, field, copyButton(text));
}

/** @param {string} text @param {string} [manner] how the button looks beside others */
export function copyButton(text, manner = "") {
  const press = button(
    { class: `copy ${manner}` },
    async () => {
      if (await copied(text)) {
        fill(press, icon("check"), words.copied);
        announce(words.copied);
        setTimeout(() => fill(press, icon("copy"), words.copy), 2000);
      }
    },
    icon("copy"),
    words.copy,
  );
  return press;
}

/**
 * On an http address that is not this machine's there is no clipboard; there the old way still works.
 * @param {string} text
 */
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const focused = document.activeElement;
    const field = h("textarea", { class: "sr", "aria-hidden": "true" }, text);
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    if (focused instanceof HTMLElement) focused.focus();
    return done;
  }
}
