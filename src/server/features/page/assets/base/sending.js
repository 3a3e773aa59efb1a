// One request that carries a file, or several small ones. Sent again it is the same request, by its key, and the server
// stores nothing twice: whoever has not heard the answer asks once more.

import { at } from "../base/address.js";
import { Broken, Refusal, Unreadable, authorization, newKey, refusal } from "../base/api.js";

/** @typedef {import("../base/upload.js").Upload} Upload */

/**
 * How it went: all is said; `later` it is to be sent again as it is; `apart` one of them is refused, and each is to be sent
 * alone.
 * @typedef {"over" | "later" | "apart"} Outcome
 */

/** After this long without a byte moving the person is told, in milliseconds. */
const QUIET = 4000;

/** After this long it is given up and sent again; twice as long the next time, in case the line is merely slow. */
const STALLED = 10_000;
const MOST_PATIENCE = 120_000;

/** How long the server may take to answer when all has left: a while, and a second for each so many bytes. */
const ANSWER = 15_000;
const STORED_A_SECOND = 1_000_000;

/** When the network comes back, what has not moved for this long is on a connection that is no more. */
const STALE = 2000;

/** Tries that broke off while the server could be reached: it is not the line, then. */
const TRIES = 5;

export class Sending {
  #key = newKey();
  /** @type {XMLHttpRequest | null} */
  #request = null;
  #lastMove = 0;
  #patience = STALLED;
  #tries = 0;
  #isCancelled = false;

  /** @param {Upload[]} uploads at least one; all have one target */
  constructor(uploads) {
    this.uploads = uploads;
    this.target = /** @type {Upload} */ (uploads[0]).target;
    this.size = uploads.reduce((sum, { file }) => sum + file.size, 0);
  }

  /** Sends it; resolves when it is known how that went. @returns {Promise<Outcome>} */
  send() {
    return new Promise((resolve) => {
      const request = new XMLHttpRequest();
      this.#request = request;
      this.#lastMove = performance.now();
      for (const upload of this.uploads) upload.begin();
      const watch = setInterval(() => this.#watch(), 1000);
      const online = () => performance.now() - this.#lastMove > STALE && request.abort();
      window.addEventListener("online", online);
      request.open("POST", at(this.target.path));
      request.responseType = "json";
      const headers = { ...authorization(), ...this.target.headers, "Idempotency-Key": `"${this.#key}"` };
      for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
      request.upload.addEventListener("progress", (event) => this.#moved(event.loaded, event.total));
      request.upload.addEventListener("load", () => this.#allLeft());
      request.addEventListener("loadend", () => {
        clearInterval(watch);
        window.removeEventListener("online", online);
        this.#request = null;
        resolve(request.status > 0 ? this.#answered(request) : this.#broken());
      });
      request.send(this.#form());
    });
  }

  /** Ends it, for good. */
  cancel() {
    this.#isCancelled = true;
    this.#request?.abort();
  }

  #form() {
    const form = new FormData();
    for (const { file, name } of this.uploads) {
      if (this.target.several) form.append("modified", String(file.lastModified));
      form.append(this.target.field, file, name);
    }
    return form;
  }

  /** @param {number} loaded @param {number} total of the request, which is a little more than the files */
  #moved(loaded, total) {
    this.#lastMove = performance.now();
    let left = total > 0 ? (this.size * loaded) / total : 0;
    for (const upload of this.uploads) {
      upload.moved(left);
      left -= upload.file.size;
    }
  }

  #allLeft() {
    this.#lastMove = performance.now();
    for (const upload of this.uploads) {
      upload.sent = upload.file.size;
      upload.become("checking");
    }
  }

  #watch() {
    const still = performance.now() - this.#lastMove;
    const [first] = this.uploads;
    const patience = first?.state === "checking" ? ANSWER + (this.size / STORED_A_SECOND) * 1000 : this.#patience;
    if (still > patience) {
      this.#patience = Math.min(this.#patience * 2, MOST_PATIENCE);
      this.#request?.abort();
    } else if (still > QUIET && first?.state === "sending") {
      for (const upload of this.uploads) upload.become("sending", true);
    }
  }

  /** @param {XMLHttpRequest} request @returns {Outcome} */
  #answered({ status, response }) {
    if (status >= 200 && status < 300) {
      this.uploads.forEach((upload, index) =>
        upload.arrived(this.target.several ? { files: [response?.files?.[index]].filter(Boolean) } : response),
      );
      return "over";
    }
    const said = refusal(status, response);
    if (this.#isCancelled) return this.#end("refused", said);
    if (said.isOfNow) return this.#later();
    if (this.uploads.length > 1 && said.isOfContent) return "apart";
    return this.#end(said.passes ? "broken" : "refused", said);
  }

  /** There was no answer: a file that cannot be read, or the line. @returns {Promise<Outcome>} */
  async #broken() {
    if (this.#isCancelled) {
      for (const upload of this.uploads) upload.become("cancelled");
      return "over";
    }
    const isReadable = await Promise.all(this.uploads.map(({ file }) => canRead(file)));
    if (!isReadable.every(Boolean)) {
      if (this.uploads.length > 1) return "apart";
      return this.#end("refused", new Unreadable());
    }
    this.#tries += 1;
    return this.#tries < TRIES ? this.#later() : this.#end("broken", new Broken());
  }

  /** It was the line, and not the file: that does not count. */
  forgive() {
    this.#tries = 0;
  }

  #later() {
    for (const upload of this.uploads) upload.again();
    return /** @type {const} */ ("later");
  }

  /** @param {"refused" | "broken"} state @param {Refusal | Broken | Unreadable} error */
  #end(state, error) {
    for (const upload of this.uploads) upload.fail(state, error);
    return /** @type {const} */ ("over");
  }
}

/** Whether a file is still as it was when it was chosen: browsers do not read it when it has changed. @param {File} file */
async function canRead(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}
