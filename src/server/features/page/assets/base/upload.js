// One file on its way to the server: a request of its own, with its own progress, and its own fate.

import { at } from "../base/address.js";
import { Broken, authorization, refusal } from "../base/api.js";

/** @typedef {"waiting" | "sending" | "checking" | "done" | "refused" | "broken" | "cancelled"} State */

/**
 * Where a file goes.
 * @typedef {object} Target
 * @property {string} path from the root of the site
 * @property {string} field name of the form's part
 * @property {Record<string, string>} [headers]
 */

/** How far back the speed is measured, in milliseconds. */
const WINDOW = 4000;

/** After this long without a byte moving the person is told, and after that long it counts as broken. */
const QUIET = 8000;
const DEAD = 60_000;

/** Tells `change` whenever something of it changes. */
export class Upload extends EventTarget {
  /** @type {State} */
  state = "waiting";
  /** Bytes that have left. */
  sent = 0;
  /** Whether nothing moves. */
  quiet = false;
  /** @type {unknown} why it is refused or broken */
  error = null;
  /** @type {any} what the server answered */
  answer = null;
  /** @type {XMLHttpRequest | null} */
  #request = null;
  /** @type {{ at: number, sent: number }[]} */
  #samples = [];
  #lastMove = 0;

  /**
   * @param {File} file
   * @param {Target} target
   * @param {string} [name] what it is to be called, where that is not the file's own name
   */
  constructor(file, target, name = file.name) {
    super();
    this.file = file;
    this.target = target;
    this.name = name;
  }

  /** Whether leaving the page would lose it. */
  get runs() {
    return this.state === "waiting" || this.state === "sending" || this.state === "checking";
  }

  /** Bytes a second, lately; 0 while nobody can tell. */
  get speed() {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    return first && last && last.at > first.at ? ((last.sent - first.sent) * 1000) / (last.at - first.at) : 0;
  }

  /** Sends the file; resolves when its fate is known. @returns {Promise<void>} */
  send() {
    return new Promise((resolve) => {
      const request = new XMLHttpRequest();
      const watch = setInterval(() => this.#watch(), 1000);
      this.#request = request;
      this.#begin();
      request.open("POST", at(this.target.path));
      request.responseType = "json";
      for (const [name, value] of Object.entries({ ...authorization(), ...this.target.headers })) {
        request.setRequestHeader(name, value);
      }
      request.upload.addEventListener("progress", (event) => this.#moved(event.loaded, event.total));
      request.upload.addEventListener("load", () => this.#become("checking"));
      request.addEventListener("load", () => this.#answered(request));
      request.addEventListener("error", () => this.#fail("broken", new Broken()));
      request.addEventListener("abort", () => this.#become(this.quiet ? "broken" : "cancelled"));
      request.addEventListener("loadend", () => {
        clearInterval(watch);
        this.#request = null;
        resolve();
      });
      const form = new FormData();
      form.append(this.target.field, this.file, this.name);
      request.send(form);
    });
  }

  cancel() {
    this.quiet = false;
    if (this.#request) this.#request.abort();
    else this.#become("cancelled");
  }

  /** Makes it ready to be sent again. */
  again() {
    this.sent = 0;
    this.error = null;
    this.#become("waiting");
  }

  #begin() {
    this.sent = 0;
    this.quiet = false;
    this.#lastMove = performance.now();
    this.#samples = [{ at: this.#lastMove, sent: 0 }];
    this.#become("sending");
  }

  /** @param {number} loaded @param {number} total of the request, which is a little more than the file */
  #moved(loaded, total) {
    this.sent = total > 0 ? (loaded / total) * this.file.size : 0;
    this.quiet = false;
    this.#lastMove = performance.now();
    this.#samples.push({ at: this.#lastMove, sent: this.sent });
    while (this.#samples.length > 2 && this.#samples[0].at < this.#lastMove - WINDOW) this.#samples.shift();
    this.#tell();
  }

  #watch() {
    if (this.state !== "sending") return;
    const still = performance.now() - this.#lastMove;
    if (still > QUIET && !this.quiet) {
      this.quiet = true;
      this.#tell();
    }
    if (still > DEAD) {
      this.error = new Broken();
      this.#request?.abort();
    }
  }

  /** @param {XMLHttpRequest} request */
  #answered(request) {
    if (request.status >= 200 && request.status < 300) {
      this.sent = this.file.size;
      this.answer = request.response;
      this.#become("done");
      return;
    }
    const said = refusal(request.status, request.response);
    this.#fail(said.passes || said.status === 401 ? "broken" : "refused", said);
  }

  /** @param {State} state @param {unknown} error */
  #fail(state, error) {
    this.error = error;
    this.#become(state);
  }

  /** @param {State} state */
  #become(state) {
    this.state = state;
    this.#tell();
  }

  #tell() {
    this.dispatchEvent(new Event("change"));
  }
}
