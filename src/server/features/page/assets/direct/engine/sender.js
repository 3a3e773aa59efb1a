// The sender's end.

import * as codes from "../../direct/engine/code.js";
import { ended, failureOf, protocol } from "../../direct/engine/failure.js";
import { Link } from "../../direct/engine/link.js";
import { PIECE, offers } from "../../direct/engine/message.js";
import { Rate } from "../../direct/engine/rate.js";
import { Reader } from "../../direct/engine/reader.js";
import { TICK, begin, carryOn, eventOf } from "../../direct/engine/transfer.js";

/** @typedef {import("../../direct/engine/message.js").Entry} Entry */
/** @typedef {import("../../direct/engine/message.js").Message} Message */
/** @typedef {import("../../direct/engine/inbox.js").Happening} Happening */
/** @typedef {import("../../direct/engine/peer.js").Peer} Peer */
/** @typedef {import("../../direct/engine/reader.js").Source} Source */
/** @typedef {import("../../direct/engine/transfer.js").Event} Event */
/** @typedef {import("../../direct/engine/transfer.js").Summary} Summary */

/** Whatever window a receiver gives, no more bytes are on their way, and no more wait for the socket. */
const LARGEST_WINDOW = 8 << 20;
const MOST_BUFFERED = 1 << 20;

/**
 * Sends to whoever comes with the code, which is the first event.
 * @param {object} sending
 * @param {Source[]} sending.files files, and empty folders
 * @param {string} [sending.text]
 * @param {(event: Event) => void} sending.onEvent
 * @param {boolean} [sending.relayed] never past the server, for whoever does not want to show their address
 */
export function send({ files, text, onEvent, relayed = false }) {
  return begin(onEvent, async (tell, stop) => {
    const sender = new Sender(files, text, tell);
    const { link, first } = await Link.open("api/direct/send", "code", { stop });
    const { nameplate, token, grace, page_url, expires_in } = first;
    const code = await codes.random(nameplate);
    tell({ event: "code", code: code.text, page_url, expires_in });
    sender.expires = performance.now() + expires_in * 1000;
    const place = { role: /** @type {const} */ ("sender"), nameplate, token, grace, code: code.text };
    return carryOn(place, link, stop, relayed, (peer) => sender.run(peer));
  });
}

/**
 * What remains to be sent since the receiver has accepted, for as long as both are connected. Content that was there
 * before this round, that was sent in it, and the part of that which is confirmed; and the entries that are sent, with the
 * count of content at their end, until they are.
 * @typedef {object} Round
 * @property {Reader} reader
 * @property {number} window
 * @property {number} before
 * @property {number} sent
 * @property {number} acked
 * @property {{ end: number, entry: number }[]} unconfirmed
 * @property {number | null} entry that is being sent
 * @property {boolean} isOver everything is sent
 * @property {() => void} wake there may be room again
 */

class Sender {
  /** When the code ends, until somebody comes. @type {number | null} */
  expires = null;
  #sources;
  #tell;
  /** @type {Entry[]} */
  #entries;
  #offers;
  /** @type {Round | null} */
  #round = null;
  #started = 0;
  #rate = new Rate();
  #files = 0;
  /** @type {number | null} */
  #total = null;
  #timeLeft = -1;
  /** @type {Summary | null} once the receiver has everything */
  #complete = null;

