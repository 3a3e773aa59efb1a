// The place where a failure is told, beside what failed.

import { told } from "../base/api.js";
import { h } from "../base/dom.js";

export function alertLine() {
  const element = h("p", { class: "alert", role: "alert", hidden: true });
  /** @param {string} text */
  const say = (text) => {
    element.textContent = text;
    element.hidden = false;
  };
  return {
    element,
    say,
    /** @param {unknown} error */
    show: (error) => say(told(error)),
    clear() {
      element.textContent = "";
      element.hidden = true;
    },
  };
}
