// The place where a failure is told, beside what failed.

import { told } from "../parts/api.js";
import { h } from "../parts/dom.js";

export function alertLine() {
  const element = h("p", { class: "alert", role: "alert", hidden: true });
  return {
    element,
    /** @param {unknown} error */
    show(error) {
      this.say(told(error));
    },
    /** @param {string} text */
    say(text) {
      element.textContent = text;
      element.hidden = false;
    },
    clear() {
      element.textContent = "";
      element.hidden = true;
    },
  };
}
