// A room as the API has it, for its members and, with the key, for its maker.

import { at, segment } from "../base/address.js";
import { call } from "../base/api.js";

/**
 * @typedef {object} Shown what whoever has the code may see
 * @property {string} title
 * @property {number} members
 * @property {boolean} locked
 */

/** @typedef {{ type: "joined", id: number, member: string, name: string, at: string }} Joined */
/** @typedef {{ type: "left", id: number, member: string, name: string, reason: "left" | "lost" | "removed", at: string }} Left */
/** @typedef {{ type: "message", id: number, from: string, from_id: string, text: string, at: string, ref?: string }} Message */
/** @typedef {{ type: "file", id: number, from: string, from_id: string, file_id: string, filename: string, size: number, at: string }} SharedFile */
/** @typedef {{ type: "removed", id: number, of: number, at: string }} Removed */
/** @typedef {{ type: "changed", id: number, title: string, locked: boolean, at: string }} Changed */
/** @typedef {Joined | Left | Message | SharedFile | Removed | Changed} RoomEvent */

export class Room {
  #key;

  /** @param {string} code @param {string} key the maker's; it goes into a header and nowhere else */
  constructor(code, key) {
    this.code = code;
    this.path = `api/rooms/${segment(code)}`;
    this.#key = key;
  }

  /** @param {string} title @returns {Promise<{ room: string, manage_key: string }>} */
  static make(title) {
    return call("POST", "api/rooms", { json: { title } });
  }

  get isMine() {
    return this.#key !== "";
  }

  /** The address to pass on. */
  get address() {
    return at(`r/${this.code}`);
  }

  /** The address that makes whoever opens it the maker. */
  get makersAddress() {
    return `${this.address}#${this.#key}`;
  }

  /** @returns {Promise<Shown>} */
  show() {
    return call("GET", this.path);
  }

  /** @param {string} token @param {number} before @returns {Promise<{ events: RoomEvent[], more: boolean }>} */
  older(token, before) {
    return call("GET", `${this.path}/events?before=${before}`, { headers: { "X-Member-Token": token } });
  }

  /**
   * The server has given the browser a cookie with the socket. Only one that takes none needs the key, which a proxy may log.
   * @param {string} file
   * @param {string} key the member's
   */
  addressOf(file, key) {
    const address = at(`${this.path}/files/${segment(file)}`);
    return navigator.cookieEnabled ? address : `${address}?key=${segment(key)}`;
  }

  /** For a look, which is not told as a fetch. @param {string} file @param {string} key the member's */
  previewOf(file, key) {
    const address = this.addressOf(file, key);
    return `${address}${address.includes("?") ? "&" : "?"}preview=true`;
  }

  /** @param {{ title?: string, locked?: boolean }} change */
  change(change) {
    return this.#manage("PATCH", "", change);
  }

  /** @param {number} event */
  removeEvent(event) {
    return this.#manage("DELETE", `/events/${event}`);
  }

  /** @param {string} member */
  removeMember(member) {
    return this.#manage("DELETE", `/members/${segment(member)}`);
  }

  end() {
    return this.#manage("DELETE", "");
  }

  /** @param {string} method @param {string} rest @param {unknown} [json] @returns {Promise<void>} */
  async #manage(method, rest, json) {
    await call(method, this.path + rest, { json, headers: { "X-Manage-Key": this.#key } });
  }
}
