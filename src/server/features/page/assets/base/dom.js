// Elements without a framework. Text is always text: nothing here, and nothing elsewhere, turns a string into HTML.

/** @typedef {Node | string | null | undefined | false} Child */
/** @typedef {{ [attribute: string]: string | number | boolean | null | undefined }} Attributes */

/**
 * Makes an element with attributes (`true` is an empty one, `false`, `null` and `undefined` none) and children.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Attributes} [attributes]
 * @param {Child[]} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  set(element, attributes);
  element.append(...real(children));
  return element;
}

/**
 * @param {Element} element
 * @param {Attributes} attributes
 */
export function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) element.removeAttribute(name);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
}

/**
 * Puts children in the place of those that are there.
 * @param {Element} element
 * @param {Child[]} children
 */
export function fill(element, ...children) {
  element.replaceChildren(...real(children));
}

/**
 * A button that does something.
 * @param {Attributes} attributes
 * @param {(event: Event) => void} press
 * @param {Child[]} children
 */
export function button(attributes, press, ...children) {
  const made = h("button", { type: "button", ...attributes }, ...children);
  made.addEventListener("click", press);
  return made;
}

/**
 * Does something that takes a while, and ignores further presses meanwhile. The button stays what it is: a disabled one
 * would lose the focus.
 * @param {Element} element
 * @param {() => Promise<void>} act
 */
export async function once(element, act) {
  if (element.getAttribute("aria-busy") === "true") return;
  set(element, { "aria-busy": "true" });
  try {
    await act();
  } finally {
    set(element, { "aria-busy": null });
  }
}

/** A text for screen readers alone. @param {string} text */
export function sr(text) {
  return h("span", { class: "sr" }, text);
}

/** The element of the frame that a screen fills. @returns {HTMLElement} */
export function screen() {
  const element = document.getElementById("screen");
  if (!element) throw new Error("the frame has no #screen");
  return element;
}

let ids = 0;

/** An id that nothing else in this page has. */
export function newId() {
  ids += 1;
  return `n${ids}`;
}

/** @param {Child[]} children @returns {(Node | string)[]} */
function real(children) {
  return children.filter((child) => child !== null && child !== undefined && child !== false);
}
