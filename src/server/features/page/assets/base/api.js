// Calls to the server's API.

import { at } from "../base/address.js";
import { learn } from "../base/clock.js";
import * as session from "../base/session.js";
import { words } from "../base/words.js";

/** The server said no, and why: a problem document (RFC 9457). */
export class Refusal extends Error {
  /**
   * @param {number} status
   * @param {{ code?: string, msg?: string }} problem
   */
  constructor(status, problem) {
    super(problem.msg ?? (status === 413 ? words.tooLargeOnTheWay : words.failed));
    this.status = status;
    this.code = problem.code ?? "";
  }

  /** Whether the same may go well later. */
  get passes() {
    return this.status === 408 || this.status === 429 || this.status >= 500;
  }

  /** Whether it says nothing of what was asked, only of this moment: the server is busy, is started anew, is not reached. */
  get isOfNow() {
    return [408, 425, 429, 502, 503, 504].includes(this.status) || this.code === "request_running";
  }

  /** Whether it is said of what was sent, and not of who sent it or where to. */
  get isOfContent() {
    return [400, 413, 415, 422, 507].includes(this.status);
  }
}

/** A file cannot be read any more. */
export class Unreadable extends Error {
  constructor() {
    super(words.unreadable);
  }
}

/** There was no answer. */
export class Broken extends Error {
  constructor() {
    super(words.broken);
  }
}

/**
 * @typedef {object} Options
 * @property {unknown} [json] the body
 * @property {FormData} [form] the body
 * @property {Record<string, string>} [headers]
 * @property {AbortSignal} [signal]
 */

/**
 * Calls the API and gives back the answer's JSON, or null if it has none.
 * @param {string} method
 * @param {string} path from the root of the site
 * @param {Options} [options]
 * @returns {Promise<any>}
 */
export async function call(method, path, { json, form, headers, signal } = {}) {
  const all = { ...authorization(), ...headers };
  if (json !== undefined) all["Content-Type"] = "application/json";
  const body = json === undefined ? form : JSON.stringify(json);
  /** @type {Response} */
  let response;
  try {
    response = await fetch(at(path), { method, headers: all, body, signal, cache: "no-store" });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Broken();
  }
  learn(response.headers.get("date"));
  const answer = await response.json().catch(() => null);
  if (response.ok) return answer;
  throw refusal(response.status, answer);
}

/** The header that tells who calls. @returns {Record<string, string>} */
export function authorization() {
  const kept = session.current();
  return kept ? { Authorization: `Bearer ${kept.token}` } : {};
}

/**
 * What a refusal means, here and for the sign-in.
 * @param {number} status
 * @param {any} problem
 */
export function refusal(status, problem) {
  const said = new Refusal(status, problem ?? {});
  if (said.code === "invalid_token") session.end();
  return said;
}

/** A name for a request, or for anything else, that nobody guesses: a UUID, which browsers make themselves over https alone. */
export function newKey() {
  const hex = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join(
    "",
  );
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** What to tell a person about a failure. @param {unknown} error */
export function told(error) {
  return error instanceof Refusal || error instanceof Broken || error instanceof Unreadable
    ? error.message
    : words.failed;
}
