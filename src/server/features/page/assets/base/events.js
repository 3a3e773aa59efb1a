// Server-sent events (WHATWG HTML, section 9.2), read with fetch: an EventSource sends no headers, and the sender's key
// has to be in one. The stream is open while the page is looked at; whoever comes back reads everything anew.

import { at } from "../base/address.js";
import { refusal } from "../base/api.js";
import { Pauses } from "../base/pauses.js";

/** Waits between two tries, in milliseconds: doubled from the first to the last. */
const FIRST_WAIT = 1000;
const LAST_WAIT = 30_000;

/**
 * @typedef {object} Listener
 * @property {() => void} connected what came before is to be read now
 * @property {() => void} failed it did not work this time, and is tried again
 * @property {(name: string, data: any) => void} event
 * @property {(error: unknown) => void} refused there is nothing to listen to, and it is not tried again
 */

/**
 * @param {string} path
 * @param {Record<string, string>} headers
 * @param {Listener} listener
 */
export function listen(path, headers, listener) {
  let stopped = false;
  let connection = new AbortController();
  const pauses = new Pauses(FIRST_WAIT, LAST_WAIT);

  const connect = async () => {
    connection.abort();
    connection = new AbortController();
    const { signal } = connection;
    while (!stopped && !signal.aborted && !document.hidden) {
      try {
        const response = await fetch(at(path), { headers, signal, cache: "no-store" });
        if (response.status >= 400 && response.status < 500 && response.status !== 429) {
          stopped = true;
          return listener.refused(refusal(response.status, await response.json().catch(() => null)));
        }
        if (response.ok && response.body) {
          pauses.reset();
          listener.connected();
          await read(response.body, listener.event);
        } else listener.failed();
      } catch {
        // A broken stream is the same as one that has ended: try again.
      }
      await pauses.wait(signal);
    }
  };

  const seen = () => (document.hidden ? connection.abort() : void connect());
  document.addEventListener("visibilitychange", seen);
  void connect();
  return () => {
    stopped = true;
    connection.abort();
    document.removeEventListener("visibilitychange", seen);
  };
}

/**
 * @param {ReadableStream<Uint8Array>} body
 * @param {(name: string, data: any) => void} tell
 */
async function read(body, tell) {
  const reader = body.pipeThrough(/** @type {any} */ (new TextDecoderStream())).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (text + value).split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const lines = block.split("\n");
      /** @param {string} field */
      const get = (field) =>
        lines
          .filter((line) => line.startsWith(`${field}: `))
          .map((line) => line.slice(field.length + 2))
          .join("\n");
      if (get("event")) tell(get("event"), JSON.parse(get("data") || "null"));
    }
  }
}
