// The binary messages that pass from end to end:
//
//   1 ‖ round, 4 bytes ‖ SPAKE2 message, 33 bytes          3 ‖ round, 4 bytes ‖ nonce, 32 bytes
//   2 ‖ round, 4 bytes ‖ tag, 32 bytes                     4 ‖ a sealed message
//
// Numbers are big-endian.

export const PAKE = 1;
export const CONFIRM = 2;
export const RESUME = 3;
export const SEALED = 4;

export const TAG_LENGTH = 32;
export const NONCE_LENGTH = 32;

const HEADER = 5;
/** @type {Record<number, number>} */
const LENGTHS = { [PAKE]: 33, [CONFIRM]: TAG_LENGTH, [RESUME]: NONCE_LENGTH };

/**
 * A frame of the exchange of a round, or a sealed one, which has no round.
 * @typedef {{ kind: number, round: number, body: Uint8Array<ArrayBuffer> }} Frame
 */

/**
 * Reads a binary message; null if it is none of ours.
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {Frame | null}
 */
export function parse(bytes) {
  const kind = bytes[0];
  if (kind === SEALED) return { kind, round: 0, body: bytes.subarray(1) };
  if (bytes.length < HEADER || bytes.length !== HEADER + LENGTHS[kind]) return null;
  return { kind, round: new DataView(bytes.buffer, bytes.byteOffset).getUint32(1), body: bytes.subarray(HEADER) };
}

/** @param {number} kind @param {number} round @param {Uint8Array} body */
export function encode(kind, round, body) {
  const bytes = new Uint8Array(HEADER + body.length);
  bytes[0] = kind;
  new DataView(bytes.buffer).setUint32(1, round);
  bytes.set(body, HEADER);
  return bytes;
}
