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
  keepPage: "Keep this page's address for yourself: whoever has it can add, remove and end.",
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
  shareHint: "Share this link or let somebody scan the code.",
  stillOpenFor: "open for",
  titleHint: "What receivers see",
  withPassword: "with a password",
  wrongKey: "This key does not open the batch",
  wrongKeyHint:
    "The part of the address after # is cut off or mistyped. Use the address of the page that you sent the files from.",
  yourBatch: "Your batch",
};
