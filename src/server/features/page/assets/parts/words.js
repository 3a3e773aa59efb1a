// All words of the page, and nothing else knows any. Another language is another object of this shape, chosen here.

const plural = new Intl.PluralRules("en");

/** @param {number} number @param {string} one @param {string} other */
const count = (number, one, other) => `${number.toLocaleString("en")} ${plural.select(number) === "one" ? one : other}`;

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

const en = {
  // Everywhere
  account: "Account",
  actions: "Actions",
  broken: "The connection broke. Check it and try again.",
  cancelled: "Cancelled",
  close: "Close",
  copied: "Copied",
  copy: "Copy",
  failed: "That did not work. Try again in a moment.",
  justNow: "just now",
  keep: "Keep",
  more: "Show more",
  name: "Name",
  size: "Size",

  // Who is here
  clientUser: "Client user: fetches files",
  operationUser: "Operation user: uploads files",
  email: "Email",
  haveAccount: "You have an account?",
  noAccount: "No account yet?",
  password: "Password",
  passwordRule: "8 characters or more.",
  register: "Create an account",
  signIn: "Sign in",
  signInAgain: "Your sign-in has ended. Sign in to go on.",
  signOut: "Sign out",
  signupCode: "Sign-up code",
  signupCodeHint: "If your administrator gave you one.",
  username: "Username",
  wantsToUpload: "I upload office files for others (operation user)",

  // The first page
  codeOrLink: "Code or link",
  handOver: "Hand a file over",
  handOverHint: "From one person to another. Whoever receives needs no account.",
  newBatch: "Batch",
  noSuchCode: "That is no code of this site. Check it, or paste the whole link.",
  noSuchLink: "That link leads to nothing that can be received. Check it, or ask for a new one.",
  openDesk: "Open the desk",
  otherSite: "That link belongs to another site. Open it in the address bar.",
  receive: "Receive",
  receiveGo: "Receive",
  receiveHint: "Type the code or paste the link that you were given.",
  startBatch: "Choose files",
  wayBatch: "Several files, any kind. One link and one QR code for all of them.",
  startDirect: "Send or receive",
  wayDesk: "Office files that are checked on the way in, and links that work exactly once.",
  wayDeskClient: "Find a file, download it, or get a link that works exactly once.",
  wayDeskOperation: "Upload office files, and see who fetched what.",
  wayDirect: "You are both there now. It goes from one to the other, encrypted, and is stored nowhere.",

  // Choosing and uploading
  /** @param {string} name */
  cancelUpload: (name) => `Cancel the upload of ${name}`,
  checking: "Checking the file …",
  chooseFiles: "Choose files",
  chooseFolder: "Choose a folder",
  /** @param {string} name */
  dismiss: (name) => `Remove ${name} from this list`,
  dropOffice: "Drop office files here",
  dropOfficeHint: ".docx, .xlsx and .pptx. Each is checked before client users see it.",
  /** @param {string} sent @param {string} all */
  ofSize: (sent, all) => `${sent} of ${all}`,
  quiet: "Nothing is moving. Waiting for the connection …",
  retry: "Retry",
  /** @param {string} name */
  retryUpload: (name) => `Retry the upload of ${name}`,
  /** @param {number} seconds */
  secondsLeft: (seconds) => {
    if (seconds < 60) return `${Math.max(1, Math.ceil(seconds))} s left`;
    return seconds < 3600 ? `${Math.ceil(seconds / 60)} min left` : `${Math.ceil(seconds / 3600)} h left`;
  },
  /** @param {string} size */
  speed: (size) => `${size}/s`,
  /** @param {number} version */
  stored: (version) => (version > 1 ? `Uploaded as version ${version}` : "Uploaded"),
  uploads: "Uploads",
  waiting: "waiting",

  // The desk
  /** @param {number} number */
  andMore: (number) => `and ${number} more`,
  delete: "Delete",
  deleteAllVersions: "Delete all versions?",
  /** @param {string} name */
  deleted: (name) => `${name} was deleted.`,
  /** @param {string} name */
  deleteFile: (name) => `Delete ${name}`,
  deleteQuestion: "Delete?",
  /** @param {number} version */
  deleteVersion: (version) => `Delete version ${version}`,
  desk: "Desk",
  deskForClient: "Download a file, or get a link that gives it exactly once.",
  deskForOperation: "Office files for client users, who fetch them by one-time links.",
  fetched: "Fetched",
  /** @param {string} name */
  fetchedBy: (name) => `by ${name}`,
  files: "Files",
  /** @param {number} number */
  found: (number) => `${count(number, "file", "files")} found`,
  /** @param {string} address */
  from: (address) => `from ${address}`,
  /** @param {string} state @param {string} name */
  linkState: (state, name) =>
    ({
      issued: `${name} got a link`,
      claimed: `${name} is downloading; began`,
      consumed: `${name} fetched it`,
      expired: `A link of ${name} ran out; made`,
      revoked: `A link of ${name} was withdrawn; made`,
    })[state] ?? `${name}: ${state}`,
  noFilesForYou: "No files yet. They appear here as soon as somebody uploads one.",
  noFilesYet: "No files yet. Drop the first one above.",
  noLinks: "Nobody has asked for a link yet.",
  notFetched: "not yet",
  notFetchedLately: "not lately",
  /** @param {string} text */
  notFound: (text) => `No name contains “${text}”.`,
  searchFiles: "Search files",
  uploaded: "Uploaded",
  version: "Version",
  /** @param {number} version */
  versionNumber: (version) => `Version ${version}`,
  versions: "Versions",
  whoFetched: "Who fetched it",

  // Batches
  addMore: "Add more files",
  addMoreHint: "Whoever has the link sees them at once.",
  /** @param {number} number */
  allAsZip: (number) => `${count(number, "file", "files")} as a ZIP`,
  /** @param {number} number */
  allSent: (number) =>
    number === 1 ? "The file is there. Share the link." : `All ${number} files are there. Share the link.`,
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
  dropAny: "Drop files or a folder here",
  dropAnyHint: "Any kind, any size the server takes.",
  endBatch: "End batch",
  endQuestion: "Remove all files for everybody?",
  /** @param {number} number */
  files_: (number) => count(number, "file", "files"),
  /** @param {number} files @param {number} folders that are empty */
  filesAndFolders: (files, folders) =>
    [
      (files > 0 || folders === 0) && count(files, "file", "files"),
      folders > 0 && count(folders, "empty folder", "empty folders"),
    ]
      .filter(Boolean)
      .join(", "),
  /** @param {number} files @param {number} [folders] that are empty */
  filesChosen: (files, folders = 0) => `${words.filesAndFolders(files, folders)} chosen`,
  filesForYou: "Files for you",
  /** @param {number} done @param {number} all */
  filesOf: (done, all) => `${done} of ${count(all, "file", "files")} sent`,
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
  /** @param {string} name */
  removeFile: (name) => `Remove ${name}`,
  removeQuestion: "Remove?",
  send: "Send",
  sendingAll: "Sending",
  /** @param {number} number @param {string} size */
  sendFiles: (number, size) => `Send ${count(number, "file", "files")}, ${size}`,
  /** @param {number} number */
  sendFolders: (number) => `Send ${count(number, "empty folder", "empty folders")}`,
  /** @param {string} name */
  sentBy: (name) => `From ${name}`,
  share: "Share",
  shareHint: "Share this link or let somebody scan the code.",
  /** @param {number} number */
  someFailed: (number) => `${count(number, "file has", "files have")} not arrived. Retry or leave them out.`,
  stillOpenFor: "open for",
  thatDidNotWork: "That did not work",
  title: "Title",
  titleHint: "What receivers see",
  /** @param {number} number */
  unread: (number) =>
    `${count(number, "item", "items")} could not be read and ${number === 1 ? "is" : "are"} left out.`,
  withPassword: "with a password",
  wrongKey: "This key does not open the batch",
  wrongKeyHint:
    "The part of the address after # is cut off or mistyped. Use the address of the page that you sent the files from.",
  yourBatch: "Your batch",

  // Direct
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
  connecting: "Connecting …",
  connectionLost: "Your connection broke. Trying again …",
  decline: "Decline",
  delivered: "Delivered",
  /** @param {number} files @param {string} size @param {number} seconds */
  deliveredHow: (files, size, seconds) =>
    files === 0
      ? "It has arrived."
      : `${count(files, "file", "files")}, ${size}, ${took(seconds)}. Every piece was verified.`,
  deliveredMessage: "The message has arrived.",
  direct: "Direct",
  /** @param {string} code @param {"sender" | "receiver"} side @param {string} message the engine's own words */
  directFailure: (code, side, message) => {
    const [head, text] = ends[code]?.[side] ?? ["That did not work", message];
    return { head, text };
  },
  directHint: "You are both there now. It goes straight from one to the other, encrypted, and is stored nowhere.",
  directTitle: "Hand over directly",
  downloadStopped: "The browser has stopped the download.",
  dropDirectHint: "Any kind, any size. Or paste them.",
  emptyFolder: "empty folder",
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
  message: "Message",
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
  // Direct: what keeps a transfer from its end
  directEnds: /** @type {Record<string, string>} */ ({
    cancelled: "The transfer was cancelled.",
    declined: "The receiver declined.",
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
  /** @param {string} name @param {string} why */
  directUnwritable: (name, why) => `${name} cannot be saved${why && `: ${why}`}`,
  notACode: "A code has a number and two words, such as 7-acrobat-puzzle.",
  /** @param {string} word */
  notAWord: (word) => `“${word}” is not one of the words that codes are made of. Look at the code once more.`,

  // Rooms
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
  newRoom: "Room",
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
  startRoom: "Make a room",
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
  wayRoom: "Talk and share files with a code, for as long as you need it.",
  write: "Write a message",
  you: "You",
  youAreOut: "You are no longer in this room",
  yourName: "Your name",

  // Links
  address: "Address of the link",
  beingDownloaded: "Somebody is downloading it right now",
  download: "Download",
  downloadBegun: "The download has begun. If it breaks off, press Download again.",
  /** @param {string} name */
  downloadBegins: (name) => `The download of ${name} begins.`,
  /** @param {string} name */
  downloadFile: (name) => `Download ${name}`,
  getLink: "Get link",
  /** @param {string} name */
  getLinkTo: (name) => `Get link to ${name}`,
  linkExpired: "This link has expired. Get a new one if you still need it.",
  linkHint: "It gives the file once. Looking at it spends nothing; a download that breaks off can be finished.",
  linkReady: "The link is ready.",
  linkTo: "One-time link",
  linkUsed: "Link used",
  linkUsedHere: "The file was downloaded, and the link is used up. Ask for a new link to get it again.",
  linkWithdrawn: "You have withdrawn this link.",
  openFor: "Open for",
  /** @param {string} name */
  qrOf: (name) => `QR code of the link to ${name}`,
  withdraw: "Withdraw",
  withdrawQuestion: "Withdraw this link?",
};

/** What numbers and times are written in: the reader's kind of our language. */
export const language = navigator.languages.find((wanted) => wanted.split("-")[0] === "en") ?? "en-GB";

export const words = en;
