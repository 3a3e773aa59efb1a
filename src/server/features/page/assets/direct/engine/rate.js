// How fast a transfer is, and how long it will take.

/** What the rate is an average of, in milliseconds. */
const SPAN = 5000;

/** Counts bytes; remembers the last few seconds. */
export class Rate {
  bytes = 0;
  /** @type {{ at: number, bytes: number }[]} */
  #marks = [{ at: performance.now(), bytes: 0 }];

  /** Bytes a second over the last few seconds. Call it a few times each second. */
  now() {
    const now = performance.now();
    this.#marks.push({ at: now, bytes: this.bytes });
    while (this.#marks.length > 2 && this.#marks[1].at + SPAN <= now) this.#marks.shift();
    const [{ at, bytes }] = this.#marks;
    return now > at ? Math.floor(((this.bytes - bytes) * 1000) / (now - at)) : 0;
  }

  /**
   * How far a transfer is, as an event.
   * @param {number | null} entry
   * @param {number} bytes
   * @param {number | null} total
   */
  progress(entry, bytes, total) {
    const rate = this.now();
    const remaining = total === null || rate === 0 ? null : Math.floor(Math.max(0, total - bytes) / rate);
    return /** @type {const} */ ({ event: "progress", entry, bytes, total, rate, remaining });
  }
}
