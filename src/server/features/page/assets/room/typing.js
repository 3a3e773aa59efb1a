// Who types in a room.

import { h } from "../base/dom.js";
import { words } from "../room/words.js";

/** How long somebody types who has typed something, in milliseconds. */
const TYPING = 4000;

/** Nobody is told of it by a screen reader. */
export function typing() {
  const element = h("p", { class: "typing small quiet", "aria-hidden": "true" });
  /** @type {Map<string, { name: string, timer: number }>} */
  const typists = new Map();
  const show = () => (element.textContent = words.typing([...typists.values()].map(({ name }) => name)));
  /** @param {string} id */
  const done = (id) => {
    clearTimeout(typists.get(id)?.timer);
    if (typists.delete(id)) show();
  };
  return {
    element,
    done,
    /** @param {string} id @param {string} name */
    types(id, name) {
      clearTimeout(typists.get(id)?.timer);
      typists.set(id, { name, timer: setTimeout(() => done(id), TYPING) });
      show();
    },
    clear: () => [...typists.keys()].forEach(done),
  };
}
