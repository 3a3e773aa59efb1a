// The two ends of a direct transfer in pages, without their screens.

/** Loads the page's modules of Direct, by the version that the server names. */
async function modules(page) {
  await page.evaluate(async () => {
    const script = document.querySelector("script[type=module]");
    const base = new URL("../direct/engine/", script.src);
    const names = ["code", "exchange", "message", "receiver", "seal", "sender", "spake2"];
    const loaded = await Promise.all(names.map((name) => import(new URL(`${name}.js`, base))));
    window.direct = Object.fromEntries(names.map((name, i) => [name, loaded[i]]));
    window.events = [];
    window.hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    window.unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (byte) => parseInt(byte, 16));
    /** Content that is the same each time, and different everywhere. */
    window.content = (size, seed) => {
      const bytes = new Uint32Array(Math.ceil(size / 4));
      for (let i = 0, x = seed + 1; i < bytes.length; i++) {
        x ^= x << 13;
        x ^= x >>> 17;
        x ^= x << 5;
        bytes[i] = x;
      }
      return new Uint8Array(bytes.buffer, 0, size);
    };
    const { sha256 } = await import(new URL("../../vendor/noble-pake.js", base));
    /** SHA-256, also where the browser keeps its own for https. */
    window.digest = async (bytes) =>
      hex(crypto.subtle ? new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)) : sha256(new Uint8Array(bytes)));
  });
}

/** A page of somebody's, at `url`, that has the modules. */
export async function end(browser, url, page) {
  page ??= await browser.person(url);
  await page.goto("");
  await modules(page);
  return page;
}

/** Starts sending files, `[path, size]` each, or `[path]` for an empty folder; gives back the code. */
export function startSending(page, files, options = {}) {
  return page.evaluate(
    ([files, options]) =>
      new Promise((resolve, reject) => {
        const sources = files.map(([path, size], i) =>
          size === undefined
            ? { path, folder: true }
            : { path, size, file: new File([content(size, i)], path.split("/").pop()) },
        );
        const onEvent = (event) => {
          events.push(event);
          if (event.event === "code") resolve(event.code);
          if (event.event === "failed") reject(new Error(event.msg));
        };
        window.transfer = direct.sender.send({ files: sources, onEvent, ...options });
      }),
    [files, options],
  );
}

/**
 * Starts receiving into memory. `wanted` is what is chosen; no more than `allowed` bytes are written until `allow` says.
 */
export function startReceiving(page, code, { wanted = "all", allowed = Infinity, ...options } = {}) {
  return page.evaluate(
    ([code, wanted, allowed, options]) => {
      window.saved = {};
      window.aborted = [];
      window.written = 0;
      let wake = () => {};
      window.allow = (bytes) => {
        allowed = bytes;
        wake();
      };
      const sink = {
        async open({ path }) {
          const parts = [];
          return {
            async write(bytes) {
              while (written >= allowed) await new Promise((resolve) => (wake = resolve));
              written += bytes.length;
              if (!options.discard) parts.push(bytes.slice());
            },
            async close() {
              saved[path] = await digest(await new Blob(parts).arrayBuffer());
              return path;
            },
            async abort() {
              aborted.push(path);
            },
          };
        },
        async folder({ path }) {
          saved[path] = "folder";
        },
      };
      const decide = async (offer) => {
        window.offer = offer;
        return wanted;
      };
      const onEvent = (event) => events.push(event);
      window.transfer = direct.receiver.receive({ code, decide, sink, onEvent, ...options });
    },
    [code, wanted, allowed, options],
  );
}

/** How a transfer ends here: its summary, or the failure. */
export function outcome(page) {
  return page.evaluate(() =>
    transfer.done.then(
      (summary) => ({ summary }),
      ({ code, message }) => ({ code, message }),
    ),
  );
}

/** What was told so far, without what is told over and over. */
export function told(page) {
  return page.evaluate(() =>
    events.map(({ event }) => event).filter((event) => event !== "progress" && event !== "time_left"),
  );
}

/** What was saved: the digest of each file by its name. */
export function saved(page) {
  return page.evaluate(() => window.saved);
}

/** The digest of what a sender's page has made as file number `seed`. */
export function digestOf(page, size, seed) {
  return page.evaluate(([size, seed]) => digest(content(size, seed)), [size, seed]);
}
