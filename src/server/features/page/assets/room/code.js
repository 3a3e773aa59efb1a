// The code of a room, however it was typed.

/** Three groups of letters and digits that nobody takes for others, with or without something between them. */
const CODE = /^([a-km-np-z2-9]{4})[\s-]*([a-km-np-z2-9]{4})[\s-]*([a-km-np-z2-9]{4})$/;

/**
 * The code as addresses have it; null for what cannot be one.
 * @param {string} text
 */
export function roomCode(text) {
  return CODE.exec(text.trim().toLowerCase())?.slice(1).join("-") ?? null;
}
