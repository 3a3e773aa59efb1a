// The types of what is used of it.

export function gcm(
  key: Uint8Array,
  nonce: Uint8Array,
  associated: Uint8Array,
): {
  encrypt(plain: Uint8Array): Uint8Array<ArrayBuffer>;
  decrypt(sealed: Uint8Array): Uint8Array<ArrayBuffer>;
};