  /** @param {Source[]} sources @param {string | undefined} text @param {(event: Event) => void} tell */
  constructor(sources, text, tell) {
    this.#sources = sources;
    this.#tell = tell;
    this.#entries = sources.map(({ path, file, folder }) =>
      folder || !file ? { path, size: null, folder: true } : { path, size: file.size },
    );
    this.#offers = offers(text, this.#entries);
  }

  /** @param {Peer} peer @returns {Promise<Summary>} */
  async run(peer) {
    const tick = setInterval(() => this.#tick(), TICK);
    this.#tick();
    try {
      for (;;) {
        this.#happened(peer, await peer.next());
        if (this.#complete) return this.#complete;
      }
    } finally {
      clearInterval(tick);
      this.#endRound();
    }
  }

  /** @param {Peer} peer @param {Happening} happening */
  #happened(peer, happening) {
    if (happening.is === "message") return this.#heard(peer, happening.message);
    if (happening.is === "joined") {
      // A round that was over without a word: both are told of the next one.
      this.#endRound();
      if (this.expires !== null) this.#tell({ event: "peer_joined" });
      this.expires = null;
    }
    if (happening.is === "peer_lost" || happening.is === "connection_lost") this.#endRound();
    const event = eventOf(happening);
    if (event) this.#tell(event);
    if (happening.is === "ready") for (const offer of this.#offers) peer.say(offer);
  }

  /** @param {Peer} peer @param {Message} message */
  #heard(peer, message) {
    if (peer.wasStalled()) this.#tell({ event: "peer_back" });
    switch (message.type) {
      case "accept":
        return this.#begin(peer, message);
      case "decline":
        throw ended("declined");
      case "ack":
        return this.#confirmed(message.bytes, message.window);
      case "received": {
        const round = this.#round;
        if (!round?.isOver) throw protocol("it says that it has what was not sent");
        const seconds = (performance.now() - this.#started) / 1000;
        this.#complete = { files: this.#files, bytes: round.before + round.sent, seconds };
        return;
      }
      case "paused":
        return this.#tell({ event: "peer_paused", paused: message.paused });
      case "offer":
      case "data":
        throw protocol("a receiver sends what senders send");
    }
  }

  /** @param {number} bytes @param {number} [window] */
  #confirmed(bytes, window) {
    const round = this.#round;
    if (!round) return;
    if (bytes > round.sent || bytes < round.acked) throw protocol("it confirms what was not sent");
    this.#rate.bytes += bytes - round.acked;
    round.acked = bytes;
    if (window != null) round.window = Math.min(Math.max(window, PIECE), LARGEST_WINDOW);
    while (round.unconfirmed.length > 0 && round.unconfirmed[0].end <= bytes) {
      const [{ entry }] = round.unconfirmed.splice(0, 1);
      const { path, size, folder } = this.#entries[entry];
      if (!folder) this.#tell({ event: "file_done", entry, path, bytes: size ?? 0 });
    }
    round.wake();
  }

  /**
   * The receiver has said what it wants, and where to begin.
   * @param {Peer} peer
   * @param {import("../../direct/engine/message.js").Accept} accept
   */
  #begin(peer, accept) {
    const all = accept.entries ?? accept.ranges?.flatMap(numbers) ?? [...this.#entries.keys()];
    if (all.some((entry, i) => entry >= this.#entries.length || (i > 0 && entry <= all[i - 1]))) {
      throw protocol("it accepts what was not offered");
    }
    this.#accepted(all);
    const { entry: first = 0, offset: there = 0, digest } = accept.start ?? {};
    const wanted = all.filter((entry) => entry >= first);
    const size = wanted[0] === first ? (this.#entries[first].size ?? 0) : 0;
    // What a digest stands for cannot be looked up here, so the file begins anew.
    const offset = digest || there > size ? 0 : Math.min(there, size);
    const before = all
      .filter((entry) => entry < first)
      .reduce((sum, entry) => sum + (this.#entries[entry].size ?? 0), 0);
    this.#endRound();
    const round = {
      reader: new Reader(this.#sources, wanted, offset),
      window: Math.min(Math.max(accept.window, PIECE), LARGEST_WINDOW),
      before: before + offset,
      sent: 0,
      acked: 0,
      unconfirmed: [],
      entry: wanted[0] ?? null,
      isOver: wanted.length === 0,
      wake: () => {},
    };
    this.#round = round;
    this.#pump(peer, round).catch((error) => this.#round === round && peer.fail(failureOf(error)));
  }

  /** @param {number[]} wanted */
  #accepted(wanted) {
    if (this.#started > 0) return;
    const files = wanted.map((entry) => this.#entries[entry]).filter(({ folder }) => !folder);
    this.#started = performance.now();
    this.#rate = new Rate();
    this.#files = files.length;
    this.#total = files.reduce((sum, { size }) => sum + (size ?? 0), 0);
    this.#tell({ event: "accepted", files: this.#files, bytes: this.#total });
  }

  /** Sends what the round has, as there is room. @param {Peer} peer @param {Round} round */
  async #pump(peer, round) {
    let begun = -1;
    for (let slice = round.reader.next(); slice; slice = round.reader.next()) {
      const { entry, offset, last } = slice;
      const bytes = await slice.bytes;
      for (let at = 0; at === 0 || at < bytes.length; at += PIECE) {
        while (this.#round === round && !hasRoom(peer, round))
          await new Promise((resolve) => (round.wake = () => resolve(null)));
        if (this.#round !== round) return;
        if (begun !== entry) this.#start(entry, offset);
        begun = entry;
        const content = bytes.subarray(at, at + PIECE);
        round.entry = entry;
        round.sent += content.length;
        peer.pass(entry, offset + at, last && at + PIECE >= bytes.length, content);
      }
      if (last) round.unconfirmed.push({ end: round.sent, entry });
    }
    round.isOver = true;
  }

  /** @param {number} entry @param {number} offset */
  #start(entry, offset) {
    const { path, size, folder } = this.#entries[entry];
    if (!folder) this.#tell({ event: "file_started", entry, path, size, offset });
  }

  #endRound() {
    const round = this.#round;
    this.#round = null;
    round?.wake();
  }

  #tick() {
    if (this.expires !== null) {
      const seconds = Math.max(0, Math.floor((this.expires - performance.now()) / 1000));
      if (seconds !== this.#timeLeft) this.#tell({ event: "time_left", seconds });
      this.#timeLeft = seconds;
    }
    const round = this.#round;
    if (!round) return;
    const entry = round.unconfirmed[0]?.entry ?? round.entry;
    this.#tell(this.#rate.progress(entry, round.before + round.acked, this.#total));
    // What was buffered may have left without a word from the receiver.
    round.wake();
  }
}

/** @param {Peer} peer @param {Round} round */
function hasRoom(peer, round) {
  return round.sent - round.acked + PIECE <= round.window && peer.buffered < MOST_BUFFERED;
}

/** @param {[number, number]} range first and last */
function numbers([first, last]) {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
