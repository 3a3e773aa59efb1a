// The last resort, where a page may write to no disk: files are held in memory until they are complete.

import { flat } from "../../direct/engine/names.js";
import { h } from "../../base/dom.js";
import { size } from "../../base/size.js";
import { words } from "../../direct/words.js";

/** All files together, in bytes: what phones can still spare. */
export const MOST = 500_000_000;

/** How long the browser gets to take a file over, in milliseconds. */
const TAKEN = 60_000;

/** @returns {import("../../direct/engine/sink.js").Sink} */
export function memorySink() {
  let held = 0;
  return {
    async open(entry) {
      if (held + (entry.size ?? 0) > MOST) throw new Error(words.tooMuchForMemory(size(MOST)));
      /** @type {Uint8Array<ArrayBuffer>[]} */
      let pieces = [];
      return {
        async write(bytes) {
          held += bytes.length;
          if (held > MOST) throw new Error(words.tooMuchForMemory(size(MOST)));
          pieces.push(bytes.slice());
        },
        async close() {
          const name = flat(entry.path);
          save(new Blob(pieces, { type: "application/octet-stream" }), name);
          pieces = [];
          return name;
        },
        async abort() {
          pieces = [];
        },
      };
    },
    folder: () => Promise.resolve(),
  };
}

/** @param {Blob} blob @param {string} name */
function save(blob, name) {
  const href = URL.createObjectURL(blob);
  h("a", { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), TAKEN);
}
