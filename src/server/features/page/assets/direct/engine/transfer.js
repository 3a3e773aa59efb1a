// What both ends have in common: how a transfer begins, how it is stopped, how it ends.

import { failureOf, stopped } from "../../direct/engine/failure.js";
import { Peer } from "../../direct/engine/peer.js";

/** @typedef {import("../../direct/engine/link.js").Link} Link */
/** @typedef {import("../../direct/engine/peer.js").Place} Place */
/** @typedef {import("../../direct/engine/message.js").Entry} Entry */

/** What was transferred. @typedef {{ files: number, bytes: number, seconds: number }} Summary */

/**
 * What to tell the person at this end; the terminal's events.
 * @typedef {{ event: "code", code: string, page_url: string, expires_in: number } |
 *   { event: "time_left", seconds: number } | { event: "peer_joined" } | { event: "confirmed" } |
 *   { event: "offered", entries: Entry[], bytes: number } | { event: "text", text: string } |
 *   { event: "accepted", files: number, bytes: number } |
 *   { event: "file_started", entry: number, path: string, size: number | null, offset: number } |
 *   { event: "progress", entry: number | null, bytes: number, total: number | null, rate: number,
 *     remaining: number | null } |
 *   { event: "file_done", entry: number, path: string, bytes: number } |
 *   { event: "file_skipped", entry: number, path: string, reason: string } |
 *   { event: "peer_paused", paused: boolean } | { event: "peer_stalled", seconds: number } |
 *   { event: "peer_lost", grace: number } | { event: "peer_back" } | { event: "connection_lost" } |
 *   { event: "connection_back" } | { event: "path", direct: boolean } |
 *   ({ event: "done" } & Summary) | { event: "failed", code: string, msg: string }} Event
 */

/** How often progress and remaining time are told, in milliseconds. */
export const TICK = 250;

/**
 * Runs one end to its end. Whoever leaves the page cancels.
 * @param {(event: Event) => void} onEvent
 * @param {(tell: (event: Event) => void, stop: AbortSignal) => Promise<Summary>} work
 * @returns {{ cancel: () => void, done: Promise<Summary> }} `done` rejects with a DirectFailure
 */
export function begin(onEvent, work) {
  const stop = new AbortController();
  const cancel = () => stop.abort();
  /** @param {Event} event */
  const tell = (event) => {
    try {
      onEvent(event);
    } catch (error) {
      reportError(error);
    }
  };
  addEventListener("pagehide", cancel);
  const run = async () => {
    try {
      const summary = await work(tell, stop.signal);
      tell({ event: "done", ...summary });
      return summary;
    } catch (error) {
      const failure = failureOf(error);
      tell({ event: "failed", code: failure.code, msg: failure.message });
      throw failure;
    } finally {
      removeEventListener("pagehide", cancel);
    }
  };
  const done = run();
  done.catch(() => {}); // whoever goes by the events needs not look at it
  return { cancel, done };
}

/**
 * Carries on with the other end until it is over, and says goodbye.
 * @param {Place} place
 * @param {Link} link
 * @param {AbortSignal} stop
 * @param {boolean} relayed never past the server
 * @param {(peer: Peer) => Promise<Summary>} run
 */
export async function carryOn(place, link, stop, relayed, run) {
  const peer = new Peer(place, link, relayed);
  const end = () => peer.fail(stopped());
  stop.addEventListener("abort", end);
  if (stop.aborted) end();
  try {
    const summary = await run(peer);
    await peer.leave(null);
    return summary;
  } catch (error) {
    const failure = failureOf(error);
    await peer.leave(failure);
    throw failure;
  } finally {
    stop.removeEventListener("abort", end);
  }
}

/**
 * What to tell of a connection that breaks or comes back.
 * @param {import("../../direct/engine/inbox.js").Happening} happening
 * @returns {Event | null}
 */
export function eventOf(happening) {
  switch (happening.is) {
    case "ready":
      return { event: happening.again ? "peer_back" : "confirmed" };
    case "path":
      return { event: "path", direct: happening.direct };
    case "peer_lost":
      return { event: "peer_lost", grace: happening.grace };
    case "stalled":
      return { event: "peer_stalled", seconds: happening.seconds };
    case "connection_lost":
    case "connection_back":
      return { event: happening.is };
    default:
      return null;
  }
}
