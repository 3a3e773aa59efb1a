// A text with its links: made of nodes, so that nothing in it can be anything else.

import { h } from "../base/dom.js";

/**
 * What an address is made of: the signs of RFC 3986, and letters, digits and pictures of every script. Punctuation of other
 * scripts ends it: they put no space behind a full stop, a comma, a closing bracket.
 */
const LINK = /\bhttps?:\/\/[\p{L}\p{M}\p{N}\p{So}\u200d\-._~:/?#[\]@!$&'()*+,;=%]+/giu;

/** What more often ends the sentence than the address. */
const END = /[.,;:!?'*]+$/;

/** @param {string} text @returns {(string | HTMLAnchorElement)[]} */
export function linked(text) {
  /** @type {(string | HTMLAnchorElement)[]} */
  const parts = [];
  let last = 0;
  for (const { 0: found, index } of text.matchAll(LINK)) {
    const shown = bounded(found);
    const href = addressOf(shown);
    if (!href) continue;
    parts.push(text.slice(last, index), h("a", { href, target: "_blank", rel: "noopener noreferrer" }, shown));
    last = index + shown.length;
  }
  return [...parts, text.slice(last)];
}

/** Without the sentence around it; a bracket stays where it was opened within. @param {string} found */
function bounded(found) {
  let shown = found.replace(END, "");
  for (const [open, close] of ["()", "[]"]) {
    while (shown.endsWith(close) && count(shown, close) > count(shown, open))
      shown = shown.slice(0, -1).replace(END, "");
  }
  return shown;
}

/** @param {string} text @param {string} sign */
function count(text, sign) {
  return text.split(sign).length;
}

/** @param {string} text */
function addressOf(text) {
  const url = URL.canParse(text) ? new URL(text) : null;
  return url && /^https?:$/.test(url.protocol) ? url.href : null;
}
