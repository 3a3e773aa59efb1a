// Names that have folders: a/b/c.txt

import { language } from "../base/words.js";

const collator = new Intl.Collator(language, { numeric: true });

/** The order that people expect: "photo 9" before "photo 10". @param {string} a @param {string} b */
export function byName(a, b) {
  return collator.compare(a, b) || (a < b ? -1 : Number(a > b));
}

/** The last part of a name with folders, and what stands before it. @param {string} name */
export function parts(name) {
  const slash = name.lastIndexOf("/") + 1;
  return { folder: name.slice(0, slash), last: name.slice(slash) };
}
