// A code on its way from the first page to the page that receives it. Somebody has pressed Receive there already, so it
// is taken at once; whoever merely opens a link has pressed nothing.

import { at, site } from "../base/address.js";
import { tab } from "../base/storage.js";

const NAME = `handover${site}code`;

/** @param {string} code */
export function handOn(code) {
  // Where nothing is kept it goes along as a link has it, and Receive is pressed once more.
  location.assign(tab.set(NAME, code) ? at("direct") : `${at("direct")}#${code}`);
}

/** The code, once. */
export function handedCode() {
  const code = tab.get(NAME);
  tab.remove(NAME);
  return code;
}
