// The key of whoever made something. It comes in the fragment of an address and moves from there to where only this browser
// finds it: what stands in the address bar is what people pass on.

import { site } from "../base/address.js";
import { browser } from "../base/storage.js";

/** @param {string} what such as "batch/ID" */
const nameOf = (what) => `handover${site}${what}`;

/** The key that this browser keeps, or an empty text. @param {string} what */
export function keptKey(what) {
  return browser.get(nameOf(what)) ?? "";
}

/** @param {string} what @param {string} key @returns {boolean} whether another page will find it */
export function keepKey(what, key) {
  return browser.set(nameOf(what), key);
}

/** It opens nothing any more. @param {string} what */
export function forgetKey(what) {
  browser.remove(nameOf(what));
}

/**
 * Takes the key out of the address bar. It goes along with this entry of the tab's history, so that the page can be loaded
 * again also where nothing is kept.
 * @param {string} address without the key
 * @returns {string} empty if there is none
 */
export function takeKey(address) {
  const key = location.hash.slice(1) || String(history.state?.key ?? "");
  showWithout(key, address);
  return key;
}

/** Makes `address` the page's own. @param {string} key @param {string} address */
export function showWithout(key, address) {
  history.replaceState(key ? { key } : null, "", address);
}
