// Sealed frames: AES-256-GCM under the keys of a round and a direction, each frame with the nonce of its number, which is
// not sent: a frame that was dropped, repeated or moved does not open.
//
// Browsers keep their own AES for https and localhost. A server in the next room is often neither, and a slower one of
// ours takes its place there, which nobody else loads.

import { SEALED } from "../../direct/engine/frame.js";
import { broken } from "../../direct/engine/failure.js";

/** What sealing adds to a message. */
export const OVERHEAD = 17;

const ASSOCIATED = Uint8Array.of(SEALED);

/**
 * @typedef {object} Cipher
 * @property {(nonce: Uint8Array<ArrayBuffer>, bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array>} seal
 * @property {(nonce: Uint8Array<ArrayBuffer>, bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array<ArrayBuffer>>} open
 */

/** @param {Uint8Array<ArrayBuffer>} key @returns {Promise<Cipher>} */
async function cipher(key) {
  const { subtle } = crypto;
  if (!subtle) return ours(key);
  const theirs = await subtle.importKey("raw", key, "AES-GCM", false, ["encrypt", "decrypt"]);
  /** @param {Uint8Array<ArrayBuffer>} iv */
  const how = (iv) => ({ name: "AES-GCM", iv, additionalData: ASSOCIATED });
  return {
    seal: async (nonce, bytes) => new Uint8Array(await subtle.encrypt(how(nonce), theirs, bytes)),
    open: async (nonce, bytes) => new Uint8Array(await subtle.decrypt(how(nonce), theirs, bytes)),
  };
}

/** @param {Uint8Array<ArrayBuffer>} key @returns {Promise<Cipher>} */
async function ours(key) {
  const { gcm } = await import("../../vendor/noble-gcm.js");
  return {
    seal: async (nonce, bytes) => gcm(key, nonce, ASSOCIATED).encrypt(bytes),
    open: async (nonce, bytes) => gcm(key, nonce, ASSOCIATED).decrypt(bytes),
  };
}

class Stream {
  #cipher;
  #base;
  #next = 0;

  /** @param {Uint8Array} keys 32 bytes of key, 12 of base nonce */
  constructor(keys) {
    this.#cipher = cipher(keys.slice(0, 32));
    this.#base = keys.slice(32);
  }

  /** Numbers are given in the order of the calls. */
  next() {
    const nonce = this.#base.slice();
    const view = new DataView(nonce.buffer);
    view.setUint32(4, view.getUint32(4) ^ Math.floor(this.#next / 2 ** 32));
    view.setUint32(8, view.getUint32(8) ^ (this.#next >>> 0));
    this.#next += 1;
    return { cipher: this.#cipher, nonce };
  }
}

/** Seals what one end says. */
export class Sealer {
  #stream;

  /** @param {Uint8Array} keys */
  constructor(keys) {
    this.#stream = new Stream(keys);
  }

  /** @param {Uint8Array<ArrayBuffer>} message @returns {Promise<Uint8Array<ArrayBuffer>>} the frame */
  async seal(message) {
    const { cipher, nonce } = this.#stream.next();
    const sealed = await (await cipher).seal(nonce, message);
    const frame = new Uint8Array(1 + sealed.length);
    frame[0] = SEALED;
    frame.set(sealed, 1);
    return frame;
  }
}

/** Opens what the other end says. */
export class Opener {
  #stream;

  /** @param {Uint8Array} keys */
  constructor(keys) {
    this.#stream = new Stream(keys);
  }

  /**
   * Opens the next frame, given without its first byte; rejects where it is not the one that was sent.
   * @param {Uint8Array<ArrayBuffer>} sealed
   */
  async open(sealed) {
    const { cipher, nonce } = this.#stream.next();
    const { open } = await cipher;
    try {
      return await open(nonce, sealed);
    } catch {
      throw broken("tampered");
    }
  }
}
