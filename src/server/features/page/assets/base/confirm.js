// Asks once, in the place of the button that was pressed.

import { button, h } from "../base/dom.js";
import { words } from "../base/words.js";

/**
 * Makes `trigger` ask before it acts. The question stands in the trigger's place; Escape and the second button take it
 * back.
 * @param {HTMLButtonElement} trigger
 * @param {string} question
 * @param {string} yes
 * @param {() => void} act
 */
export function confirmed(trigger, question, yes, act) {
  trigger.addEventListener("click", () => {
    const back = () => {
      asked.replaceWith(trigger);
      trigger.focus();
    };
    const go = button(
      { class: "plain danger short" },
      () => {
        asked.replaceWith(trigger);
        act();
      },
      yes,
    );
    const asked = h(
      "span",
      { class: "confirm", role: "group", "aria-label": question },
      h("span", { class: "small" }, question),
      go,
      button({ class: "bare short" }, back, words.keep),
    );
    asked.addEventListener("keydown", (event) => {
      if (event.key === "Escape") {
        event.stopPropagation();
        back();
      }
    });
    trigger.replaceWith(asked);
    go.focus();
  });
  return trigger;
}
