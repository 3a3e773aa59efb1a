// What this end and the hub say to each other: JSON in text messages, told apart by `type`.

/** @typedef {"sender" | "receiver"} Role */

/**
 * How a transfer ends.
 * @typedef {"done" | "cancelled" | "wrong_code" | "tampered" | "declined" | "failed" | "unknown_code" | "expired_code" |
 *   "code_in_use" | "peer_lost" | "evicted" | "quota_exceeded" | "replaced" | "stopping" | "bad_message" |
 *   "away_too_long" | "restarted"} End
 */

/**
 * @typedef {{ type: "code", nameplate: number, expires_in: number, token: string, grace: number, page_url: string }} Code
 * @typedef {{ type: "joined", nameplate: number, token: string, grace: number }} Joined
 * @typedef {{ type: "rejoined", nameplate: number }} Rejoined
 * @typedef {{ type: "paired", round: number }} Paired
 * @typedef {{ type: "waiting" }} Waiting whoever had come has not the code; it waits on
 * @typedef {{ type: "ice", ice_servers: RTCIceServer[] }} Ice once both ends have confirmed the code
 * @typedef {{ type: "peer_lost", grace: number }} PeerLost
 * @typedef {{ type: "ended", code: End, by?: Role, msg: string }} Ended
 * @typedef {Code | Joined | Rejoined | Paired | Waiting | Ice | PeerLost | Ended} Signal
 */

/** Whether an end says no more than that the hub has lost somebody: a direct way may go on. @param {End} code */
export const isOfTheConnection = (code) =>
  ["unknown_code", "peer_lost", "away_too_long", "restarted", "stopping"].includes(code);

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
