// Uploads of a page: a few at once, the others wait their turn. One that breaks holds up nobody.

/** As many as leave a browser connections for the rest of the page. */
const AT_ONCE = 3;

/** @typedef {import("../base/upload.js").Upload} Upload */

/** Tells `change` when anything of any upload changes. */
export class Queue extends EventTarget {
  /** @type {Upload[]} */
  uploads = [];
  #running = 0;

  constructor() {
    super();
    window.addEventListener("beforeunload", (event) => {
      if (this.runs) event.preventDefault();
    });
  }

  /** Whether leaving the page would lose something. */
  get runs() {
    return this.uploads.some((upload) => upload.runs);
  }

  /** @param {Upload} upload */
  add(upload) {
    this.uploads.push(upload);
    upload.addEventListener("change", () => this.dispatchEvent(new Event("change")));
    this.#next();
  }

  /** Takes an upload out, wherever it is. @param {Upload} upload */
  drop(upload) {
    if (upload.runs) upload.cancel();
    this.uploads = this.uploads.filter((other) => other !== upload);
    this.dispatchEvent(new Event("change"));
  }

  /** @param {Upload} upload */
  retry(upload) {
    upload.again();
    this.#next();
  }

  #next() {
    while (this.#running < AT_ONCE) {
      const upload = this.uploads.find((waiting) => waiting.state === "waiting");
      if (!upload) return;
      this.#running += 1;
      void upload.send().then(() => {
        this.#running -= 1;
        this.#next();
      });
    }
  }
}
