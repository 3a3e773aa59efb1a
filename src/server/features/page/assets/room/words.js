// The words of rooms.

import { count, words as common } from "../base/words.js";

export const words = {
  ...common,

  away: "away",
  backToStart: "Back to the first page",
  bytesTooMany: "A message has 8 KB at most. Share a longer text as a file.",
  closed: "Locked: nobody new may join.",
  comeBack: "Join again",
  /** @param {string} name */
  deleteFrom: (name) => `Delete what ${name} said`,
  dropToShare: "Drop to share with everybody here",
  earlier: "Show earlier messages",
  endRoom: "End room",
  endRoomQuestion: "End it for everybody, with all messages and files?",
  endsIn: "Nobody has said anything for a while. The room and its files go in",
  enterName: "What the others see",
  /** @param {string} names */
  fetchedByAll: (names) => `Fetched by ${names}`,
  giveUp: "Discard",
  /** @param {number} number */
  here: (number) => (number === 0 ? "Nobody is here yet." : `${count(number, "person is", "people are")} here.`),
  hereElsewhere: "You are here in another tab",
  hereElsewhereHint: "It has taken over from this one.",
  join: "Join",
  joinAgainHint: "You can come back at any time while the room is open.",
  /** @param {string} name */
  joined: (name) => `${name} joined`,
  leave: "Leave",
  /** @param {string} name @param {"left" | "lost" | "removed"} reason */
  left: (name, reason) =>
    ({
      left: `${name} left`,
      lost: `${name} lost the connection`,
      removed: `${name} was sent away`,
    })[reason],
  lockedNow: "The room is locked: nobody new may join",
  lockRoom: "Lock",
  lostConnection: "Connection lost, trying again …",
  makersLink: "Your link as the maker",
  makersLinkHint: "Opens the room on another of your devices with all that you may do. Keep it for yourself.",
  makeRoom: "Make the room",
  manage: "Manage",
  members: "Who is here",
  /** @param {number} number */
  membersAndCode: (number) => `Code and ${count(number, "member", "members")}`,
  messages: "Messages",
  /** @param {number} number */
  messagesBelow: (number) => count(number, "new message", "new messages"),
  newRoomHint: "Talk and share files with whoever has the code. Everything goes when the room ends.",
  newRoomTitle: "New room",
  noRoom: "There is no such room",
  noRoomHint: "Its time may be over, or its code is mistyped. Ask for the code again, or make a new room.",
  noSocket: "No connection yet, trying again … If it stays so, something on the way may hold up WebSockets.",
  notes: "Tell me of new messages",
  notesOn: "New messages are told",
  openNow: "The room is open again",
  /** @param {string} name @param {string} when */
  pasted: (name, when) => `${name} ${when}`,
  pastedPicture: "Pasted picture",
  /** @param {string} name */
  pictureOf: (name) => `Picture ${name}`,
  renamed: "The room is called",
  /** @param {string} name */
  removeMember: (name) => `Send ${name} away`,
  removeMemberQuestion: "Send away?",
  removedMessage: "Deleted by the maker of the room",
  rename: "Rename",
  roomAddress: "Address of the room",
  roomChanged: "The room was changed",
  roomCode: "Code",
  roomOver: "The room is over",
  roomQr: "QR code of the room",
  roomTitle: "Title (optional)",
  saidNothing: "Nothing has been said yet. Share the code, then say hello.",
  sendAway: "Send away",
  sendingMessage: "Sending …",
  shareFiles: "Share files",
  showAll: "Show all of it",
  showCode: "Show the QR code",
  toEnd: "To the newest message",
  tooManyFiles: "Share folders as a batch, or choose fewer files: 100 at a time.",
  /** @param {string[]} names */
  typing: (names) =>
    names.length === 0
      ? ""
      : names.length > 2
        ? "Several people are typing …"
        : `${names.join(" and ")} ${names.length === 1 ? "is" : "are"} typing …`,
  unlockRoom: "Unlock",
  untitledRoom: "Room",
  write: "Write a message",
  you: "You",
  youAreOut: "You are no longer in this room",
  yourName: "Your name",
};
