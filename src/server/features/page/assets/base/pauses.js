// Pauses between tries: each longer than the one before, no two callers' alike, and over early when the network comes
// back or somebody looks at the page again.

export class Pauses {
  #first;
  #last;
  /** How many there were since something went well. */
  tries = 0;

  /** @param {number} first in milliseconds; doubled up to the last @param {number} last */
  constructor(first, last) {
    this.#first = first;
    this.#last = last;
  }

  /** It went well: the next pause is a first one again. */
  reset() {
    this.tries = 0;
  }

  /** Resolves when it is time for the next try. @param {AbortSignal} [stop] ends it at once */
  wait(stop) {
    const length = Math.min(this.#first * 2 ** this.tries, this.#last);
    this.tries += 1;
    return pause(length * (0.5 + Math.random() / 2), stop);
  }
}

/** @param {number} milliseconds @param {AbortSignal} [stop] @returns {Promise<void>} */
function pause(milliseconds, stop) {
  return new Promise((resolve) => {
    if (stop?.aborted) return resolve();
    const heard = new AbortController();
    const over = () => {
      clearTimeout(timer);
      heard.abort();
      resolve();
    };
    const timer = setTimeout(over, milliseconds);
    const { signal } = heard;
    stop?.addEventListener("abort", over, { signal });
    window.addEventListener("online", over, { signal });
    document.addEventListener("visibilitychange", () => document.hidden || over(), { signal });
  });
}
