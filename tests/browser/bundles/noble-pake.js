// What SPAKE2 and its keys need.

export { edwards } from "@noble/curves/abstract/edwards.js";
export { expand, extract } from "@noble/hashes/hkdf.js";
export { sha256 } from "@noble/hashes/sha2.js";
