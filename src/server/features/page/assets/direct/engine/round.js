// One round with the other end: keys of its own, and the way between the two. It begins over the hub's relay and may move
// to a data channel: `moved` is the last frame on the relay, and the next one comes over the channel.

import { Channel, isPossible } from "../../direct/engine/channel.js";
import { failureOf, protocol } from "../../direct/engine/failure.js";
import { encode, parse } from "../../direct/engine/message.js";

/** @typedef {import("../../direct/engine/exchange.js").Keys} Keys */
/** @typedef {import("../../direct/engine/link.js").Link} Link */
/** @typedef {import("../../direct/engine/message.js").Message} Message */
/** @typedef {import("../../direct/engine/signal.js").Role} Role */

/**
 * @typedef {object} Listener
 * @property {(message: Promise<Message>, length: number) => void} opened
 * @property {() => void} moved what is said goes over the channel from now on
 * @property {() => void} lost the channel has broken, after the move
 * @property {(failure: import("../../direct/engine/failure.js").DirectFailure) => void} fail
 */

/** The data channel's number among all kinds of paths. */
const CHANNEL = 2;

/** Bytes that may come over the channel before the word that they do: more than a window. */
const MOST_EARLY = 16 << 20;

export class Round {
  #role;
  #keys;
  #link;
  /** @type {RTCIceServer[] | null} null to stay on the relay */
  #servers = null;
  #listener;
  /** @type {Channel | null} */
  #channel = null;
  /** Which way each direction has gone. */
  #hearsChannel = false;
  #saysOnChannel = false;
  /** What has come over the channel too early. @type {Uint8Array<ArrayBuffer>[]} */
  #early = [];
  #earlyBytes = 0;
  #sealing = 0;
  #isOver = false;
  /** What was heard, one after another. @type {Promise<unknown>} */
  #heard = Promise.resolve();
  /** When everything that was said is on its way. */
  sent = Promise.resolve();

  /**
   * @param {Role} role
   * @param {Keys} keys
   * @param {Link} link
   * @param {Listener} listener
   */
  constructor(role, keys, link, listener) {
    this.#role = role;
    this.#keys = keys;
    this.#link = link;
    this.#listener = listener;
  }

  /** Looks for a direct way, which this end begins or waits for. @param {RTCIceServer[]} servers that help to find it */
  meet(servers) {
    if (this.#servers || !isPossible()) return;
    this.#servers = servers;
    if (this.#role === "sender") this.#open()?.offer();
  }

  /** Whether both directions have left the relay. */
  get isDirect() {
    return this.#saysOnChannel && this.#hearsChannel;
  }

  /** When all that was heard so far is opened. */
  get opened() {
    return this.#heard;
  }

  /** Bytes that wait to be sent. */
  get buffered() {
    return this.#sealing + (this.#saysOnChannel ? (this.#channel?.buffered ?? 0) : this.#link.buffered);
  }

  /** @param {Uint8Array<ArrayBuffer>} message */
  send(message) {
    const sealed = this.#keys.sealer.seal(message);
    const carrier = this.#saysOnChannel ? this.#channel : this.#link;
    this.#sealing += message.length;
    this.sent = this.sent.then(async () => {
      const frame = await sealed;
      this.#sealing -= message.length;
      // A frame of a round that is over would not open any more.
      if (!this.#isOver) carrier?.send(frame);
    });
    this.sent.catch((error) => this.#listener.fail(failureOf(error)));
  }

  /** A sealed frame has come over the relay. @param {Uint8Array<ArrayBuffer>} sealed */
  heard(sealed) {
    if (this.#hearsChannel) throw protocol("it goes on where it has left");
    this.#read(sealed);
  }

  /** Takes up what is said of the way. @param {Message} message */
  #take(message) {
    if (this.#isOver) return;
    if (message.type === "rtc") this.#open()?.hear(message);
    if (message.type === "moved") this.#follow(message.path);
  }

  /**
   * After the last word: settles when it is on its way, and if that is the channel, when the other end has closed it. There
   * it could come after the hub's word and be missed. Returns whether it has.
   */
  async finish() {
    await this.sent;
    if (!this.#saysOnChannel) return false;
    await this.#channel?.ended;
    return true;
  }

  close() {
    this.#isOver = true;
    this.#channel?.close();
  }

  /** The channel, if there may be one. */
  #open() {
    if (!this.#servers || this.#channel || this.#isOver) return this.#channel;
    this.#channel = new Channel(this.#servers, {
      say: (message) => {
        if (!this.#isOver) this.send(encode(message));
      },
      open: () => this.#role === "sender" && this.#move(),
      frame: (bytes) => this.#heardOnChannel(bytes),
      lost: () => this.#lost(),
    });
    return this.#channel;
  }

  /** What this end says goes over the channel after this. */
  #move() {
    if (this.#isOver || this.#saysOnChannel) return;
    this.send(encode({ type: "moved", path: CHANNEL }));
    this.#saysOnChannel = true;
    this.#listener.moved();
  }

  /** The other end has moved. @param {number} path */
  #follow(path) {
    const isAnswer = this.#role === "sender";
    if (path !== CHANNEL || !this.#channel || this.#hearsChannel || isAnswer !== this.#saysOnChannel) {
      throw protocol("it moves to where nothing is");
    }
    this.#hearsChannel = true;
    if (this.#channel.isOver) return this.#listener.lost();
    this.#move();
    for (const frame of this.#early.splice(0)) this.#read(frame.subarray(1));
  }

  /** @param {Uint8Array<ArrayBuffer>} frame */
  #heardOnChannel(frame) {
    if (this.#isOver) return;
    if (this.#hearsChannel) return this.#read(frame.subarray(1));
    this.#early.push(frame);
    this.#earlyBytes += frame.length;
    if (this.#earlyBytes > MOST_EARLY) this.#listener.fail(protocol("it sends more than was agreed on"));
  }

  /** @param {Uint8Array<ArrayBuffer>} sealed */
  #read(sealed) {
    const opened = this.#keys.opener.open(sealed);
    opened.catch(() => {}); // it is told when its turn comes
    const message = this.#heard.then(async () => {
      const message = parse(await opened);
      if (!message) throw protocol("a message cannot be read");
      // At once, and not only when what came before is on the disk.
      this.#take(message);
      return message;
    });
    this.#heard = message.catch(() => {});
    this.#listener.opened(message, sealed.length);
  }

  #lost() {
    this.#early = [];
    if (this.#isOver) return;
    if (this.#saysOnChannel || this.#hearsChannel) return this.#listener.lost();
    // It never came to that: all stays on the relay.
    this.#servers = null;
  }
}
