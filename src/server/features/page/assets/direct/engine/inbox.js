// What happens between the two ends, in its order, until somebody looks at it.

/** @typedef {import("../../direct/engine/failure.js").DirectFailure} DirectFailure */
/** @typedef {import("../../direct/engine/message.js").Message} Message */
/** @typedef {import("../../direct/engine/round.js").Round} Round */

/**
 * @typedef {{ is: "joined" } | { is: "ready", again: boolean } | { is: "path", direct: boolean } |
 *   { is: "message", message: Message } | { is: "peer_lost", grace: number } | { is: "connection_lost" } |
 *   { is: "connection_back" } | { is: "stalled", seconds: number }} Happening
 * @typedef {Happening & { round?: Round }} Happened with the round that it belongs to
 */

export class Inbox {
  /** @type {{ happening: Happened | Promise<Happened>, length: number }[]} */
  #queue = [];
  /** @type {DirectFailure | null} */
  #failure = null;
  /** @type {(() => void) | null} */
  #wake = null;
  /** Bytes that wait. */
  waiting = 0;
  /** @type {(failure: DirectFailure) => void} */
  #reject = () => {};
  /** Rejects as soon as nothing is looked at any more, for whoever is still busy with what came before. */
  failed = /** @type {Promise<never>} */ (new Promise((_, reject) => (this.#reject = reject)));

  constructor() {
    this.failed.catch(() => {}); // nobody may be busy
  }

  /** @param {Happened | Promise<Happened>} happening @param {number} [length] */
  put(happening, length = 0) {
    if (happening instanceof Promise) happening.catch(() => {}); // it is told when its turn comes
    this.#queue.push({ happening, length });
    this.waiting += length;
    this.#wake?.();
  }

  /** Nothing comes any more: what is there is still looked at. @param {DirectFailure} failure */
  end(failure) {
    this.put(Promise.reject(failure));
  }

  /** Nothing is looked at any more. @param {DirectFailure} failure */
  fail(failure) {
    this.#failure ??= failure;
    this.#reject(this.#failure);
    this.#wake?.();
  }

  /** @returns {Promise<Happened>} */
  async next() {
    for (;;) {
      if (this.#failure) throw this.#failure;
      const first = this.#queue.shift();
      if (first) {
        this.waiting -= first.length;
        const happening = await first.happening;
        if (this.#failure) throw this.#failure;
        return happening;
      }
      await new Promise((resolve) => (this.#wake = () => resolve(null)));
      this.#wake = null;
    }
  }
}
