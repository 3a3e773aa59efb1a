// What is shown in the place of a screen when there is nothing to show: what has happened, and what to do.

import { fill, h } from "../base/dom.js";
import { title } from "../base/frame.js";

/** @param {HTMLElement} main @param {string} heading @param {string} text */
export function sorry(main, heading, text) {
  title(heading);
  main.classList.remove("wide");
  fill(main, h("div", { class: "card entry" }, h("h1", {}, heading), h("p", {}, text)));
}
