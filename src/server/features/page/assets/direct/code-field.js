// The field for a code: completes its words, and says how it reads what was typed.

import { alertLine } from "../base/alert.js";
import { announce } from "../base/announce.js";
import { fill, h, newId, set } from "../base/dom.js";
import { words } from "../direct/words.js";
import { completions, parse } from "../direct/engine/code.js";

/** Words that are offered at once. */
const OFFERED = 6;

/** A number, whether a word follows it already, and the start of the next one. */
const UNFINISHED = /^\s*\d+[^\p{L}\d]+(\p{L}+[^\p{L}\d]+)?(\p{L}+)$/u;

/** Whether a text is meant as a code: a number and then words. @param {string} text */
export function looksLikeCode(text) {
  return /^\s*\d+[^\p{L}\d]+\p{L}+[^\p{L}\d]+\p{L}+\s*$/u.test(text);
}

/**
 * @typedef {object} Options
 * @property {string} label
 * @property {string} placeholder
 * @property {string} verb
 * @property {string} [value]
 * @property {(text: string) => string | void | Promise<string | void>} go gives back what is wrong with the text, if it is
 */

/** @param {Options} options */
export function codeField({ label, placeholder, verb, value = "", go }) {
  const [id, listId] = [newId(), newId()];
  const alert = alertLine();
  const list = h("ul", {
    id: listId,
    class: "completions",
    role: "listbox",
    "aria-label": words.completions,
    hidden: true,
  });
  const read = h("p", { class: "small quiet read", "aria-live": "polite" });
  const input = h("input", {
    id,
    value,
    placeholder,
    role: "combobox",
    "aria-autocomplete": "list",
    "aria-controls": listId,
    "aria-expanded": "false",
    autocomplete: "off",
    autocapitalize: "none",
    spellcheck: "false",
    enterkeyhint: "go",
  });
  const form = h(
    "form",
    { class: "receive", role: "search" },
    h("label", { for: id }, label),
    h(
      "div",
      { class: "with-button" },
      h("div", { class: "completed" }, input, list),
      h("button", { type: "submit" }, verb),
    ),
    read,
    alert.element,
  );

  /** @type {string[]} */
  let offered = [];
  let active = -1;
  const show = () => {
    fill(list, ...offered.map((word, place) => option(word, place)));
    list.hidden = offered.length === 0;
    set(input, {
      "aria-expanded": String(!list.hidden),
      "aria-activedescendant": active < 0 ? null : `${listId}-${active}`,
    });
  };
  /** @param {string} word @param {number} place */
  const option = (word, place) => {
    const one = h("li", { id: `${listId}-${place}`, role: "option", "aria-selected": String(place === active) }, word);
    // The field keeps the focus.
    one.addEventListener("pointerdown", (event) => event.preventDefault());
    one.addEventListener("click", () => take(word));
    return one;
  };
  const close = () => {
    [offered, active] = [[], -1];
    show();
  };
  /** @param {string} word */
  const take = (word) => {
    const found = UNFINISHED.exec(input.value);
    if (!found) return close();
    input.value = `${input.value.slice(0, -found[2].length)}${word}${found[1] ? "" : "-"}`;
    close();
    void understand();
  };
  const complete = async () => {
    const typed = input.value;
    const start = UNFINISHED.exec(typed)?.[2]?.toLowerCase() ?? "";
    const found = start === "" ? [] : await completions(start).catch(() => []);
    if (input.value !== typed) return;
    active = -1;
    offered = found.length === 1 && found[0] === start ? [] : found.slice(0, OFFERED);
    show();
    if (offered.length > 0) announce(words.completionsFound(found.length));
    await understand();
  };
  /** Says how the text reads where that is something else than what was typed. */
  const understand = async () => {
    const typed = input.value;
    const code = looksLikeCode(typed) ? await parse(typed).catch(() => null) : null;
    if (input.value !== typed) return;
    const same =
      code === null ||
      code.text ===
        typed
          .trim()
          .toLowerCase()
          .replace(/[^\p{L}\d]+/gu, "-");
    read.textContent = same ? "" : words.readAs(code.text);
  };

  input.addEventListener("input", () => {
    alert.clear();
    void complete();
  });
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (offered.length === 0) return;
    if (event.key === "ArrowDown") active = (active + 1) % offered.length;
    else if (event.key === "ArrowUp") active = (active <= 0 ? offered.length : active) - 1;
    else if (event.key === "Escape") return close();
    else if (event.key === "Enter" && active >= 0) take(offered[active]);
    else return;
    event.preventDefault();
    show();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    close();
    alert.clear();
    const sorry = await go(input.value.trim());
    if (!sorry) return;
    alert.say(sorry);
    input.focus();
  });
  return { element: form, input };
}
