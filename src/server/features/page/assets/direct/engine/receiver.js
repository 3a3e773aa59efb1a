// The receiver's end.

import * as codes from "../../direct/engine/code.js";
import { broken, ended, failureOf, local, protocol } from "../../direct/engine/failure.js";
import { Link } from "../../direct/engine/link.js";
import { MOST_ENTRIES } from "../../direct/engine/message.js";
import { Rate } from "../../direct/engine/rate.js";
import { TICK, begin, carryOn, eventOf } from "../../direct/engine/transfer.js";
import { words } from "../../direct/words.js";

/** @typedef {import("../../direct/engine/message.js").Data} Data */
/** @typedef {import("../../direct/engine/message.js").Entry} Entry */
/** @typedef {import("../../direct/engine/message.js").Message} Message */
/** @typedef {import("../../direct/engine/message.js").Offer} Offer */
/** @typedef {import("../../direct/engine/message.js").Skipped} Skipped */
/** @typedef {import("../../direct/engine/inbox.js").Happening} Happening */
/** @typedef {import("../../direct/engine/peer.js").Peer} Peer */
/** @typedef {import("../../direct/engine/transfer.js").Event} Event */
/** @typedef {import("../../direct/engine/transfer.js").Summary} Summary */

/** Bytes of content that may be on their way, and how much is received before it is confirmed. */
const WINDOW = 4 << 20;
const CONFIRM = WINDOW / 16;
/** Characters of all paths of an offer. */
const LONGEST_LIST = 16 << 20;
/** How long an end that has everything waits for the other to say goodbye, in milliseconds. */
const GOODBYE = 10_000;

/**
 * A file that is being received. `write` resolves when there is room for more; `close` gives the name that it has then.
 * @typedef {object} Sunk
 * @property {(bytes: Uint8Array) => Promise<void>} write
 * @property {() => Promise<string>} close
 * @property {() => Promise<void>} abort
 */

/**
 * Where files go.
 * @typedef {object} Sink
 * @property {(entry: Entry) => Promise<Sunk>} open
 * @property {(entry: Entry) => Promise<void>} folder
 */

/** What there is to decide on. @typedef {{ text?: string, entries: Entry[], bytes: number }} Offered */
/** Which entries are wanted, in order. @typedef {number[] | "all" | "none"} Choice */

/**
 * Receives what whoever made the code sends. No incomplete file is left.
 * @param {object} receiving
 * @param {string} receiving.code
 * @param {(offer: Offered) => Promise<Choice>} receiving.decide asked once
 * @param {Sink} receiving.sink
 * @param {(event: Event) => void} receiving.onEvent
 * @param {boolean} [receiving.relayed] never past the server, for whoever does not want to show their address
 */
export function receive({ code, decide, sink, onEvent, relayed = false }) {
  return begin(onEvent, async (tell, stop) => {
    const { nameplate, text } = await codes.parse(code).catch((error) => {
      throw local(error instanceof codes.NotACode ? error.message : words.broken);
    });
    const { link, first } = await Link.open(`api/direct/receive/${nameplate}`, "joined", { stop });
    const { token, grace } = first;
    const receiver = new Receiver(decide, sink, tell);
    const place = { role: /** @type {const} */ ("receiver"), nameplate, token, grace, code: text };
    try {
      return await carryOn(place, link, stop, relayed, (peer) => receiver.run(peer));
    } finally {
      void receiver.leave(); // a disk that takes nothing lets go of nothing
    }
  });
}

class Receiver {
  #decide;
  #sink;
  #tell;
  /** What has come of the offer in this round. @type {Offer} */
  #offer = nothing();
  /** Characters of its paths. */
  #length = 0;
  /** The offer of the first round, as JSON; all later ones must be the same. @type {string | null} */
  #offered = null;
  /** What was chosen of it, once it was. @type {number[] | null} */
  #wanted = null;
  /** Of that, the one that is being received, or is next. */
  #next = 0;
  /** @type {{ sunk: Sunk, offset: number } | null} */
  #current = null;
  /** Content of this round, and what of that was confirmed. */
  #received = 0;
  #confirmed = 0;
  /** All content of all files. */
  #bytes = 0;
  #files = 0;
  /** @type {number | null} */
  #total = null;
  #started = performance.now();
  #rate = new Rate();
  /** @type {Summary | null} once everything is there */
  #complete = null;
  #left = false;

  /** @param {(offer: Offered) => Promise<Choice>} decide @param {Sink} sink @param {(event: Event) => void} tell */
  constructor(decide, sink, tell) {
    this.#decide = decide;
    this.#sink = sink;
    this.#tell = tell;
  }

