// A member's socket: it comes back by itself after whatever breaks, misses nothing, and says nothing twice.
//
// Events have numbers; whoever comes back asks for those after the last it has. What one says has a name of its own
// (`ref`), is kept until the room confirms it, and is said again until then: the room knows it by its name.

import { Pauses } from "../base/pauses.js";
import { openSocket, whyNot } from "../base/socket.js";

/** @typedef {import("../room/api.js").RoomEvent} RoomEvent */
/** @typedef {import("../room/memory.js").Unsent} Unsent */
/** @typedef {{ id: string, name: string, away: boolean }} Member */
/** @typedef {{ file_id: string, by: string, at: string }} Fetched */

/**
 * @typedef {object} Welcome
 * @property {{ id: string, name: string, token?: string, key?: string }} you
 * @property {{ title: string, locked: boolean, expires_at: string }} room
 * @property {Member[]} members
 * @property {RoomEvent[]} history
 * @property {boolean} more
 * @property {Fetched[]} fetched
 */

/**
 * @typedef {object} Listener
 * @property {(welcome: Welcome, first: boolean) => void} welcome one is in; the first time or again
 * @property {(events: RoomEvent[], live: boolean) => void} events in their order; `live` as they happen
 * @property {(word: any) => void} word what is said and forgotten
 * @property {(unsent: Unsent) => void} refusedMessage the room does not take it
 * @property {(tries: number) => void} lost it is tried again, after so many tries
 * @property {(error: unknown) => void} refused one is not let in
 * @property {(code: string, msg: string) => void} over for good: replaced, removed, ended, left
 */

/** The first and the longest pause between two tries, in milliseconds. */
const FIRST_WAIT = 500;
const LAST_WAIT = 30_000;
/** A connection that has stood for so long was a good one. */
const GOOD = 5000;

/** After this long without a word the room is asked whether it is there, and this long it may take to answer. */
const SILENCE = 20_000;
const PATIENCE = 8000;

/** Messages on their way at a time, and how long to wait when that is too many. */
const AT_ONCE = 4;
const PAUSE = 2000;

/** What ends it. */
const FINAL = ["replaced", "removed"];

export class RoomSocket {
  /** The number of the last event. */
  last = 0;
  /** Whether one is in the room now. */
  isOpen = false;

  #room;
  #memory;
  #listener;
  /** @type {WebSocket | null} */
  #socket = null;
  /** Refs of what is on its way. @type {Set<string>} */
  #sent = new Set();
  /** The event after which all is known that was said before; what was said under another id may be among it. */
  #resendAfter = "";
  #wasIn = false;
  #isOver = false;
  #pauses = new Pauses(FIRST_WAIT, LAST_WAIT);
  /** Ends a pause. */
  #stop = new AbortController();
  #openedAt = 0;
  #heardAt = 0;
  #askedAt = 0;

