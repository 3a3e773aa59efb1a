// Tells screen readers what others see happen.

import { h } from "../base/dom.js";

const region = h("p", { class: "sr", role: "status" });
document.body.append(region);

/** @param {string} text */
export function announce(text) {
  region.textContent = text;
}
