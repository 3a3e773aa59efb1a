// The other end, as this one talks to it: over a connection that is made again when it breaks, in rounds with keys of
// their own.

import { Pauses } from "../../base/pauses.js";
import { Exchange } from "../../direct/engine/exchange.js";
import {
  DirectFailure,
  cancelledByPeer,
  ended,
  failureOf,
  protocol,
  unconfirmed,
  unreachable,
} from "../../direct/engine/failure.js";
import { SEALED, parse as parseFrame } from "../../direct/engine/frame.js";
import { Inbox } from "../../direct/engine/inbox.js";
import { Link } from "../../direct/engine/link.js";
import { encode, piece } from "../../direct/engine/message.js";
import { Round } from "../../direct/engine/round.js";

/** @typedef {import("../../direct/engine/signal.js").Role} Role */
/** @typedef {import("../../direct/engine/signal.js").Signal} Signal */
/** @typedef {import("../../direct/engine/message.js").Message} Message */
/** @typedef {import("../../direct/engine/exchange.js").Keys} Keys */
/** @typedef {import("../../direct/engine/inbox.js").Happening} Happening */

/** Where this end belongs: `token` gets the place back, `grace` is how many seconds it is kept.
 * @typedef {{ role: Role, nameplate: number, token: string, grace: number, code: string }} Place
 */

