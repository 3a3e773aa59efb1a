// Turns what a page passes on into downloads that the browser writes to the disk as they come. Served as
// `direct/save/worker.js`: it is asked for what lies beside it and nothing else, answers addresses that a page has just
// announced, each once, and never fetches anything.

/** @typedef {{ name: string, size: number | null, port: MessagePort }} Download */

const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));

/** How much may wait between page and disk, in bytes. */
const ROOM = 1 << 20;

/** Announced and not begun, by address. @type {Map<string, Download>} */
const announced = new Map();

worker.addEventListener("message", (event) => {
  // Whatever it says, an event keeps the worker alive for a while.
  const [port] = event.ports;
  if (!port) return;
  const { id, name, size } = event.data;
  announced.set(worker.registration.scope + id, { name, size, port });
  port.postMessage({ ready: true });
});

worker.addEventListener("fetch", (event) => {
  const download = announced.get(event.request.url);
  if (!download) return;
  announced.delete(event.request.url);
  event.respondWith(new Response(bodyOf(download.port), { headers: headersOf(download) }));
});

/** A file is saved under its name, and never shown. @param {Download} download */
function headersOf({ name, size }) {
  const headers = new Headers({
    "Content-Type": "application/octet-stream",
    "Content-Disposition": `attachment; filename*=UTF-8''${escaped(name)}`,
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
  });
  if (size !== null) headers.set("Content-Length", String(size));
  return headers;
}

/** As RFC 8187 section 3.2.1 wants it. @param {string} name */
function escaped(name) {
  return encodeURIComponent(name).replace(/['()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`);
}

/** What comes through a port, asked for as it is taken. @param {MessagePort} port */
function bodyOf(port) {
  /** Resolves when the next piece is there. */
  let arrived = () => {};
  return new ReadableStream(
    {
      start(controller) {
        port.onmessage = ({ data }) => {
          if (data.piece) controller.enqueue(data.piece);
          if (data.close) controller.close();
          if (data.abort) controller.error(new Error("the transfer has ended"));
          if (data.close || data.abort) port.postMessage({ ended: true });
          arrived();
        };
      },
      pull(controller) {
        port.postMessage({ room: controller.desiredSize });
        return new Promise((resolve) => (arrived = () => resolve(undefined)));
      },
      cancel() {
        port.postMessage({ ended: true });
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: ROOM }),
  );
}
