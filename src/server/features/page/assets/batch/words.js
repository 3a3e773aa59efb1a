// The words of batches.

import { count, words as common } from "../base/words.js";

export const words = {
  ...common,

  addMore: "Add more files",
  addMoreHint: "Whoever has the link sees them at once.",
  /** @param {number} number */
  allAsZip: (number) => `${count(number, "file", "files")} as a ZIP`,
  batchOver: "This batch has ended",
  batchOverForSender: "Its files are gone, and its link leads nowhere. Make a new one to send more.",
  batchOverHint: "Its time is over, or its sender has ended it. Ask them for a new link if you still need the files.",
  batchPassword: "Password",
  /** @param {string} size */
  downloadAll: (size) => `Download all, ${size}`,
  /** @param {string} size */
  downloadLeft: (size) => `Download what is left, ${size}`,
  downloadLimits: /** @type {const} */ ([
    ["", "As often as needed"],
    ["1", "Once"],
    ["5", "5 times"],
    ["25", "25 times"],
  ]),
  /** @param {string} size */
  downloadOne: (size) => `Download, ${size}`,
  downloadsLabel: "Each file can be fetched",
  /** @param {number} number */
  downloadsLeft: (number) =>
    number === 0 ? "fetched as often as its sender allows" : `${count(number, "download", "downloads")} left`,
  dropAnyHint: "Any kind, any size the server takes.",
  endBatch: "End batch",
  endQuestion: "Remove all files for everybody?",
  /** @param {number} number */
  files_: (number) => count(number, "file", "files"),
  filesForYou: "Files for you",
  emptyFolders: /** @param {number} number */ (number) =>
    `${count(number, "empty folder is", "empty folders are")} left out: a batch has files alone.`,
  keepOpen: "Keep it open",
  keepOpenFor: "Keep it open for",
  keptOpen: "The batch stays open.",
  /** @param {string} file @param {string} all @param {number} files */
  limits: (file, all, files) => `Up to ${file} a file, ${all} and ${files.toLocaleString("en")} files together.`,
  lives: /** @type {const} */ ([
    ["604800", "7 days"],
    ["3600", "1 hour"],
    ["86400", "1 day"],
    ["2592000", "30 days"],
  ]),
  locked: "This batch has a password",
  lockedHint: "Its sender can tell you.",
  newBatchHint: "One link and one QR code for all files. Whoever has the link can download them.",
  newBatchTitle: "New batch",
  noBatch: "There is no such batch",
  noBatchHint: "The address may be cut off, its time may be over, or its sender has ended it. Ask them for a new link.",
  noCookies:
    "The password is right, but this browser keeps no cookie for this site, and downloads need one. Allow it, or use another browser.",
  none: "None",
  nothingFetched: "Nothing yet.",
  nothingSentYet: "No files yet.",
  nothingYet: "Nothing here yet. Files appear by themselves as soon as they are sent.",
  openBatch: "Open",
  openForLabel: "Open for",
  remove: "Remove",
  removeQuestion: "Remove?",
  /** @param {string} name */
  sentBy: (name) => `From ${name}`,
  sendersLink: "Your link as the sender",
  sendersLinkHint:
    "Opens the batch on another of your devices, to add, remove and end. Keep it for yourself; this browser remembers it.",
  shareHint: "Share this link or let somebody scan the code.",
  /** @param {string} name @param {string} limit */
  tooLarge: (name, limit) => `${name} is larger than ${limit}, the most that this site takes.`,
  /** @param {number} number @param {string} limit */
  tooLargeSeveral: (number, limit) =>
    `${count(number, "file is", "files are")} larger than ${limit}, the most that this site takes.`,
  /** @param {number} limit */
  tooManyFiles: (limit) => `A batch has ${limit.toLocaleString("en")} files at most. Take some out, or send a ZIP.`,
  /** @param {string} limit */
  tooMuch: (limit) => `Together they are more than ${limit}, the most that a batch may have here.`,
  /** @param {string} left */
  tooMuchLeft: (left) => `There is room for ${left} more. Take some out, or end a batch that is not needed.`,
  stillOpenFor: "open for",
  titleHint: "What receivers see",
  withPassword: "with a password",
  wrongKey: "This key does not open the batch",
  wrongKeyHint:
    "The part of the address after # is cut off or mistyped. Use the address of the page that you sent the files from.",
  yourBatch: "Your batch",
};
