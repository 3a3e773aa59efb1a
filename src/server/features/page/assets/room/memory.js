// What this browser keeps of rooms: the name that one goes by, the keys of rooms made here, and one's place in a room.
//
// The place lives in sessionStorage, so that a tab that is loaded again is the same member,
// and another tab is another one.

import { site } from "../base/address.js";
import { forgetKey, keepKey, keptKey } from "../base/keys.js";
import { browser, tab } from "../base/storage.js";

/**
 * A message that the room has not confirmed.
 * @typedef {{ ref: string, text: string, refusal?: string }} Unsent
 */

/**
 * A place in a room. Without a token it is yet to be taken.
 * @typedef {object} Seat
 * @property {string} name
 * @property {string} [token] gives the place back after a broken connection
 * @property {string} [key] for the addresses of files
 * @property {string[]} mine the ids that one had, the present one last
 * @property {Unsent[]} unsent
 */

const NAME = `handover${site}name`;

/** What one goes by. */
export const ownName = {
  get: () => browser.get(NAME) ?? "",
  /** @param {string} name */
  set: (name) => void browser.set(NAME, name),
};

export class RoomMemory {
  #what;
  #room;

  /** @param {string} code */
  constructor(code) {
    this.#what = `room/${code}`;
    this.#room = `handover${site}room/${code}`;
  }

  /** The key of whoever made the room; empty for others. */
  get manageKey() {
    return keptKey(this.#what);
  }

  /** @param {string} key @returns {boolean} whether another page will find it */
  keepKey(key) {
    return keepKey(this.#what, key);
  }

  /** @returns {Seat | null} */
  get seat() {
    try {
      return JSON.parse(tab.get(this.#room) ?? "null");
    } catch {
      return null; // not ours: as good as none
    }
  }

  /** @param {Seat | null} seat */
  set seat(seat) {
    if (seat) tab.set(this.#room, JSON.stringify(seat));
    else tab.remove(this.#room);
  }

  /** The room is over. */
  forget() {
    forgetKey(this.#what);
    this.seat = null;
  }
}

/** A place that is to be taken under a name. @param {string} name @returns {Seat} */
export function newSeat(name) {
  return { name, mine: [], unsent: [] };
}
