// How the two ends agree on keys, without the hub learning them; src/protocol/direct/exchange.rs says how and why.

import * as spake2 from "../../direct/engine/spake2.js";
import { CONFIRM, NONCE_LENGTH, PAKE, RESUME, SEALED, TAG_LENGTH, encode } from "../../direct/engine/frame.js";
import { broken, protocol, unconfirmed } from "../../direct/engine/failure.js";
import { Opener, Sealer } from "../../direct/engine/seal.js";
import { other } from "../../direct/engine/signal.js";
import { expand, extract, sha256 } from "../../vendor/noble-pake.js";

/** @typedef {import("../../direct/engine/signal.js").Role} Role */
/** @typedef {import("../../direct/engine/frame.js").Frame} Frame */
/** @typedef {{ sealer: Sealer, opener: Opener }} Keys of a round */

/**
 * What a frame leads to: a frame to be sent, the keys, both, or nothing.
 * @typedef {{ reply?: Uint8Array<ArrayBuffer>, keys?: Keys, master?: Uint8Array }} Step
 */

/** Says which protocol the keys are for. */
const CONTEXT = "handover direct 1";

const utf8 = new TextEncoder();

/** What both ends share once they have confirmed the code. @param {Uint8Array} key SPAKE2's */
export function masterOf(key) {
  return extract(sha256, key, utf8.encode(CONTEXT));
}

/** @param {Uint8Array} master @param {Role} role */
export function tagOf(master, role) {
  return expand(sha256, master, utf8.encode(`${CONTEXT} confirm ${role}`), TAG_LENGTH);
}

/**
 * 32 bytes of key and 12 of base nonce for what `role` says.
 * @param {Uint8Array} master
 * @param {Role} role
 * @param {number} round
 * @param {Uint8Array} ofSender
 * @param {Uint8Array} ofReceiver
 */
export function keysOf(master, role, round, ofSender, ofReceiver) {
  const number = new Uint8Array(4);
  new DataView(number.buffer).setUint32(0, round);
  const info = spake2.concat([utf8.encode(`${CONTEXT} keys ${role}`), number, ofSender, ofReceiver]);
  return expand(sha256, master, info, 44);
}

/** The exchange of one round, as one end sees it. */
export class Exchange {
  /** To be sent. */
  frame;
  #role;
  #round;
  #fresh;
  /** @type {ReturnType<typeof spake2.start> | null} until its key is known */
  #spake = null;
  /** @type {Uint8Array | null} */
  #master = null;
  /** @type {Uint8Array | null} what the other side has made fresh, in the first round */
  #theirs = null;
  #over = false;

  /**
   * @param {Role} role
   * @param {number} round
   * @param {string} code
   * @param {Uint8Array | null} master from before, in all rounds but the first
   */
  constructor(role, round, code, master) {
    this.#role = role;
    this.#round = round;
    this.#master = master;
    if (!master) this.#spake = spake2.start(code, CONTEXT);
    this.#fresh = this.#spake?.message ?? crypto.getRandomValues(new Uint8Array(NONCE_LENGTH));
    this.frame = encode(this.#spake ? PAKE : RESUME, round, this.#fresh);
  }

  /** Whether our tag is out and theirs has not come: the one moment that is not to be repeated. */
  get isUnconfirmed() {
    return this.#role === "receiver" && this.#theirs !== null && !this.#over;
  }

  /**
   * Takes the other side's next frame; throws a DirectFailure where the transfer is to be ended.
   * @param {Frame} frame
   * @returns {Step}
   */
  take({ kind, round, body }) {
    if (kind === SEALED || round !== this.#round) return {}; // left over from another round
    if (this.#over) throw protocol("the keys are agreed on");
    if (!this.#spake) return this.#resume(kind, body);
    return this.#theirs ? this.#confirm(kind, body, this.#theirs) : this.#pake(kind, body, this.#spake);
  }

  /** @param {number} kind @param {Uint8Array} body @returns {Step} */
  #resume(kind, body) {
    // The other side never got as far as we did.
    if (kind === PAKE) throw unconfirmed();
    if (kind !== RESUME) throw protocol("the keys cannot be agreed on");
    return this.#agreed(body);
  }

  /** @param {number} kind @param {Uint8Array} body @param {ReturnType<typeof spake2.start>} spake @returns {Step} */
  #pake(kind, body, spake) {
    if (kind === RESUME) throw unconfirmed();
    if (kind !== PAKE) throw protocol("the keys cannot be agreed on");
    try {
      this.#master = masterOf(spake.finish(body));
    } catch (error) {
      throw error instanceof spake2.NotAMessage ? protocol("the keys cannot be agreed on") : error;
    }
    this.#theirs = body.slice();
    if (this.#role === "sender") return {};
    return { reply: encode(CONFIRM, this.#round, tagOf(this.#master, this.#role)) };
  }

  /** @param {number} kind @param {Uint8Array} body @param {Uint8Array} theirs @returns {Step} */
  #confirm(kind, body, theirs) {
    const master = /** @type {Uint8Array} */ (this.#master);
    if (kind !== CONFIRM) throw protocol("the keys cannot be agreed on");
    if (!areEqual(body, tagOf(master, other(this.#role)))) throw broken("wrong_code");
    const step = this.#agreed(theirs);
    if (this.#role === "sender") step.reply = encode(CONFIRM, this.#round, tagOf(master, this.#role));
    return step;
  }

  /** @param {Uint8Array} theirs @returns {Step} */
  #agreed(theirs) {
    this.#over = true;
    const master = /** @type {Uint8Array} */ (this.#master);
    const fresh = this.#role === "sender" ? [this.#fresh, theirs] : [theirs, this.#fresh];
    /** @param {Role} role */
    const keys = (role) => keysOf(master, role, this.#round, fresh[0], fresh[1]);
    return { master, keys: { sealer: new Sealer(keys(this.#role)), opener: new Opener(keys(other(this.#role))) } };
  }
}

/** In a time that does not tell where they differ. @param {Uint8Array} one @param {Uint8Array} two */
function areEqual(one, two) {
  let different = one.length ^ two.length;
  for (let i = 0; i < one.length; i++) different |= one[i] ^ two[i];
  return different === 0;
}
