// One connection to the hub: a WebSocket.

import { CONNECT, openSocket, whyNot } from "../../base/socket.js";
import { ended, refused, stopped, unreachable } from "../../direct/engine/failure.js";
import { parse } from "../../direct/engine/signal.js";

/** @typedef {import("../../direct/engine/signal.js").Signal} Signal */

/**
 * @typedef {object} Listener
 * @property {(signal: Signal) => void} signal
 * @property {(bytes: Uint8Array<ArrayBuffer>) => void} frame
 * @property {() => void} lost the connection is over, or what comes is not what a hub says
 */

export class Link {
  #socket;
  /** @type {(string | ArrayBuffer | null)[]} what came before somebody listened; null is the end */
  #waiting = [];
  /** @type {Listener | null} */
  #listener = null;

  /** @param {WebSocket} socket */
  constructor(socket) {
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.addEventListener("message", ({ data }) => this.#heard(data));
    socket.addEventListener("close", () => this.#heard(null));
  }

  /**
   * Connects, and waits for the hub's first word.
   * @template {Signal["type"]} T
   * @param {string} path from the root of the site
   * @param {T} type what the first word has to be
   * @param {{ stop?: AbortSignal, token?: string, confirmed?: boolean }} [options] `token`: gets back a place that is kept;
   *   `confirmed`: the code was confirmed, for a server that was started anew
   * @returns {Promise<{ link: Link, first: Extract<Signal, { type: T }> }>} rejects with a DirectFailure
   */
  static async open(path, type, { stop, token, confirmed = false } = {}) {
    if (stop?.aborted) throw stopped();
    const socket = openSocket(path);
    const link = new Link(socket);
    if (token) socket.addEventListener("open", () => link.signal({ type: "rejoin", token, confirmed }));
    const first = await link.#first(stop);
    if (first?.type === type) return { link, first: /** @type {Extract<Signal, { type: T }>} */ (first) };
    link.close();
    if (first?.type === "ended") throw ended(first.code, first.msg);
    if (stop?.aborted) throw stopped();
    const refusal = await whyNot(path);
    throw refusal ? refused(refusal.code, refusal.message) : unreachable();
  }

  /** @param {AbortSignal} [stop] @returns {Promise<Signal | null>} */
  #first(stop) {
    return new Promise((resolve) => {
      /** @param {Signal | null} signal */
      const settle = (signal) => {
        clearTimeout(timer);
        stop?.removeEventListener("abort", none);
        this.#listener = null;
        resolve(signal);
      };
      const none = () => settle(null);
      const timer = setTimeout(none, CONNECT);
      stop?.addEventListener("abort", none);
      this.listen({ signal: settle, frame: none, lost: none });
    });
  }

  /** @param {Listener | null} listener */
  listen(listener) {
    this.#listener = listener;
    while (this.#listener && this.#waiting.length > 0) this.#tell(this.#listener, this.#waiting.shift());
  }

  /** Bytes that wait to be sent. */
  get buffered() {
    return this.#socket.bufferedAmount;
  }

  /** @param {{ type: "rejoin", token: string, confirmed: boolean } | { type: "end", code: string }} signal */
  signal(signal) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(signal));
  }

  /** @param {Uint8Array<ArrayBuffer>} bytes */
  send(bytes) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(bytes);
  }

  /** Nobody is told any more. */
  close() {
    this.#listener = { signal() {}, frame() {}, lost() {} };
    this.#socket.close(1000);
  }

  /** @param {string | ArrayBuffer | null} data */
  #heard(data) {
    if (this.#listener) this.#tell(this.#listener, data);
    else this.#waiting.push(data);
  }

  /** @param {Listener} listener @param {string | ArrayBuffer | null | undefined} data */
  #tell(listener, data) {
    if (data instanceof ArrayBuffer) return listener.frame(new Uint8Array(data));
    const signal = typeof data === "string" ? parse(data) : null;
    if (signal) listener.signal(signal);
    else listener.lost();
  }
}
