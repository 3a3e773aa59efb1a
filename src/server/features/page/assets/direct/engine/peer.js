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
import { RESUME, SEALED, parse as parseFrame } from "../../direct/engine/frame.js";
import { Inbox } from "../../direct/engine/inbox.js";
import { Link } from "../../direct/engine/link.js";
import { encode, piece } from "../../direct/engine/message.js";
import { Round } from "../../direct/engine/round.js";
import { isOfTheConnection } from "../../direct/engine/signal.js";

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
/** For the hub, once the other end knows. */
const FAREWELL = 2000;
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
  #isRelayed;
  /** Those that help to find a direct way, once the hub has told. @type {RTCIceServer[] | null} */
  #servers = null;
  /** @type {Link | null} null while the connection is made again */
  #link = null;
  /** The number of the hub's pairing of the two, while it has both. @type {number | null} */
  #pairing = null;
  /** Why the hub does not know this transfer any more; a direct way goes on without it. @type {DirectFailure | null} */
  #gone = null;
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
   * @param {boolean} isRelayed never past the server
   */
  constructor(place, link, isRelayed) {
    this.#place = place;
    this.#isRelayed = isRelayed;
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
    const code = failure ? failure.reason : this.#place.role === "sender" ? "done" : null;
    // The hub may be out of reach: on a direct way the other end is told first.
    const tells = code && !why && this.#round?.isDirect;
    if (tells) this.#send(encode({ type: "ended", code }));
    // What was said goes first; only whoever leaves at once does not wait for it.
    const said = why || tells ? this.#round?.finish() : this.#round?.sent;
    let isTold = false;
    if (tells) isTold = (await Promise.race([said, sleep(FAREWELL)])) === true;
    else if (failure?.code !== "stopped") await Promise.race([said, sleep(GOODBYE)]);
    const link = this.#link;
    if (link && code) {
      await new Promise((resolve) => {
        link.listen({ signal: ({ type }) => type === "ended" && resolve(null), frame() {}, lost: () => resolve(null) });
        link.signal({ type: "end", code });
        void sleep(isTold ? FAREWELL : GOODBYE).then(resolve);
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
      lost: () => take(() => this.#linkLost()),
    });
  }

  /** @param {Signal} signal @param {Link} link */
  #signal(signal, link) {
    const isDirect = this.#round?.isDirect;
    if (signal.type === "ice") {
      if (this.#isRelayed) return;
      this.#servers = signal.ice_servers;
      this.#round?.meet(this.#servers);
    } else if (signal.type === "paired") {
      this.#pairing = signal.round;
      // A direct way that stands is better; when it breaks this is where the two meet.
      if (isDirect) return;
      this.#agree(signal.round, link);
      if (this.#place.role === "receiver") this.#inbox.put({ is: "joined" });
    } else if (signal.type === "peer_lost") {
      this.#pairing = null;
      if (isDirect) return;
      this.#closeRound();
      this.#inbox.put({ is: "peer_lost", grace: signal.grace });
    } else if (signal.type === "waiting") {
      this.#pairing = null;
      this.#closeRound();
    } else if (signal.type === "ended" && isDirect && !signal.by && isOfTheConnection(signal.code)) {
      this.#pairing = null;
      this.#gone = ended(signal.code, signal.msg);
      this.#link = null;
      link.close();
    } else if (signal.type === "ended") {
      const failure = ended(signal.code, signal.msg);
      this.#inbox.end(failure);
      // What the other end has decided does not wait until all before it is on the disk; but it may have said why.
      if (signal.by && signal.code !== "done") void Promise.resolve(this.#round?.opened).then(() => this.fail(failure));
    }
  }

  /** Begins to agree on the keys of a round over the relay. @param {number} round @param {Link} link */
  #agree(round, link) {
    this.#round?.close();
    this.#round = null;
    this.#exchange = new Exchange(this.#place.role, round, this.#place.code, this.#master);
    this.#agreedBy = performance.now() + AGREE * (this.#master ? 2 : 1);
    link.send(this.#exchange.frame);
  }

  /** @param {Uint8Array<ArrayBuffer>} bytes @param {Link} link */
  #frame(bytes, link) {
    const frame = parseFrame(bytes);
    if (!frame) return this.#lost();
    // The other end has given up the direct way, and begins anew where the two met last.
    if (this.#round && frame.kind === RESUME && frame.round === this.#pairing) this.#agree(frame.round, link);
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
    const round = new Round(this.#place.role, keys, link, {
      opened: (message, length) => this.#opened(round, message, length),
      moved: () => this.#went(true),
      // The hub may be about to say that it is over, and why.
      lost: () => void sleep(RETRY).then(() => this.#round === round && !this.#isOver && this.#wayLost()),
      fail: (failure) => this.fail(failure),
    });
    this.#round = round;
    this.#heard = this.#said = performance.now();
    this.#isStalled = false;
    // Not before: whoever has not the code is nobody.
    if (this.#place.role === "sender") this.#inbox.put({ is: "joined" });
    this.#inbox.put({ is: "ready", again, round });
    this.#went(false);
    if (this.#servers) round.meet(this.#servers);
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
      if (message.type === "probe") this.#send(encode({ type: "alive" }));
      if (message.type === "ended") this.#inbox.end(ended(message.code));
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

  /** Our connection has broken. A direct way goes on without it. */
  #linkLost() {
    if (!this.#round?.isDirect) return this.#lost();
    this.#link = this.#pairing = null;
    void this.#reconnect();
  }

  /** The direct way is no more: the relay, whose connection was kept, takes its place. */
  #wayLost() {
    if (this.#gone) return this.fail(this.#gone);
    if (this.#link && this.#pairing !== null) return this.#agree(this.#pairing, this.#link);
    const isReconnecting = !this.#link;
    this.#closeRound();
    if (isReconnecting) this.#inbox.put({ is: "connection_lost" });
    else this.#inbox.put({ is: "peer_lost", grace: this.#place.grace });
  }

  /** Our connection has broken, or the path: both are given up. */
  #lost() {
    this.#link?.close();
    this.#link = this.#pairing = null;
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
    let until = performance.now() + this.#place.grace * 1000;
    const pauses = new Pauses(RETRY, LAST_RETRY);
    let failure = unreachable();
    while (!this.#isOver && performance.now() < until) {
      await pauses.wait();
      if (this.#round?.isDirect) until = performance.now() + this.#place.grace * 1000;
      try {
        const { token } = this.#place;
        const confirmed = this.#master !== null;
        const { link } = await Link.open(pathOf(this.#place), "rejoined", { token, confirmed });
        if (this.#isOver) return link.close();
        if (!this.#round?.isDirect) this.#inbox.put({ is: "connection_back" });
        return this.#attach(link);
      } catch (error) {
        failure = failureOf(error);
        if (failure.told && this.#round?.isDirect) {
          this.#gone = failure;
          return;
        }
        if (failure.told) break; // the place is gone; all else may pass
      }
    }
    this.fail(failure);
  }
}
