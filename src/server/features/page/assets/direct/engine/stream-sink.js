// Files that go to the disk while they arrive, as downloads of the browser's own: a service worker answers an address
// that only this page knows with what this page passes on, piece by piece, no faster than the disk takes it.

import { flat } from "../../direct/engine/names.js";
import { memorySink } from "../../direct/engine/memory-sink.js";
import { at } from "../../base/address.js";
import { h } from "../../base/dom.js";
import { words } from "../../direct/words.js";

/** Where the worker answers, and nowhere else. No page lies there. */
const SCOPE = at("direct/save/");
const SCRIPT = `${SCOPE}worker.js`;

/** How long a download may take to begin, in milliseconds: a browser that has none from workers never begins. */
const BEGIN = 10_000;
/** How long the frame stays that has asked for it: one that goes at once takes a short download with it. */
const LINGER = 60_000;
/** A browser ends a worker that has had nothing to do for half a minute, though it has a stream open. */
const PING = 10_000;

/** The page's policy lets no string become a script (Trusted Types) but this one. @type {any} */
const policy = /** @type {any} */ (window).trustedTypes?.createPolicy("download-worker", {
  createScriptURL: () => SCRIPT,
});

export function canStream() {
  return window.isSecureContext && "serviceWorker" in navigator;
}

/** @returns {import("../../direct/engine/sink.js").Sink} */
export function streamSink() {
  const fallback = memorySink();
  return {
    async open(entry) {
      const name = flat(entry.path);
      try {
        return await download(name, entry.size);
      } catch (error) {
        // For whoever wonders why the file comes as a whole.
        console.warn(error);
        return fallback.open(entry);
      }
    },
    folder: () => Promise.resolve(),
  };
}

/**
 * @param {string} name
 * @param {number | null | undefined} size
 * @returns {Promise<import("../../direct/engine/sink.js").Writing>}
 */
async function download(name, size) {
  const worker = await activeWorker();
  const { port1: port, port2 } = new MessageChannel();
  const id = crypto.randomUUID();
  const frame = h("iframe", { hidden: true, src: SCOPE + id });
  let room = 0;
  let over = false;
  /** Calls whoever waits. */
  let changed = () => {};
  const change = () => new Promise((resolve) => (changed = () => resolve(undefined)));
  const ping = setInterval(() => worker.postMessage("alive"), PING);
  const end = () => {
    clearInterval(ping);
    over = true;
    port.close();
    changed();
    setTimeout(() => frame.remove(), LINGER);
  };
  /** @type {Promise<void>} */
  const begun = new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error("no download has begun")), BEGIN);
    port.onmessage = ({ data }) => {
      if (data.ready) document.body.append(frame);
      if (data.room !== undefined) {
        clearTimeout(late);
        room = data.room;
        resolve();
      }
      if (data.ended) end();
      changed();
    };
  });
  worker.postMessage({ id, name, size: size ?? null }, [port2]);
  await begun.catch((error) => {
    end();
    throw error;
  });

  return {
    async write(bytes) {
      while (room <= 0 && !over) await change();
      if (over) throw new Error(words.downloadStopped);
      room -= bytes.length;
      const piece = bytes.slice();
      port.postMessage({ piece }, [piece.buffer]);
    },
    async close() {
      port.postMessage({ close: true });
      while (!over) await change();
      return name;
    },
    async abort() {
      port.postMessage({ abort: true });
      setTimeout(end, 0);
    },
  };
}

/** @returns {Promise<ServiceWorker>} */
async function activeWorker() {
  const address = policy ? policy.createScriptURL(SCRIPT) : SCRIPT;
  const registration = await navigator.serviceWorker.register(address, { scope: SCOPE, updateViaCache: "none" });
  const worker = registration.active ?? registration.waiting ?? registration.installing;
  if (!worker) throw new Error("there is no worker");
  while (worker.state !== "activated") {
    if (worker.state === "redundant") throw new Error("the worker has ended");
    await new Promise((resolve) => worker.addEventListener("statechange", resolve, { once: true }));
  }
  return worker;
}
