// Uploads of a page: a few at once, the others wait their turn, small ones go together. One that is refused holds up nobody;
// when the line is gone all wait, and go on by themselves when it is back.

import { at } from "../base/address.js";
import { Pauses } from "../base/pauses.js";
import { Sending } from "../base/sending.js";

/** @typedef {import("../base/upload.js").Upload} Upload */

/** As many as leave a browser connections for the rest of the page. */
const AT_ONCE = 3;

/** Files up to this size go together, so many and so large at a time. */
const SMALL = 256 << 10;
const TOGETHER = 100;
const LARGEST_TOGETHER = 4 << 20;

/** Between two looks whether the line is back, in milliseconds. */
const FIRST_PAUSE = 500;
const LAST_PAUSE = 4000;
/** For one look. */
const LOOK = 4000;

/** Tells `change` when anything of any upload changes. */
export class Queue extends EventTarget {
  /** @type {Upload[]} */
  uploads = [];
  /** Whether all wait for the line. */
  isHeld = false;
  /** @type {Upload[]} */
  #waiting = [];
  /** Requests that are to be sent again as they are. @type {Sending[]} */
  #kept = [];
  /** @type {Set<Sending>} */
  #running = new Set();
  #pauses = new Pauses(FIRST_PAUSE, LAST_PAUSE);

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
    this.addAll([upload]);
  }

  /** @param {Upload[]} uploads */
  addAll(uploads) {
    for (const upload of uploads) {
      this.uploads.push(upload);
      this.#waiting.push(upload);
      upload.addEventListener("change", () => this.#changed());
    }
    this.#next();
    this.#changed();
  }

  /** Takes an upload out, wherever it is. @param {Upload} upload */
  drop(upload) {
    this.uploads = this.uploads.filter((other) => other !== upload);
    for (const sending of this.#running) if (sending.uploads.includes(upload)) sending.cancel();
    this.#kept = this.#kept.filter((sending) => !sending.uploads.includes(upload));
    if (upload.state === "waiting") upload.become("cancelled");
    this.#changed();
  }

  /** @param {Upload} upload */
  retry(upload) {
    upload.again();
    this.#waiting.push(upload);
    this.#next();
  }

  /** Sends again whatever did not arrive. */
  retryAll() {
    for (const upload of this.uploads) if (upload.failed) this.retry(upload);
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }

  #next() {
    while (!this.isHeld && this.#running.size < AT_ONCE) {
      const sending = this.#kept.shift() ?? this.#packed();
      if (!sending) return;
      void this.#run(sending);
    }
  }

  /** @param {Sending} sending */
  async #run(sending) {
    this.#running.add(sending);
    const outcome = await sending.send();
    this.#running.delete(sending);
    if (outcome === "later") {
      this.#kept.push(sending);
      void this.#hold();
    } else if (outcome === "apart") {
      for (const upload of sending.uploads) upload.alone = true;
      for (const upload of sending.uploads) this.retry(upload);
    } else this.#pauses.reset();
    this.#next();
  }

  /** The next request: a file, or small ones together. */
  #packed() {
    /** @type {Upload[]} */
    const uploads = [];
    let bytes = 0;
    while (uploads.length < TOGETHER) {
      const next = this.#waiting[0];
      const isSmall = next && next.target.several && !next.alone && next.file.size <= SMALL;
      if (!next || (uploads.length > 0 && (!isSmall || bytes + next.file.size > LARGEST_TOGETHER))) break;
      this.#waiting.shift();
      if (next.state !== "waiting" || !this.uploads.includes(next)) continue;
      uploads.push(next);
      bytes += next.file.size;
      if (!isSmall) break;
    }
    return uploads.length > 0 ? new Sending(uploads) : null;
  }

  /** Waits until the server can be reached. */
  async #hold() {
    if (this.isHeld) return;
    this.isHeld = true;
    this.#changed();
    let wasGone = false;
    for (;;) {
      await this.#pauses.wait();
      if (await canReach()) break;
      wasGone = true;
    }
    if (wasGone) for (const sending of this.#kept) sending.forgive();
    this.isHeld = false;
    this.#changed();
    this.#next();
  }
}

/** Whether the server answers, and not only what stands before it. */
async function canReach() {
  try {
    const signal = AbortSignal.timeout(LOOK);
    return (await fetch(at(""), { method: "HEAD", cache: "no-store", signal })).status < 500;
  } catch {
    return false;
  }
}