/** Time limits, in milliseconds; those of the terminal. */
const TICK = 250;
const ALIVE = 4000;
const STALL = 15_000;
const AGREE = 30_000;
const RETRY = 500;
const LAST_RETRY = 2000;
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
  /** @type {RTCIceServer[] | null} */
  #servers;
  /** @type {Link | null} null while the connection is made again */
  #link = null;
  /** @type {Uint8Array | null} what both share once they have confirmed the code */
  #master = null;
  /** @type {Exchange | null} */
  #exchange = null;
  /** @type {Round | null} */
  #round = null;
  /** The round that whoever asks what happens knows of. @type {Round | null} */
  #known = null;
  #inbox = new Inbox();
  /** When this end last said something, heard something, and last looked; and when the exchange is given up. */
  #said = 0;
  #heard = 0;
  #looked = performance.now();
  #agreedBy = 0;
  #isStalled = false;
  #isDirect = false;
  #isOver = false;
  #timer;

  /**
   * @param {Place} place
   * @param {Link} link
   * @param {RTCIceServer[] | null} servers that help to find a direct way; null to stay on the relay
   */
  constructor(place, link, servers) {
    this.#place = place;
    this.#servers = servers;
    this.#timer = setInterval(() => this.#look(), TICK);
    this.#attach(link);
  }

  /** The next thing that happens; rejects with the DirectFailure that ends the transfer. @returns {Promise<Happening>} */
  async next() {
    for (;;) {
      const { round, ...happening } = await this.#inbox.next();
      if (happening.is === "ready") this.#known = round ?? null;
      if (happening.is !== "message") return happening;
      // What is left over from a round that is over comes once more.
      if (round === this.#round) return happening;
    }
  }

  /** Rejects when the transfer ends, also for whoever does not come to ask what is next. */
  get failed() {
    return this.#inbox.failed;
  }

  /** Ends the transfer: `next` rejects. @param {DirectFailure} failure */
  fail(failure) {
    this.#inbox.fail(failure);
  }

  /** Bytes that wait to be sent. */
  get buffered() {
    return this.#round?.buffered ?? 0;
  }

  /** Whether anything has come since the other end was last said to have stalled. */
  wasStalled() {
    const was = this.#isStalled;
    this.#isStalled = false;
    return was;
  }

  /** Says something. What belongs to a round that is over is dropped: the next one begins anew. @param {Exclude<Message, { type: "data" }>} message */
  say(message) {
    if (this.#round === this.#known) this.#send(encode(message));
  }

  /** Says a piece of a file. @param {number} entry @param {number} offset @param {boolean} last @param {Uint8Array} content */
  pass(entry, offset, last, content) {
    if (this.#round === this.#known) this.#send(piece(entry, offset, last, content));
  }

  /**
   * Tells the other end and the hub how it went, where they do not know yet.
   * @param {DirectFailure | null} failure null when all went well
   */
  async leave(failure) {
    this.#isOver = true;
    clearInterval(this.#timer);
    const why = failure?.code === "local";
    if (why) this.say({ type: "cancel", reason: failure.message });
    // What was said goes first; only whoever leaves at once does not wait for it.
    const said = why ? this.#round?.finish() : this.#round?.sent;
    if (failure?.code !== "stopped") await Promise.race([said, sleep(GOODBYE)]);
    const code = failure ? failure.reason : this.#place.role === "sender" ? "done" : null;
    const link = this.#link;
    if (link && code) {
      await new Promise((resolve) => {
        link.listen({ signal: ({ type }) => type === "ended" && resolve(null), frame() {}, lost: () => resolve(null) });
        link.signal({ type: "end", code });
        void sleep(GOODBYE).then(resolve);
      });
    }
    // Not before the other end knows that it is over, or it would take the path for broken.
    this.#round?.close();
    link?.close();
    this.#link = this.#round = null;
  }

  /** @param {Uint8Array<ArrayBuffer>} message */
  #send(message) {
    this.#said = performance.now();
    this.#round?.send(message);
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
      signal: (signal) => take(() => this.#signal(signal, link)),
      frame: (bytes) => take(() => this.#frame(bytes, link)),
      lost: () => take(() => this.#lost()),
    });
  }

  /** @param {Signal} signal @param {Link} link */
  #signal(signal, link) {
    if (signal.type === "paired") {
      this.#round?.close();
      this.#round = null;
      this.#exchange = new Exchange(this.#place.role, signal.round, this.#place.code, this.#master);
      this.#agreedBy = performance.now() + AGREE;
      link.send(this.#exchange.frame);
      this.#inbox.put({ is: "joined" });
    } else if (signal.type === "peer_lost") {
      this.#closeRound();
      this.#inbox.put({ is: "peer_lost", grace: signal.grace });
    } else if (signal.type === "ended") {
      const failure = ended(signal.code, signal.msg);
      this.#inbox.end(failure);
      // What the other end has decided does not wait until all before it is on the disk; but it may have said why.
      if (signal.by && signal.code !== "done") void Promise.resolve(this.#round?.opened).then(() => this.fail(failure));
    }
  }

  /** @param {Uint8Array<ArrayBuffer>} bytes @param {Link} link */
  #frame(bytes, link) {
    const frame = parseFrame(bytes);
    if (!frame) return this.#lost();
    if (this.#round) {
      if (frame.kind === SEALED) this.#round.heard(frame.body);
    } else if (this.#exchange) {
      const { reply, keys, master } = this.#exchange.take(frame);
      if (reply) link.send(reply);
      if (keys) this.#begin(keys, /** @type {Uint8Array} */ (master), link);
    }
  }

  /** @param {Keys} keys @param {Uint8Array} master @param {Link} link */
  #begin(keys, master, link) {
    const again = this.#master !== null;
    this.#master = master;
    this.#exchange = null;
    const round = new Round(this.#place.role, keys, link, this.#servers, {
      opened: (message, length) => this.#opened(round, message, length),
      moved: () => this.#went(true),
      // The hub may be about to say that it is over, and why.
      lost: () => void sleep(RETRY).then(() => this.#round === round && !this.#isOver && this.#lost()),
      fail: (failure) => this.fail(failure),
    });
    this.#round = round;
    this.#heard = this.#said = performance.now();
    this.#isStalled = false;
    this.#inbox.put({ is: "ready", again, round });
    this.#went(false);
    round.meet();
  }

  /** Which way the content goes from now on. @param {boolean} direct */
  #went(direct) {
    if (direct !== this.#isDirect) this.#inbox.put({ is: "path", direct });
    this.#isDirect = direct;
  }

  /** @param {Round} round @param {Promise<Message>} opened @param {number} length */
  #opened(round, opened, length) {
    this.#heard = performance.now();
    const happening = opened.then((message) => {
      if (message.type === "cancel") this.fail(cancelledByPeer(message.reason));
      return { is: /** @type {const} */ ("message"), message, round };
    });
    this.#inbox.put(happening, length);
    if (this.#inbox.waiting > MOST_WAITING) throw protocol("it sends more than was agreed on");
    // The other end's words wake up a page whose timers sleep.
    this.#sayAlive();
  }

  #sayAlive() {
    if (performance.now() - this.#said >= ALIVE) this.#send(encode({ type: "alive" }));
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

  /** Our connection has broken, or the path: both are given up. */
  #lost() {
    this.#link?.close();
    this.#link = null;
    this.#closeRound();
    this.#inbox.put({ is: "connection_lost" });
    void this.#reconnect();
  }

  #closeRound() {
    const exchange = this.#exchange;
    this.#round?.close();
    this.#round = this.#exchange = null;
    if (exchange?.isUnconfirmed) this.fail(unconfirmed());
  }

  async #reconnect() {
    const until = performance.now() + this.#place.grace * 1000;
    const pauses = new Pauses(RETRY, LAST_RETRY);
    let failure = unreachable();
    while (!this.#isOver && performance.now() < until) {
      await pauses.wait();
      try {
        const { link } = await Link.open(pathOf(this.#place), "rejoined", { token: this.#place.token });
        if (this.#isOver) return link.close();
        this.#inbox.put({ is: "connection_back" });
        return this.#attach(link);
      } catch (error) {
        failure = failureOf(error);
        if (failure.told) break; // the place is gone; all else may pass
      }
    }
    this.fail(failure);
  }
}
