// The words that the whole page shares; each capability has those of its own beside it, and nothing else knows any.
// Another language is other objects of this shape.

const plural = new Intl.PluralRules("en");

/** @param {number} number @param {string} one @param {string} other */
export const count = (number, one, other) =>
  `${number.toLocaleString("en")} ${plural.select(number) === "one" ? one : other}`;

export const words = {
  // Everywhere
  account: "Account",
  broken: "The connection broke. Check it and try again.",
  cancelled: "Cancelled",
  close: "Close",
  copied: "Copied",
  copy: "Copy",
  failed: "That did not work. Try again in a moment.",
  justNow: "just now",
  keep: "Keep",

  // Who is here
  clientUser: "Client user: fetches files",
  operationUser: "Operation user: uploads files",
  email: "Email",
  byInvitation: "Accounts are made by invitation here. Ask whoever runs this server for one.",
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
  receive: "Receive",
  receiveGo: "Receive",
  receiveHint: "Type the code or paste the link that you were given.",

  // Choosing and uploading
  /** @param {string} name */
  cancelUpload: (name) => `Cancel the upload of ${name}`,
  checking: "Checking the file …",
  chooseFiles: "Choose files",
  chooseFolder: "Choose a folder",
  /** @param {string} name */
  dismiss: (name) => `Remove ${name} from this list`,
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
  deleteQuestion: "Delete?",
  desk: "Desk",
  fetched: "Fetched",
  files: "Files",
  /** @param {string} address */
  from: (address) => `from ${address}`,
  /** @param {number} number */
  allSent: (number) =>
    number === 1 ? "The file is there. Share the link." : `All ${number} files are there. Share the link.`,
  dropAny: "Drop files or a folder here",
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
  /** @param {number} done @param {number} all */
  filesOf: (done, all) => `${done} of ${count(all, "file", "files")} sent`,
  /** @param {string} name */
  removeFile: (name) => `Remove ${name}`,
  send: "Send",
  sendingAll: "Sending",
  /** @param {number} number @param {string} size */
  sendFiles: (number, size) => `Send ${count(number, "file", "files")}, ${size}`,
  share: "Share",
  /** @param {number} number */
  someFailed: (number) => `${count(number, "file has", "files have")} not arrived. Retry or leave them out.`,
  thatDidNotWork: "That did not work",
  title: "Title",
  /** @param {number} number */
  unread: (number) =>
    `${count(number, "item", "items")} could not be read and ${number === 1 ? "is" : "are"} left out.`,
  connecting: "Connecting …",
  direct: "Direct",
  emptyFolder: "empty folder",
  message: "Message",

  // Links
  address: "Address of the link",
  download: "Download",
  /** @param {string} name */
  downloadFile: (name) => `Download ${name}`,
  linkExpired: "This link has expired. Get a new one if you still need it.",
  /** @param {string} name */
  qrOf: (name) => `QR code of the link to ${name}`,
};

/** What numbers and times are written in: the reader's kind of our language. */
export const language = navigator.languages.find((wanted) => wanted.split("-")[0] === "en") ?? "en-GB";
