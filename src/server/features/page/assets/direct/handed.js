// A code on its way from the first page to the page that receives it. Somebody has pressed Receive there already, so it
// is taken at once; whoever merely opens a link has pressed nothing.

import { at, site } from "../base/address.js";

const NAME = `handover${site}code`;

/** @param {string} code */
export function handOn(code) {
  sessionStorage.setItem(NAME, code);
  location.assign(at("direct"));
}

/** The code, once. */
export function handedCode() {
  const code = sessionStorage.getItem(NAME);
  sessionStorage.removeItem(NAME);
  return code;
}
