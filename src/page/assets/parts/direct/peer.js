// The other end, as this one talks to it: over a connection that is made again when it breaks, in rounds with keys of
// their own.

import { Exchange } from "../../parts/direct/exchange.js";
import { DirectFailure, ended, failureOf, protocol, unconfirmed, unreachable } from "../../parts/direct/failure.js";
import { SEALED, parse as parseFrame } from "../../parts/direct/frame.js";
import { Link } from "../../parts/direct/link.js";
import { encode, parse, piece } from "../../parts/direct/message.js";

/** @typedef {import("../../parts/direct/signal.js").Role} Role */
/** @typedef {import("../../parts/direct/signal.js").Signal} Signal */
/** @typedef {import("../../parts/direct/message.js").Message} Message */
/** @typedef {import("../../parts/direct/exchange.js").Keys} Keys */

/** What happens between the two ends.
 * @typedef {{ is: "joined" } | { is: "ready", again: boolean } | { is: "message", message: Message } |
 *   { is: "peer_lost", grace: number } | { is: "connection_lost" } | { is: "connection_back" } |
 *   { is: "stalled", seconds: number }} Happening
 */

/** Where this end belongs: `token` gets the place back, `grace` is how many seconds it is kept.
 * @typedef {{ role: Role, nameplate: number, token: string, grace: number, code: string }} Place
 */

/** Time limits, in milliseconds; those of the terminal. */
const TICK = 250;
const ALIVE = 4000;
const STALL = 15_000;
const AGREE = 30_000;
const RETRY = 500;
const GOODBYE = 10_000;
/** The hub would have said by now that the other end is lost, so it is the connection that is. */
const SILENCE = 45_000;
/** Timers of a page that nobody looks at come once a minute; if they come later, the machine was asleep. */
const ASLEEP = 90_000;

/** Bytes that may wait to be read: more than a window and a long list together. Whoever sends more, floods. */
const MOST_WAITING = 32 << 20;

/** @param {Place} place */
const pathOf = ({ role, nameplate }) =>
  role === "sender" ? `api/direct/send?rejoin=${nameplate}` : `api/direct/receive/${nameplate}?rejoin=true`;

