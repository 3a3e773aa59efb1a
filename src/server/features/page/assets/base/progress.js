// A bar that moves smoothly and never backwards.

import { h, set } from "../base/dom.js";

/** @param {string} label what is progressing */
export function progressBar(label) {
  const fill = h("span", { class: "bar-fill" });
  const bar = h(
    "span",
    { class: "bar", role: "progressbar", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": 100 },
    fill,
  );
  let shown = 0;
  return {
    element: bar,
    /** @param {number} part 0 to 1 */
    show(part) {
      shown = Math.max(shown, Math.min(1, part));
      fill.style.transform = `scaleX(${shown})`;
      set(bar, { "aria-valuenow": Math.floor(shown * 100) });
    },
    /** Begins anew: another try is another way. */
    reset() {
      shown = 0;
      this.show(0);
    },
  };
}
