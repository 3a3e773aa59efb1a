// Sockets to the server: opened as whoever is signed in, and asked why when they are not.

import { at } from "../base/address.js";
import { Refusal, call } from "../base/api.js";
import * as session from "../base/session.js";

/** For one try to connect, in milliseconds. */
export const CONNECT = 15_000;

/**
 * A page sends no header with a socket but names of protocols, so the sign-in is one of them.
 * So is the token of a place in a room: what stands in an address, proxies log.
 * @param {string} path from the root of the site
 * @param {string} [member] the token
 */
export function openSocket(path, member) {
  const user = session.current();
  const protocols = ["handover"];
  if (user) protocols.push(`bearer.${user.token}`);
  if (member) protocols.push(`member.${member}`);
  return new WebSocket(at(path).replace(/^http/, "ws"), protocols);
}

/**
 * Why the server opens no socket, which browsers keep to themselves: the same address says it to a plain request. Null
 * where it would open one, or cannot be reached.
 * @param {string} path
 * @param {string} [member] the token of a place in a room
 * @returns {Promise<Refusal | null>}
 */
export async function whyNot(path, member) {
  try {
    /** @type {Record<string, string>} */
    const headers = member ? { "X-Member-Token": member } : {};
    await call("GET", path, { headers, signal: AbortSignal.timeout(CONNECT) });
    return null;
  } catch (error) {
    return error instanceof Refusal && error.code !== "upgrade_required" ? error : null;
  }
}
