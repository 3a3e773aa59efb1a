// What this end and the hub say to each other: JSON in text messages, told apart by `type`.

/** @typedef {"sender" | "receiver"} Role */

/**
 * How a transfer ends.
 * @typedef {"done" | "cancelled" | "wrong_code" | "tampered" | "declined" | "failed" | "unknown_code" | "expired_code" |
 *   "code_in_use" | "peer_lost" | "evicted" | "quota_exceeded" | "replaced" | "stopping" | "bad_message"} End
 */

/**
 * @typedef {{ type: "code", nameplate: number, expires_in: number, token: string, grace: number, page_url: string,
 *   ice_servers?: RTCIceServer[] }} Code
 * @typedef {{ type: "joined", nameplate: number, token: string, grace: number, ice_servers?: RTCIceServer[] }} Joined
 * @typedef {{ type: "rejoined", nameplate: number }} Rejoined
 * @typedef {{ type: "paired", round: number }} Paired
 * @typedef {{ type: "peer_lost", grace: number }} PeerLost
 * @typedef {{ type: "ended", code: End, by?: Role, msg: string }} Ended
 * @typedef {Code | Joined | Rejoined | Paired | PeerLost | Ended} Signal
 */

/** @param {Role} role @returns {Role} */
export function other(role) {
  return role === "sender" ? "receiver" : "sender";
}

/** The hub is ours and says what it should, or nothing that can be read. @param {string} text @returns {Signal | null} */
export function parse(text) {
  try {
    const signal = JSON.parse(text);
    return typeof signal?.type === "string" ? signal : null;
  } catch {
    return null;
  }
}
