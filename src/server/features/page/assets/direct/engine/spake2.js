// SPAKE2, symmetric, over edwards25519: what python-spake2 and the spake2 of Rust compute (Abdalla and Pointcheval 2005;
// the transcript is python-spake2's).

import { edwards, expand, extract, sha256 } from "../../vendor/noble-pake.js";

/** edwards25519 (RFC 7748 section 4.1). */
const Point = edwards({
  p: 0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffedn,
  n: 0x1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3edn,
  h: 8n,
  a: 0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffecn,
  d: 0x52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3n,
  Gx: 0x216936d3cd6e53fec0a4e231fdd6dc5c692cc7609525a7b2c9562d608f25d51an,
  Gy: 0x6666666666666666666666666666666666666666666666666666666666666658n,
});
const ORDER = Point.Fn.ORDER;
/** The arbitrary element that blinds both messages. */
const S = Point.fromHex("6f00dae87c1be1a73b5922ef431cd8f57879569c222d22b1cd71e8546ab8e6f1");
/** The side: both are the same. */
const SIDE = 0x53;

const utf8 = new TextEncoder();

/** The other side's message is none. */
export class NotAMessage extends Error {}

/**
 * @param {string} password
 * @param {string} identity
 * @param {bigint} [scalar] for tests
 */
export function start(password, identity, scalar = randomScalar()) {
  const secret = scalarOf(utf8.encode(password));
  const own = Point.BASE.multiply(scalar).add(S.multiply(secret)).toBytes();
  return {
    /** To be sent. */
    message: Uint8Array.of(SIDE, ...own),
    /** The key, of 32 bytes. @param {Uint8Array} message @returns {Uint8Array} */
    finish(message) {
      const theirs = message.slice(1);
      const shared = pointOf(message).subtract(S.multiply(secret)).multiply(scalar);
      if (shared.is0()) throw new NotAMessage();
      const inOrder = isLess(own, theirs) ? [own, theirs] : [theirs, own];
      const parts = [sha256(utf8.encode(password)), sha256(utf8.encode(identity)), ...inOrder, shared.toBytes()];
      return sha256(concat(parts));
    },
  };
}

/** @param {Uint8Array} message */
function pointOf(message) {
  if (message[0] !== SIDE) throw new NotAMessage();
  let point;
  try {
    point = Point.fromBytes(message.slice(1));
  } catch {
    throw new NotAMessage();
  }
  // Whoever adds a point of small order learns something of our scalar.
  if (point.is0() || !point.isTorsionFree()) throw new NotAMessage();
  return point;
}

/** @param {Uint8Array} password */
function scalarOf(password) {
  return number(expand(sha256, extract(sha256, password, new Uint8Array()), utf8.encode("SPAKE2 pw"), 48)) % ORDER;
}

function randomScalar() {
  // Twice as many bytes as needed leave no bias; 0 is as likely as a guess of the key.
  return (number(crypto.getRandomValues(new Uint8Array(64))) % (ORDER - 1n)) + 1n;
}

/** @param {Uint8Array} bytes big-endian */
function number(bytes) {
  return bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

/** @param {Uint8Array} one @param {Uint8Array} two of the same length */
function isLess(one, two) {
  const first = one.findIndex((byte, i) => byte !== two[i]);
  return first >= 0 && one[first] < two[first];
}

/** @param {Uint8Array[]} parts */
export function concat(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
