// What the two ends say to each other inside the encryption. The first byte tells the form: 0 is JSON, told apart by
// `type`, and 1 is a piece of a file:
//
//   1 ‖ flags, 1 byte ‖ file, 4 bytes ‖ offset, 8 bytes ‖ content          flags: 1 = the last piece of this file

import { local } from "../../direct/engine/failure.js";
import { OVERHEAD } from "../../direct/engine/seal.js";
import { words } from "../../direct/words.js";

/** Bytes of content in one piece. */
export const PIECE = 64 * 1024;
export const LARGEST_FRAME = PIECE + 64;
/** Largest text of an offer, in bytes. */
export const LARGEST_TEXT = 32 * 1024;
/** Entries of all offers together. */
export const MOST_ENTRIES = 100_000;

const HEADER = 14;
const LAST = 1;

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * A file or an empty folder. Its number is its place in the list.
 * @typedef {{ path: string, size: number | null, folder?: boolean }} Entry
 */

/**
 * @typedef {{ type: "offer", text?: string, entries: Entry[], last: boolean }} Offer
 * @typedef {{ type: "data", entry: number, offset: number, last: boolean, content: Uint8Array }} Data
 * @typedef {{ entry: number, offset: number, digest?: string }} Start
 * @typedef {{ type: "skipped", entry: number, reason: string }} Skipped no content of this entry comes, or no more
 * @typedef {{ type: "accept", entries?: number[], ranges?: [number, number][], window: number, start?: Start }} Accept
 * @typedef {{ type: "rtc", description?: RTCSessionDescriptionInit, candidate?: RTCIceCandidateInit }} Rtc
 * @typedef {Offer | Data | Skipped | Accept | { type: "decline" } | { type: "ack", bytes: number, window?: number } |
 *   { type: "received" } |
 *   { type: "alive" } | { type: "paused", paused: boolean } | { type: "cancel", reason: string } |
 *   { type: "probe" } | { type: "ended", code: import("../../direct/engine/signal.js").End } |
 *   Rtc | { type: "moved", path: number } | { type: "unknown" }} Message
 */

/** @param {Exclude<Message, Data>} message */
export function encode(message) {
  const bytes = utf8.encode(`\0${JSON.stringify(message)}`);
  if (bytes.length + OVERHEAD > LARGEST_FRAME) throw local(words.directTooLong);
  return bytes;
}

/** @param {number} entry @param {number} offset @param {boolean} last @param {Uint8Array} content */
export function piece(entry, offset, last, content) {
  const bytes = new Uint8Array(HEADER + content.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = 1;
  bytes[1] = last ? LAST : 0;
  view.setUint32(2, entry);
  view.setUint32(6, Math.floor(offset / 2 ** 32));
  view.setUint32(10, offset >>> 0);
  bytes.set(content, HEADER);
  return bytes;
}

/**
 * Reads what a sealed frame held; null if it is none of ours.
 * @param {Uint8Array} bytes
 * @returns {Message | null}
 */
export function parse(bytes) {
  if (bytes[0] === 1) return data(bytes);
  if (bytes[0] !== 0) return null;
  try {
    return known(JSON.parse(fromUtf8.decode(bytes.subarray(1))));
  } catch {
    return null;
  }
}

/** @param {Uint8Array} bytes @returns {Data | null} */
function data(bytes) {
  if (bytes.length < HEADER || bytes.length > HEADER + PIECE || bytes[1] > LAST) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const offset = view.getUint32(6) * 2 ** 32 + view.getUint32(10);
  const content = bytes.subarray(HEADER);
  if (!Number.isSafeInteger(offset + content.length)) return null;
  return { type: "data", entry: view.getUint32(2), offset, last: bytes[1] === LAST, content };
}

/** @param {unknown} value */
const isCount = (value) => Number.isSafeInteger(value) && Number(value) >= 0;

/** @param {any} entry */
const isEntry = (entry) =>
  typeof entry?.path === "string" &&
  (entry.size == null || isCount(entry.size)) &&
  (entry.folder === undefined || typeof entry.folder === "boolean");

/** First and last numbers. @param {any} range */
const isRange = (range) =>
  Array.isArray(range) && range.length === 2 && range.every(isCount) && range[0] <= range[1] && range[1] < MOST_ENTRIES;

/** @param {any} start */
const isStart = (start) =>
  isCount(start.entry) && isCount(start.offset) && (start.digest == null || typeof start.digest === "string");

/** What each message has to be for us to go by it. @type {Record<string, (message: any) => boolean>} */
const FORMS = {
  offer: ({ text, entries, last }) =>
    (text == null || typeof text === "string") &&
    Array.isArray(entries) &&
    entries.every(isEntry) &&
    typeof last === "boolean",
  skipped: ({ entry, reason }) => isCount(entry) && typeof reason === "string",
  accept: ({ entries, ranges, window, start }) =>
    (entries == null || (Array.isArray(entries) && entries.every(isCount))) &&
    (ranges == null || (Array.isArray(ranges) && ranges.every(isRange))) &&
    isCount(window) &&
    (start == null || isStart(start)),
  decline: () => true,
  ack: ({ bytes, window }) => isCount(bytes) && (window == null || isCount(window)),
  received: () => true,
  alive: () => true,
  probe: () => true,
  ended: ({ code }) => typeof code === "string",
  paused: ({ paused }) => typeof paused === "boolean",
  cancel: ({ reason }) => typeof reason === "string",
  rtc: ({ description, candidate }) =>
    (description == null || typeof description.sdp === "string") &&
    (candidate == null || typeof candidate.candidate === "string"),
  moved: ({ path }) => isCount(path),
};

/** @param {any} message @returns {Message | null} */
function known(message) {
  if (typeof message?.type !== "string" || message.type === "data") return null;
  const form = Object.hasOwn(FORMS, message.type) && FORMS[message.type];
  // Versions may differ: what is not known is passed over.
  if (!form) return { type: "unknown" };
  return form(message) ? message : null;
}

/**
 * Cuts a list into offers that fit into a frame each.
 * @param {string | undefined} text
 * @param {Entry[]} entries
 * @returns {Offer[]}
 */
export function offers(text, entries) {
  // JSON writes a byte with six at most, `\u0000`.
  const room = Math.floor(PIECE / 6);
  if (text !== undefined && utf8.encode(text).length > LARGEST_TEXT) throw local(words.directTextTooLong);
  if (entries.length > MOST_ENTRIES) throw local(words.directTooMany(MOST_ENTRIES));
  /** @type {Offer[]} */
  const offers = [
    { type: "offer", ...(text === undefined ? {} : { text: wellFormed(text) }), entries: [], last: false },
  ];
  let used = text === undefined ? 0 : room; // a text has the first one for itself
  for (const { path, ...rest } of entries) {
    const length = utf8.encode(path).length + 16;
    if (used + length > room) {
      offers.push({ type: "offer", entries: [], last: false });
      used = 0;
    }
    used += length;
    offers[offers.length - 1].entries.push({ path: wellFormed(path), ...rest });
  }
  offers[offers.length - 1].last = true;
  return offers;
}

/** Half a character, which no UTF-8 holds, is replaced. @param {string} text */
function wellFormed(text) {
  return text.replace(/\p{Surrogate}/gu, "\ufffd");
}
