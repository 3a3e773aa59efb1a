// All words of the page, and nothing else knows any. Another language is another object of this shape, chosen here.

const plural = new Intl.PluralRules("en");

/** @param {number} number @param {string} one @param {string} other */
const count = (number, one, other) => `${number.toLocaleString("en")} ${plural.select(number) === "one" ? one : other}`;

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
  wayDesk: "Office files that are checked on the way in, and links that work exactly once.",
  wayDeskClient: "Find a file, download it, or get a link that works exactly once.",
  wayDeskOperation: "Upload office files, and see who fetched what.",

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
  /** @param {number} number */
  filesChosen: (number) => `${count(number, "file", "files")} chosen`,
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

  // Rooms
  away: "away",
  backToStart: "Back to the first page",
  bytesTooMany: "A message has 8 KB at most. Share a longer text as a file.",
  closed: "Locked: nobody new may join.",
  comeBack: "Join again",
  connecting: "Connecting …",
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
  message: "Message",
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
