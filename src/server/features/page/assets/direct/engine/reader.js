// What a sender reads, ahead of what it sends: a few slices are always on their way from the disk, also from one small
// file to the next.

import { local } from "../../direct/engine/failure.js";
import { words } from "../../direct/words.js";

/** Bytes that are read at once, and how many bytes and slices are on their way. */
const SLICE = 1 << 20;
const BYTES_AHEAD = 2 << 20;
const SLICES_AHEAD = 16;

/** @typedef {{ path: string, size?: number, file?: File, folder?: boolean }} Source */
/** @typedef {{ entry: number, offset: number, length: number, last: boolean }} Slice */
/** @typedef {Slice & { bytes: Promise<Uint8Array> }} Read */

/** What is to be sent of the wanted entries. @param {Source[]} sources @param {number[]} wanted @param {number} offset */
function* slices(sources, wanted, offset) {
  for (const entry of wanted) {
    const size = sources[entry].file?.size ?? 0;
    let last = false;
    while (!last) {
      const length = Math.min(SLICE, Math.max(0, size - offset));
      last = offset + length >= size;
      yield { entry, offset, length, last };
      offset += length;
    }
    offset = 0;
  }
}

export class Reader {
  #sources;
  #slices;
  /** @type {Read[]} */
  #ahead = [];
  #bytesAhead = 0;

  /**
   * @param {Source[]} sources
   * @param {number[]} wanted their numbers, in order
   * @param {number} offset where to begin in the first
   */
  constructor(sources, wanted, offset) {
    this.#sources = sources;
    this.#slices = slices(sources, wanted, offset);
  }

  /** The next slice; undefined after the last. @returns {Read | undefined} */
  next() {
    while (this.#ahead.length < SLICES_AHEAD && this.#bytesAhead < BYTES_AHEAD) {
      const { value, done } = this.#slices.next();
      if (done) break;
      const bytes = this.#read(value);
      bytes.catch(() => {}); // it is told when its turn comes
      this.#ahead.push({ ...value, bytes });
      this.#bytesAhead += value.length;
    }
    const first = this.#ahead.shift();
    this.#bytesAhead -= first?.length ?? 0;
    return first;
  }

  /** @param {Slice} slice */
  async #read({ entry, offset, length }) {
    const { file, path } = this.#sources[entry];
    if (!file || length === 0) return new Uint8Array();
    const bytes = await file
      .slice(offset, offset + length)
      .arrayBuffer()
      .catch(() => null);
    // A browser reads nothing any more of a file that has changed since it was chosen.
    if (bytes?.byteLength !== length) throw local(words.directUnreadable(path));
    return new Uint8Array(bytes);
  }
}
