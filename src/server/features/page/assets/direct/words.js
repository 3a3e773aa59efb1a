// The words of direct transfers.

import { count, words as common } from "../base/words.js";

/** @param {number} seconds */
const took = (seconds) =>
  seconds < 1
    ? "in less than a second"
    : `in ${seconds < 100 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`}`;

/**
 * Why a transfer has ended, and what to do. What has no words here is told in those of the engine.
 * @type {{ [code: string]: { sender?: [string, string], receiver?: [string, string] } }}
 */
const ends = {
  cancelled: {
    sender: ["Cancelled by the receiver", "The other person has cancelled the transfer."],
    receiver: ["Cancelled by the sender", "The other person has cancelled the transfer. Nothing incomplete was kept."],
  },
  code_in_use: {
    receiver: ["Somebody else is using this code", "A code serves one person. Ask the sender for a new one."],
  },
  declined: {
    sender: ["Declined", "The other person wants none of it."],
    receiver: ["Declined", "Nothing was saved, and the sender knows."],
  },
  expired_code: {
    sender: ["The code has expired", "Nobody came in time. A new code sends the same again."],
    receiver: ["The code has expired", "Ask the sender for a new one."],
  },
  peer_lost: {
    sender: ["The other side is gone", "Its connection broke and did not come back."],
    receiver: ["The other side is gone", "Its connection broke and did not come back. Ask the sender for a new code."],
  },
  stopped: {
    sender: ["Cancelled", "You have cancelled the transfer."],
    receiver: ["Cancelled", "You have cancelled the transfer. Nothing incomplete was kept."],
  },
  unknown_code: {
    receiver: [
      "There is no such code",
      "It may be mistyped, used up or expired. Check it, or ask the sender for a new one.",
    ],
  },
  wrong_code: {
    sender: [
      "Somebody used wrong words",
      "A code ends with the first wrong guess, so that nobody can try them all. A new code sends the same again.",
    ],
    receiver: ["The words were wrong", "A code ends with the first wrong guess. Ask the sender for a new one."],
  },
};

export const words = {
  ...common,

  /** @param {number} number */
  sendFolders: (number) => `Send ${count(number, "empty folder", "empty folders")}`,
  /** @param {number} number @param {string} size */
  acceptAll: (number, size) => (number === 1 ? `Accept, ${size}` : `Accept all, ${size}`),
  /** @param {number} some @param {number} all @param {string} size */
  acceptSome: (some, all, size) => `Accept ${some.toLocaleString("en")} of ${all.toLocaleString("en")}, ${size}`,
  cancelQuestion: "Cancel it for both sides?",
  cancelTransfer: "Cancel transfer",
  code: "Code",
  codeHint: "Tell it to the other person, or let them scan the picture. Keep this page open.",
  codeReady: "Waiting for the other person",
  complete: "complete",
  completions: "Words of codes",
  /** @param {number} number */
  completionsFound: (number) => `${count(number, "word", "words")} to choose from`,
  connectionLost: "Your connection broke. Trying again …",
  decline: "Decline",
  delivered: "Delivered",
  /** @param {number} files @param {string} size @param {number} seconds */
  deliveredHow: (files, size, seconds) =>
    files === 0
      ? "It has arrived."
      : `${count(files, "file", "files")}, ${size}, ${took(seconds)}. Every piece was verified.`,
  deliveredMessage: "The message has arrived.",
  /** @param {string} code @param {"sender" | "receiver"} side @param {string} message the engine's own words */
  directFailure: (code, side, message) => {
    const [head, text] = ends[code]?.[side] ?? ["That did not work", message];
    return { head, text };
  },
  directHint: "You are both there now. It goes straight from one to the other, encrypted, and is stored nowhere.",
  directTitle: "Hand over directly",
  downloadStopped: "The browser has stopped the download.",
  dropDirectHint: "Any kind, any size. Or paste them.",
  goesTo: {
    downloads: "Files go to your downloads while they arrive.",
    file: "You choose where it is saved. It goes there while it arrives.",
    folder: "You choose a folder. Files go there while they arrive; nothing in it is overwritten.",
    memory: "This site is not reached by https, so files are held in memory until they are complete.",
  },
  inTerminal: "In a terminal:",
  invited: "Somebody sends you something",
  invitedHint:
    "Press Receive when you are ready. The sender then learns that you are there, and you see what it is before anything is saved.",
  lastMinute: "One minute left for the code.",
  leftOut: "left out",
  makingCode: "Making a code …",
  messageHere: "A message has arrived.",
  messageHint: "A link, a few words … with files or alone",
  messageReceived: "Message received",
  /** @param {string} size */
  messageTooLong: (size) => `A message can have ${size}. Send a longer one as a file.`,
  newCode: "Make a new code",
  /** @param {number} number @param {string} size */
  offered: (number, size) => `${count(number, "file", "files")} for you, ${size}`,
  pathDirect: "Direct",
  pathDirectHint: "Straight from one to the other, not through the server",
  pathRelayed: "Relayed",
  pathRelayedHint: "Through the server, which cannot read it",
  peerDecides: "They are there, and see what you send",
  peerJoined: "The other person has come",
  /** @param {string} time */
  peerLost: (time) => `The other side's connection broke. Waiting up to ${time} for it …`,
  peerPaused: "The other side pauses.",
  /** @param {number} seconds */
  peerStalled: (seconds) => `Nothing from the other side for ${seconds} s. Waiting …`,
  qrOfCode: "QR code of the link with the code",
  /** @param {string} code */
  readAs: (code) => `Read as ${code}`,
  received: "Received",
  /** @param {number} files @param {string} size @param {number} seconds */
  receivedHow: (files, size, seconds) =>
    files === 0 ? "" : `${count(files, "file", "files")}, ${size}, ${took(seconds)}. Every piece was verified.`,
  receivingNow: "Receiving",
  relayedOnly: "Always go through the server, so that the other side does not learn my network address",
  removeCard: "Remove from this page",
  /** @param {string} path */
  savedAs: (path) => `saved as ${path}`,
  scripted: "From a script, with curl",
  scriptedHint:
    "One side sends and the other receives, whichever comes first. Nothing is stored, but this way is not encrypted from end to end: the server could read what passes. Whoever knows the address can take either place.",
  scriptedReceive: "Command that receives",
  scriptedSend: "Command that sends",
  sendAnother: "Send something else",
  sendDirectly: "Send directly",
  sendingNow: "Sending",
  sendInstead: "Send something yourself",
  sendMessage: "Send the message",
  sizeUnknown: "size not known yet",
  /** @param {string} time */
  timeLeft: (time) => `${time} left`,
  /** @param {string} size */
  tooMuchForMemory: (size) => `More than ${size} do not fit into this browser's memory.`,
  tooMuchHere:
    "This is more than this browser can hold: the site is not reached by https, so nothing can go to the disk while it arrives. Choose less, or receive it in a terminal: handover receive.",
  transfers: "Transfers",
  waitingForOffer: "The other person is there",
  directEnds: /** @type {Record<string, string>} */ ({
    cancelled: "The transfer was cancelled.",
    declined: "The receiver declined.",
    done: "The transfer is complete.",
    failed: "The other side could not go on.",
    tampered: "What arrived is not what was sent. Something between the two sides has changed it.",
    wrong_code: "The words of the code were wrong. A code ends with the first wrong guess: make a new one.",
  }),
  /** @param {string} what */
  directProtocol: (what) => `The other side does not keep to the protocol: ${what}.`,
  directStopped: "You stopped the transfer.",
  directTextTooLong: "The text is too long. Send it as a file.",
  directTooLong: "A name is too long to be sent.",
  /** @param {number} most */
  directTooMany: (most) => `These are more than ${most.toLocaleString("en")} files. Send them as a ZIP.`,
  directUnconfirmed: "The connection broke while the code was being confirmed, so the code is spent. Make a new one.",
  directUnreachable: "The server cannot be reached. Check the connection and try again.",
  /** @param {string} name */
  directUnreadable: (name) => `${name} cannot be read. It may have been changed, moved or removed since you chose it.`,
  /** @param {string[]} names */
  directLeftOut: (names) =>
    `Left out, as they could not be read or had changed: ${names.slice(0, 5).join(", ")}${names.length > 5 ? " …" : ""}.`,
  /** @param {string} name @param {string} why */
  directUnwritable: (name, why) => `${name} cannot be saved${why && `: ${why}`}`,
  notACode: "A code has a number and two words, such as 7-acrobat-puzzle.",
  /** @param {string} word */
  notAWord: (word) => `“${word}” is not one of the words that codes are made of. Look at the code once more.`,
};
