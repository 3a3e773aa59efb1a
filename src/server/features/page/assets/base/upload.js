// One file on its way to the server, with its own progress and its own fate, whichever request carries it.

/** @typedef {"waiting" | "sending" | "checking" | "done" | "refused" | "broken" | "cancelled"} State */

/**
 * Where a file goes.
 * @typedef {object} Target
 * @property {string} path from the root of the site
 * @property {string} field name of the form's part
 * @property {Record<string, string>} [headers]
 * @property {boolean} [several] whether a request may carry several files, each with its date
 */

/** How far back the speed is measured, in milliseconds. */
const WINDOW = 4000;

/** Tells `change` whenever something of it changes. */
export class Upload extends EventTarget {
  /** @type {State} */
  state = "waiting";
  /** Bytes that have left. */
  sent = 0;
  /** Whether nothing moves. */
  quiet = false;
  /** Whether it goes in a request of its own, so that what is said of it is said of no other. */
  alone = false;
  /** @type {unknown} why it is refused or broken */
  error = null;
  /** @type {any} what the server answered */
  answer = null;
  /** @type {{ at: number, sent: number }[]} */
  #samples = [];

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

  /** Whether it did not arrive, and somebody has to know. */
  get failed() {
    return this.state === "broken" || this.state === "refused";
  }

  /** Bytes a second, lately; 0 while nobody can tell, or nothing moves. */
  get speed() {
    const now = performance.now();
    const [first] = this.#samples;
    const last = this.#samples.at(-1);
    if (this.state !== "sending" || !first || !last || now - last.at > WINDOW || now === first.at) return 0;
    return ((last.sent - first.sent) * 1000) / (now - first.at);
  }

  begin() {
    this.sent = 0;
    this.error = null;
    this.#samples = [{ at: performance.now(), sent: 0 }];
    this.become("sending");
  }

  /** @param {number} sent bytes of the file */
  moved(sent) {
    this.sent = Math.max(0, Math.min(this.file.size, Math.round(sent)));
    const now = performance.now();
    this.#samples.push({ at: now, sent: this.sent });
    this.#samples = this.#samples.filter((sample) => now - sample.at <= WINDOW);
    this.become("sending");
  }

  /** Makes it ready to be sent again. */
  again() {
    this.sent = 0;
    this.error = null;
    this.become("waiting");
  }

  /** @param {any} answer */
  arrived(answer) {
    this.sent = this.file.size;
    this.answer = answer;
    this.become("done");
  }

  /** @param {"refused" | "broken"} state @param {unknown} error */
  fail(state, error) {
    this.error = error;
    this.become(state);
  }

  /** @param {State} state @param {boolean} [quiet] */
  become(state, quiet = false) {
    this.state = state;
    this.quiet = quiet;
    this.dispatchEvent(new Event("change"));
  }
}
