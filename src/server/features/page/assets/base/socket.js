// Sockets to the server: opened as whoever is signed in, and asked why when they are not.

import { at } from "../base/address.js";
import { Refusal, call } from "../base/api.js";
import * as session from "../base/session.js";

/** For one try to connect, in milliseconds. */
export const CONNECT = 15_000;

/**
 * A page sends no header with a socket but names of protocols, so the sign-in is one of them.
 * @param {string} path from the root of the site
 */
export function openSocket(path) {
  const user = session.current();
  return new WebSocket(at(path).replace(/^http/, "ws"), user ? ["handover", `bearer.${user.token}`] : ["handover"]);
}

/**
 * Why the server opens no socket, which browsers keep to themselves: the same address says it to a plain request. Null
 * where it would open one, or cannot be reached.
 * @param {string} path
 * @returns {Promise<Refusal | null>}
 */
export async function whyNot(path) {
  try {
    await call("GET", path, { signal: AbortSignal.timeout(CONNECT) });
    return null;
  } catch (error) {
    return error instanceof Refusal && error.code !== "upgrade_required" ? error : null;
  }
}