  /**
   * @param {import("../room/api.js").Room} room
   * @param {import("../room/memory.js").RoomMemory} memory
   * @param {Listener} listener
   */
  constructor(room, memory, listener) {
    this.#room = room;
    this.#memory = memory;
    this.#listener = listener;
    setInterval(() => this.#watch(), 2000);
    window.addEventListener("online", () => this.#ask());
    window.addEventListener("offline", () => this.#ask());
    document.addEventListener("visibilitychange", () => document.hidden || this.#ask());
  }

  /** @returns {import("../room/memory.js").Seat} */
  get seat() {
    return this.#memory.seat ?? { name: "", mine: [], unsent: [] };
  }

  /** Takes the place in the room, or takes it back. */
  connect() {
    this.#isOver = false;
    this.#drop();
    const socket = openSocket(this.#path, this.seat.token);
    this.#socket = socket;
    this.#openedAt = this.#heardAt = performance.now();
    this.#askedAt = 0;
    socket.addEventListener("message", (message) => this.#socket === socket && this.#hear(JSON.parse(message.data)));
    socket.addEventListener("close", () => this.#socket === socket && this.#closed());
  }

  /** @param {string} text @returns {Unsent} */
  say(text) {
    const message = { ref: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`, text };
    this.#keep([...this.seat.unsent, message]);
    this.#flush();
    return message;
  }

  /** Says again what was refused. @param {string} ref */
  again(ref) {
    this.#keep(this.seat.unsent.map((one) => (one.ref === ref ? { ref, text: one.text } : one)));
    this.#flush();
  }

  /** Says it no more. @param {string} ref */
  giveUp(ref) {
    this.#keep(this.seat.unsent.filter((one) => one.ref !== ref));
  }

  typing() {
    this.#send({ type: "typing" });
  }

  leave() {
    this.#send({ type: "leave" });
    this.#end("left", "");
  }

  get #path() {
    const query = new URLSearchParams({ name: this.seat.name });
    if (this.last > 0) query.set("after", String(this.last));
    return `${this.#room.path}/socket?${query}`;
  }

  /** @param {any} word */
  #hear(word) {
    this.#heardAt = performance.now();
    this.#askedAt = 0;
    if (word.type === "welcome") this.#welcomed(word);
    else if (word.type === "history") this.#take(word.history, false);
    else if (word.type === "error") this.#failed(word);
    else if (word.type === "ended") this.#end("ended", word.msg);
    else if (typeof word.id === "number") this.#take([word], true);
    else if (word.type !== "pong") {
      if (word.type === "stored") this.#stored(word.ref);
      this.#listener.word(word);
    }
  }

  /** @param {Welcome} welcome */
  #welcomed(welcome) {
    const { id, name, token, key } = welcome.you;
    const before = this.seat;
    const isNew = token !== undefined;
    const mine = [...before.mine.filter((other) => other !== id), id];
    this.#memory.seat = { ...before, name, mine, ...(isNew ? { token, key } : {}) };
    this.#sent.clear();
    this.#resendAfter = isNew && before.unsent.length > 0 ? id : "";
    this.isOpen = true;
    this.#listener.welcome(welcome, !this.#wasIn);
    this.#wasIn = true;
    this.#take(welcome.history, false);
    this.#flush();
  }

  /** @param {RoomEvent[]} events @param {boolean} live */
  #take(events, live) {
    const fresh = events.filter((event) => event.id > this.last);
    if (fresh.length === 0) return;
    this.last = fresh.at(-1)?.id ?? this.last;
    const { mine, unsent } = this.seat;
    const refs = fresh.map((event) => (event.type === "message" && mine.includes(event.from_id) ? event.ref : null));
    const left = unsent.filter((one) => !refs.includes(one.ref));
    if (left.length < unsent.length) this.#keep(left);
    for (const ref of refs) if (ref) this.#sent.delete(ref);
    this.#listener.events(fresh, live);
    if (fresh.some((event) => event.type === "joined" && event.member === this.#resendAfter)) this.#resendAfter = "";
    this.#flush();
  }

  /** It was said before: its event may have been removed since, and never come. @param {string} ref */
  #stored(ref) {
    this.#sent.delete(ref);
    this.giveUp(ref);
    this.#flush();
  }

  /** @param {{ code: string, msg: string, ref?: string }} error */
  #failed({ code, msg, ref }) {
    if (FINAL.includes(code)) return this.#end(code, msg);
    if (!ref) return; // the socket is closed next
    this.#sent.delete(ref);
    if (code === "too_many_requests") return void setTimeout(() => this.#flush(), PAUSE);
    const refused = this.seat.unsent.map((one) => (one.ref === ref ? { ...one, refusal: msg } : one));
    this.#keep(refused);
    for (const one of refused) if (one.ref === ref) this.#listener.refusedMessage(one);
    this.#flush();
  }

  /** Says what is not said yet, in its order. */
  #flush() {
    if (!this.isOpen || this.#resendAfter) return;
    for (const { ref, text, refusal } of this.seat.unsent) {
      if (this.#sent.size >= AT_ONCE) return;
      if (refusal !== undefined || this.#sent.has(ref)) continue;
      this.#sent.add(ref);
      this.#send({ type: "message", text, ref });
    }
  }

  /** @param {Unsent[]} unsent */
  #keep(unsent) {
    this.#memory.seat = { ...this.seat, unsent };
  }

  /** @param {object} word */
  #send(word) {
    if (this.isOpen) this.#socket?.send(JSON.stringify(word));
  }

  /** A dead connection says nothing; a living one answers. */
  #watch() {
    const now = performance.now();
    const silence = now - this.#heardAt;
    if (!this.#socket) return;
    if (!this.isOpen && silence > SILENCE) this.#closed();
    else if (this.#askedAt && now - this.#askedAt > PATIENCE) this.#closed();
    else if (silence > SILENCE) this.#ask();
  }

  #ask() {
    if (!this.isOpen || this.#askedAt) return;
    this.#askedAt = performance.now();
    this.#send({ type: "ping" });
  }

  async #closed() {
    const wasOpen = this.isOpen;
    if (wasOpen && performance.now() - this.#openedAt > GOOD) this.#pauses.reset();
    this.#drop();
    if (this.#isOver) return;
    this.#listener.lost(this.#pauses.tries);
    if (!wasOpen && (await this.#isRefused())) return;
    if (this.#isOver || this.#socket) return;
    const { signal } = (this.#stop = new AbortController());
    await this.#pauses.wait(signal);
    if (!signal.aborted) this.connect();
  }

  /** Whether the room lets one in no more; what passes is tried again. */
  async #isRefused() {
    const error = await whyNot(this.#path, this.seat.token);
    if (!error || error.passes || error.code === "invalid_token") return false;
    const { seat } = this;
    if (error.code === "not_a_member" && seat.token) {
      // Away for too long: as somebody new, under the same name.
      this.#memory.seat = { ...seat, token: undefined, key: undefined };
      this.connect();
    } else {
      this.#isOver = true;
      this.#listener.refused(error);
    }
    return true;
  }

  #drop() {
    const socket = this.#socket;
    this.#stop.abort();
    this.#socket = null;
    this.isOpen = false;
    this.#sent.clear();
    socket?.close();
  }

  /** @param {string} code @param {string} msg */
  #end(code, msg) {
    this.#isOver = true;
    this.#stop.abort();
    this.#listener.over(code, msg);
  }
}
