// What this browser keeps of rooms: the name that one goes by, the keys of rooms made here, and one's place in a room.
//
// The maker's key comes in the fragment of an address and moves from there into localStorage: what stands in the address
// bar is what people pass on. The place lives in sessionStorage, so that a tab that is loaded again is the same member,
// and another tab is another one.

import { site } from "../base/address.js";

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
  get: () => localStorage.getItem(NAME) ?? "",
  /** @param {string} name */
  set: (name) => localStorage.setItem(NAME, name),
};

export class RoomMemory {
  #room;

  /** @param {string} code */
  constructor(code) {
    this.#room = `handover${site}room/${code}`;
  }

  /** The key of whoever made the room; empty for others. */
  get manageKey() {
    return localStorage.getItem(this.#room) ?? "";
  }

  set manageKey(key) {
    localStorage.setItem(this.#room, key);
  }

  /** @returns {Seat | null} */
  get seat() {
    try {
      return JSON.parse(sessionStorage.getItem(this.#room) ?? "null");
    } catch {
      return null; // not ours: as good as none
    }
  }

  /** @param {Seat | null} seat */
  set seat(seat) {
    if (seat) sessionStorage.setItem(this.#room, JSON.stringify(seat));
    else sessionStorage.removeItem(this.#room);
  }

  /** The room is over. */
  forget() {
    localStorage.removeItem(this.#room);
    this.seat = null;
  }
}

/** A place that is to be taken under a name. @param {string} name @returns {Seat} */
export function newSeat(name) {
  return { name, mine: [], unsent: [] };
}