/** @param {number} milliseconds @returns {Promise<void>} */
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export class Peer {
  #place;
  /** @type {Link | null} null while the connection is made again */
  #link = null;
  /** @type {Uint8Array | null} what both share once they have confirmed the code */
  #master = null;
  /** @type {Exchange | null} */
  #exchange = null;
  /** @type {Round | null} */
  #round = null;
  #inbox = new Inbox();
  /** When this end last said something, heard something, and last looked; and when the exchange is given up. */
  #said = 0;
  #heard = 0;
  #looked = performance.now();
  #agreedBy = 0;
  #isStalled = false;
  #isOver = false;
  #timer;

  /** @param {Place} place @param {Link} link */
  constructor(place, link) {
    this.#place = place;
    this.#timer = setInterval(() => this.#look(), TICK);
    this.#attach(link);
  }

  /** The next thing that happens; rejects with the DirectFailure that ends the transfer. @returns {Promise<Happening>} */
  next() {
    return this.#inbox.next();
  }

  /** Ends the transfer: `next` rejects. @param {DirectFailure} failure */
  fail(failure) {
    this.#inbox.fail(failure);
  }

  /** Whether the two can talk. */
  get isOpen() {
    return this.#round !== null;
  }

  /** Bytes that wait to be sent. */
  get buffered() {
    return (this.#round?.sealing ?? 0) + (this.#link?.buffered ?? 0);
  }

  /** Whether anything has come since the other end was last said to have stalled. */
  wasStalled() {
    const was = this.#isStalled;
    this.#isStalled = false;
    return was;
  }

  /** Says something. Without a round it is dropped: the next one begins anew. @param {Exclude<Message, { type: "data" }>} message */
  say(message) {
    if (this.#round) this.#send(this.#round, encode(message));
  }

  /** Says a piece of a file. @param {number} entry @param {number} offset @param {boolean} last @param {Uint8Array} content */
  pass(entry, offset, last, content) {
    if (this.#round) this.#send(this.#round, piece(entry, offset, last, content));
  }

  /**
   * Tells the other end and the hub how it went, where they do not know yet.
   * @param {DirectFailure | null} failure null when all went well
   */
  async leave(failure) {
    this.#isOver = true;
    clearInterval(this.#timer);
    if (failure?.code === "local") this.say({ type: "cancel", reason: failure.message });
    // What was said goes first; only whoever leaves at once does not wait for it.
    if (failure?.code !== "stopped") await Promise.race([this.#round?.sent, sleep(GOODBYE)]);
    const code = failure ? failure.reason : this.#place.role === "sender" ? "done" : null;
    const link = this.#link;
    if (link && code) {
      await new Promise((resolve) => {
        link.listen({ signal: ({ type }) => type === "ended" && resolve(null), frame() {}, lost: () => resolve(null) });
        link.signal({ type: "end", code });
        void sleep(GOODBYE).then(resolve);
      });
    }
    this.#link = this.#round = null;
    link?.close();
  }

  /** @param {Round} round @param {Uint8Array<ArrayBuffer>} message */
  #send(round, message) {
    this.#said = performance.now();
    const sealed = round.keys.sealer.seal(message);
    round.sealing += message.length;
    round.sent = round.sent.then(async () => {
      const frame = await sealed;
      round.sealing -= message.length;
      // A frame of a round that is over would not open any more.
      if (this.#round === round) this.#link?.frame(frame);
    });
    round.sent.catch((error) => this.fail(failureOf(error)));
  }

  /** @param {Link} link */
  #attach(link) {
    this.#link = link;
    /** @param {() => void} act */
    const take = (act) => {
      if (this.#link !== link || this.#isOver) return;
      try {
        act();
      } catch (error) {
        this.fail(failureOf(error));
      }
    };
    link.listen({
      signal: (signal) => take(() => this.#signal(signal)),
      frame: (bytes) => take(() => this.#frame(bytes)),
      lost: () => take(() => this.#lost()),
    });
  }

  /** @param {Signal} signal */
  #signal(signal) {
    if (signal.type === "paired") {
      this.#exchange = new Exchange(this.#place.role, signal.round, this.#place.code, this.#master);
      this.#round = null;
      this.#agreedBy = performance.now() + AGREE;
      this.#link?.frame(this.#exchange.frame);
      this.#inbox.put({ is: "joined" });
    } else if (signal.type === "peer_lost") {
      this.#closeRound();
      this.#inbox.put({ is: "peer_lost", grace: signal.grace });
    } else if (signal.type === "ended") {
      this.#inbox.end(ended(signal.code, signal.msg));
    }
  }

  /** @param {Uint8Array<ArrayBuffer>} bytes */
  #frame(bytes) {
    const frame = parseFrame(bytes);
    if (!frame) return this.#lost();
    if (this.#round) {
      if (frame.kind === SEALED) this.#open(this.#round, frame.body);
    } else if (this.#exchange) {
      const { reply, keys, master } = this.#exchange.take(frame);
      if (reply) this.#link?.frame(reply);
      if (keys) this.#begin(keys, /** @type {Uint8Array} */ (master));
    }
  }

  /** @param {Keys} keys @param {Uint8Array} master */
  #begin(keys, master) {
    const again = this.#master !== null;
    this.#master = master;
    this.#exchange = null;
    this.#round = { keys, sent: Promise.resolve(), sealing: 0 };
    this.#heard = this.#said = performance.now();
    this.#isStalled = false;
    this.#inbox.put({ is: "ready", again });
  }

  /** @param {Round} round @param {Uint8Array<ArrayBuffer>} sealed */
  #open(round, sealed) {
    const read = async () => {
      const message = parse(await round.keys.opener.open(sealed));
      if (!message) throw protocol("a message cannot be read");
      return /** @type {const} */ ({ is: "message", message });
    };
    this.#heard = performance.now();
    this.#inbox.put(read(), sealed.length);
    if (this.#inbox.waiting > MOST_WAITING) throw protocol("it sends more than was agreed on");
    // The other end's words wake up a page whose timers sleep.
    this.#sayAlive();
  }

  #sayAlive() {
    if (performance.now() - this.#said >= ALIVE) this.say({ type: "alive" });
  }

  #look() {
    const now = performance.now();
    const slept = now - this.#looked >= ASLEEP;
    this.#looked = now;
    if (this.#exchange && now >= this.#agreedBy) return this.fail(protocol("it does not agree on keys in time"));
    const silent = this.#round && now - this.#heard >= SILENCE;
    if (this.#link && !this.#exchange && (silent || slept)) return this.#lost();
    if (!this.#round) return;
    this.#sayAlive();
    if (!this.#isStalled && now - this.#heard >= STALL) {
      this.#isStalled = true;
      this.#inbox.put({ is: "stalled", seconds: STALL / 1000 });
    }
  }

  /** Our connection has broken. */
  #lost() {
    this.#link?.close();
    this.#link = null;
    this.#closeRound();
    this.#inbox.put({ is: "connection_lost" });
    void this.#reconnect();
  }

  #closeRound() {
    const exchange = this.#exchange;
    this.#round = this.#exchange = null;
    if (exchange?.isUnconfirmed) this.fail(unconfirmed());
  }

  async #reconnect() {
    const until = performance.now() + this.#place.grace * 1000;
    let failure = unreachable();
    while (!this.#isOver && performance.now() < until) {
      await sleep(RETRY);
      try {
        const { link } = await Link.open(pathOf(this.#place), "rejoined", { token: this.#place.token });
        if (this.#isOver) return link.close();
        this.#inbox.put({ is: "connection_back" });
        return this.#attach(link);
      } catch (error) {
        failure = failureOf(error);
        if (failure.told || failure.code === "refused") break;
      }
    }
    this.fail(failure);
  }
}

/** Keys, the last frame's way out, and bytes that are being sealed.
 * @typedef {{ keys: Keys, sent: Promise<void>, sealing: number }} Round
 */

/** What has happened and was not looked at yet, in its order. */
class Inbox {
  /** @type {{ happening: Happening | Promise<Happening>, length: number }[]} */
  #queue = [];
  /** @type {DirectFailure | null} */
  #failure = null;
  /** @type {(() => void) | null} */
  #wake = null;
  /** Bytes that wait. */
  waiting = 0;

  /** @param {Happening | Promise<Happening>} happening @param {number} [length] */
  put(happening, length = 0) {
    if (happening instanceof Promise) happening.catch(() => {}); // it is told when its turn comes
    this.#queue.push({ happening, length });
    this.waiting += length;
    this.#wake?.();
  }

  /** Nothing comes any more: what is there is still looked at. @param {DirectFailure} failure */
  end(failure) {
    this.put(Promise.reject(failure));
  }

  /** Nothing is looked at any more. @param {DirectFailure} failure */
  fail(failure) {
    this.#failure ??= failure;
    this.#wake?.();
  }

  /** @returns {Promise<Happening>} */
  async next() {
    for (;;) {
      if (this.#failure) throw this.#failure;
      const first = this.#queue.shift();
      if (first) {
        this.waiting -= first.length;
        const happening = await first.happening;
        if (this.#failure) throw this.#failure;
        return happening;
      }
      await new Promise((resolve) => (this.#wake = () => resolve(null)));
      this.#wake = null;
    }
  }
}
