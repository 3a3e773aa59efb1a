// An address to pass on: shown whole, copied by one press.

import { announce } from "../parts/announce.js";
import { button, fill, h } from "../parts/dom.js";
import { icon } from "../parts/icons.js";
import { words } from "../parts/words.js";

/**
 * @param {string} label
 * @param {string} text
 */
export function copyField(label, text) {
  const field = h("input", { readonly: true, "aria-label": label, value: text, class: "code" });
  field.addEventListener("focus", () => field.select());
  const press = button(
    { class: "copy" },
    async () => {
      if (await copied(field)) {
        fill(press, icon("check"), words.copied);
        announce(words.copied);
        setTimeout(() => fill(press, icon("copy"), words.copy), 2000);
      }
    },
    icon("copy"),
    words.copy,
  );
  return h("div", { class: "copy-field" }, field, press);
}

/**
 * On an http address that is not this machine's there is no clipboard; there the old way still works.
 * @param {HTMLInputElement} field
 */
async function copied(field) {
  try {
    await navigator.clipboard.writeText(field.value);
    return true;
  } catch {
    field.focus();
    field.select();
    return document.execCommand("copy");
  }
}
