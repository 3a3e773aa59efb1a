// Why a transfer did not come to its end: the same words for programs as in the terminal.

import { words } from "../../direct/words.js";

/** @typedef {import("../../direct/engine/signal.js").End} End */

export class DirectFailure extends Error {
  /**
   * @param {string} code a word for programs
   * @param {string} message for people
   * @param {{ told?: boolean }} [more] `told`: the hub, and so the other side, knows
   */
  constructor(code, message, { told = false } = {}) {
    super(message);
    this.code = code;
    this.told = told;
  }

  /** What to tell the hub, where it does not know yet. @returns {End | null} */
  get reason() {
    if (this.told) return null;
    const { code } = this;
    if (code === "wrong_code" || code === "tampered" || code === "declined") return code;
    if (code === "stopped") return "cancelled";
    if (code === "protocol") return "tampered";
    return code === "local" || code === "unconfirmed" ? "failed" : null;
  }
}

/** The hub, or the other end, says that it is over. @param {End} code @param {string} [msg] */
export const ended = (code, msg) => new DirectFailure(code, msg || words.directEnds[code], { told: true });

/** This end says so. @param {"wrong_code" | "tampered" | "declined"} code */
export const broken = (code) => new DirectFailure(code, words.directEnds[code]);

/** @param {string} what for whoever looks into it */
export const protocol = (what) => new DirectFailure("protocol", words.directProtocol(what));

/** Something at this end. @param {string} message */
export const local = (message) => new DirectFailure("local", message);

export const stopped = () => new DirectFailure("stopped", words.directStopped);
export const unconfirmed = () => new DirectFailure("unconfirmed", words.directUnconfirmed);
export const unreachable = () => new DirectFailure("unreachable", words.directUnreachable);

/** The server opens no socket. @param {string} code @param {string} message its words */
export const refused = (code, message) => new DirectFailure(code || "refused", message);

/** @param {string} reason the other side's words */
export const cancelledByPeer = (reason) =>
  new DirectFailure("cancelled", reason || words.directEnds.cancelled, { told: true });

/** Whatever was thrown, as a failure. @param {unknown} error */
export function failureOf(error) {
  if (error instanceof DirectFailure) return error;
  // A defect of ours, for whoever looks into it.
  reportError(error);
  return local(words.failed);
}