  /** @param {Peer} peer @returns {Promise<Summary>} */
  async run(peer) {
    const tick = setInterval(() => this.#tick(), TICK);
    try {
      // A disk that takes nothing must not keep anybody from stopping, nor from hearing that the other side has.
      return await Promise.race([this.#follow(peer), peer.failed]);
    } catch (error) {
      // It has everything, and nothing takes that away.
      if (this.#complete) return this.#complete;
      throw error;
    } finally {
      clearInterval(tick);
    }
  }

  /** @param {Peer} peer @returns {Promise<never>} */
  async #follow(peer) {
    for (;;) await this.#happened(peer, await peer.next());
  }

  /** Nothing incomplete is left. */
  async leave() {
    this.#left = true;
    const current = this.#current;
    this.#current = null;
    // Whoever cannot take it back has said so already.
    await current?.sunk.abort().catch(() => {});
  }

  /** @param {Peer} peer @param {Happening} happening */
  async #happened(peer, happening) {
    if (happening.is === "message") return this.#heard(peer, happening.message);
    if (happening.is === "joined" && this.#offered === null) this.#tell({ event: "peer_joined" });
    if (happening.is === "ready") {
      this.#offer = nothing();
      this.#length = 0;
      this.#received = this.#confirmed = 0;
    }
    const event = eventOf(happening);
    // With everything there, it is of no interest how the goodbye goes.
    if (event && !this.#complete) this.#tell(event);
  }

  /** @param {Peer} peer @param {Message} message */
  async #heard(peer, message) {
    if (peer.wasStalled()) this.#tell({ event: "peer_back" });
    switch (message.type) {
      case "offer":
        if (this.#gather(message)) await this.#consider(peer);
        return;
      case "data":
        return this.#take(peer, message);
      case "skipped":
        return this.#skip(peer, message);
      case "paused":
        return this.#tell({ event: "peer_paused", paused: message.paused });
      case "accept":
      case "decline":
      case "ack":
      case "received":
        throw protocol("a sender sends what receivers send");
    }
  }

  /** Adds a part of the offer; true when it is whole. @param {Offer} part */
  #gather(part) {
    const offer = this.#offer;
    if (offer.last) throw protocol("it offers more than fits");
    offer.text ??= part.text;
    for (const entry of part.entries) offer.entries.push(entry);
    this.#length += part.entries.reduce((sum, { path }) => sum + path.length, 0);
    offer.last = part.last;
    if (offer.entries.length > MOST_ENTRIES || this.#length > LONGEST_LIST) throw protocol("it offers more than fits");
    return offer.last;
  }

  /** Asks what of the offer is wanted, the first time; the answer is used for all rounds. @param {Peer} peer */
  async #consider(peer) {
    const { text, entries } = this.#offer;
    const offered = JSON.stringify([text, entries]);
    if (this.#offered === null) {
      this.#offered = offered;
      if (text != null) this.#tell({ event: "text", text });
      if (entries.length > 0) return this.#ask(peer, { text: text ?? undefined, entries, bytes: bytesOf(entries) });
      this.#wanted = [];
    } else if (this.#offered !== offered) throw protocol("it offers something else than before");
    if (this.#wanted) this.#accept(peer);
  }

  /** @param {Peer} peer @param {Offered} offered */
  #ask(peer, offered) {
    this.#tell({ event: "offered", entries: offered.entries, bytes: offered.bytes });
    const asked = this.#decide(offered);
    // Meanwhile the connection may break and come back.
    void asked
      .then((choice) => this.#chosen(peer, offered.entries, choice))
      .catch((error) => peer.fail(failureOf(error)));
  }

  /** @param {Peer} peer @param {Entry[]} entries @param {Choice} choice */
  #chosen(peer, entries, choice) {
    const wanted = choice === "all" ? [...entries.keys()] : choice === "none" ? [] : choice;
    if (wanted.length === 0) {
      peer.say({ type: "decline" });
      throw broken("declined");
    }
    const files = wanted.map((entry) => entries[entry]).filter(({ folder }) => !folder);
    this.#total = files.some(({ size }) => size == null) ? null : bytesOf(files);
    this.#started = performance.now();
    this.#rate = new Rate();
    this.#tell({ event: "accepted", files: files.length, bytes: this.#total ?? 0 });
    this.#wanted = wanted;
    // The offer of this round may still be on its way.
    if (this.#offer.last) this.#accept(peer);
  }

  /** Says what is wanted, and where to begin. @param {Peer} peer */
  #accept(peer) {
    const wanted = this.#wanted ?? [];
    const { length } = this.#offer.entries;
    const offset = this.#current?.offset ?? 0;
    const start = this.#next > 0 || offset > 0 ? { entry: wanted[this.#next] ?? length, offset } : undefined;
    peer.say({ type: "accept", entries: wanted.length === length ? undefined : wanted, window: WINDOW, start });
    this.#checkComplete(peer);
  }

  /** Takes a piece of a file. @param {Peer} peer @param {Data} data */
  async #take(peer, { entry: number, offset, last, content }) {
    const entry = this.#offer.entries[number];
    if (!entry || this.#wanted?.[this.#next] !== number) throw protocol("it sends a file that is not next");
    const end = offset + content.length;
    if (offset === 0 && this.#received === 0 && this.#current?.offset) await this.#restart();
    const { size, folder } = entry;
    const fits = size == null || (last ? end === size : end < size || size === 0);
    if (offset !== (this.#current?.offset ?? 0) || (folder ? end > 0 : !fits)) {
      throw protocol("it sends a piece that does not fit");
    }
    await this.#write(entry, number, offset, content, last);
    if (last || this.#received - this.#confirmed >= CONFIRM) {
      this.#confirmed = this.#received;
      peer.say({ type: "ack", bytes: this.#received });
    }
    this.#checkComplete(peer);
  }

  /** The sender leaves an entry out: what has come of it goes. @param {Peer} peer @param {Skipped} skipped */
  async #skip(peer, { entry: number, reason }) {
    const entry = this.#offer.entries[number];
    if (!entry || this.#wanted?.[this.#next] !== number) throw protocol("it leaves out what is not next");
    await this.#restart();
    if (this.#total !== null) this.#total -= entry.size ?? 0;
    this.#next += 1;
    this.#tell({ event: "file_skipped", entry: number, path: entry.path, reason });
    this.#checkComplete(peer);
  }

  /** @param {Entry} entry @param {number} number @param {number} offset @param {Uint8Array} content @param {boolean} last */
  async #write(entry, number, offset, content, last) {
    try {
      if (entry.folder) {
        if (last) await this.#sink.folder(entry);
      } else {
        this.#current ??= await this.#open(entry, number, offset);
        if (content.length > 0) await this.#current.sunk.write(content);
        this.#current.offset += content.length;
        this.#received += content.length;
        this.#bytes += content.length;
        this.#rate.bytes += content.length;
        if (last) await this.#close(this.#current, number);
      }
    } catch (error) {
      if (this.#left) throw error;
      throw local(words.directUnwritable(entry.path, error instanceof Error ? error.message : ""));
    }
    if (last) this.#next += 1;
  }

  /** @param {Entry} entry @param {number} number @param {number} offset */
  async #open(entry, number, offset) {
    const sunk = await this.#sink.open(entry);
    if (this.#left) {
      await sunk.abort();
      throw new Error("it is over");
    }
    this.#tell({ event: "file_started", entry: number, path: entry.path, size: entry.size, offset });
    return { sunk, offset: 0 };
  }

  /** @param {{ sunk: Sunk, offset: number }} current @param {number} number */
  async #close({ sunk, offset }, number) {
    const path = await sunk.close();
    this.#current = null;
    this.#files += 1;
    this.#tell({ event: "file_done", entry: number, path, bytes: offset });
  }

  /** The sender does not have what we have of it. */
  async #restart() {
    const current = this.#current;
    this.#current = null;
    this.#bytes -= current?.offset ?? 0;
    await current?.sunk.abort();
  }

  /** @param {Peer} peer */
  #checkComplete(peer) {
    if (!this.#wanted || this.#next < this.#wanted.length) return;
    const seconds = (performance.now() - this.#started) / 1000;
    if (!this.#complete) setTimeout(() => peer.fail(ended("done")), GOODBYE);
    this.#complete ??= { files: this.#files, bytes: this.#bytes, seconds };
    peer.say({ type: "received" });
  }

  #tick() {
    const entry = this.#wanted?.[this.#next];
    if (entry !== undefined) this.#tell(this.#rate.progress(entry, this.#bytes, this.#total));
  }
}

/** @returns {Offer} */
function nothing() {
  return { type: "offer", entries: [], last: false };
}

/** All sizes that are known. @param {Entry[]} entries */
function bytesOf(entries) {
  return entries.reduce((sum, { size }) => sum + (size ?? 0), 0);
}
