// A data channel between two pages (WebRTC), past the server: one frame a message, in order. How to find each other is said
// inside the encryption, so the channel needs no proof of its own.

/** @typedef {import("../../direct/engine/message.js").Rtc} Rtc */

/**
 * @typedef {object} Listener
 * @property {(message: Rtc) => void} say to the other end
 * @property {() => void} open
 * @property {(bytes: Uint8Array<ArrayBuffer>) => void} frame
 * @property {() => void} lost it does not stand, or not any more
 */

/** Whether this browser has any; some people switch them off. */
export const isPossible = () => typeof RTCPeerConnection === "function";

export class Channel {
  #connection;
  #channel;
  #listener;
  /** What the other end says is taken up one after another. */
  #steps = Promise.resolve();
  /** What is sent before the channel is open here: it may be already on the other side. @type {Uint8Array<ArrayBuffer>[]} */
  #unsent = [];
  /** Whether nothing goes over it any more. */
  isOver = false;
  /** @type {() => void} */
  #end = () => {};
  /** Settles when it is. @type {Promise<void>} */
  ended = new Promise((resolve) => (this.#end = resolve));

  /** @param {RTCIceServer[]} servers that help to find a way @param {Listener} listener */
  constructor(servers, listener) {
    this.#listener = listener;
    const connection = new RTCPeerConnection({ iceServers: servers });
    const channel = connection.createDataChannel("handover", { negotiated: true, id: 0 });
    this.#connection = connection;
    this.#channel = channel;
    channel.binaryType = "arraybuffer";
    connection.onicecandidate = ({ candidate }) => {
      if (candidate) listener.say({ type: "rtc", candidate: candidate.toJSON() });
    };
    connection.onconnectionstatechange = () => connection.connectionState === "failed" && this.#lost();
    channel.onopen = () => {
      for (const bytes of this.#unsent.splice(0)) channel.send(bytes);
      listener.open();
    };
    channel.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) listener.frame(new Uint8Array(data));
      else this.#lost();
    };
    channel.onclose = channel.onerror = () => this.#lost();
  }

  /** Begins: the sender's part. */
  offer() {
    this.#step(async () => {
      await this.#connection.setLocalDescription();
      this.#describe();
    });
  }

  /** @param {Rtc} message of the other end */
  hear({ description, candidate }) {
    this.#step(async () => {
      if (description) await this.#connection.setRemoteDescription(description);
      if (description?.type === "offer") {
        await this.#connection.setLocalDescription();
        this.#describe();
      }
      if (candidate) await this.#connection.addIceCandidate(candidate);
    });
  }

  /** @param {Uint8Array<ArrayBuffer>} bytes */
  send(bytes) {
    if (this.#channel.readyState === "connecting") this.#unsent.push(bytes);
    else if (this.#channel.readyState === "open") this.#channel.send(bytes);
  }

  /** Bytes that wait to be sent. */
  get buffered() {
    return this.#channel.bufferedAmount;
  }

  close() {
    this.isOver = true;
    this.#end();
    this.#connection.close();
  }

  #describe() {
    const description = this.#connection.localDescription;
    if (description) this.#listener.say({ type: "rtc", description: { type: description.type, sdp: description.sdp } });
  }

  /** @param {() => Promise<void>} step */
  #step(step) {
    // Whoever cannot find the other stays where it is.
    this.#steps = this.#steps.then(step).catch(() => this.#lost());
  }

  #lost() {
    if (this.isOver) return;
    this.close();
    this.#listener.lost();
  }
}
