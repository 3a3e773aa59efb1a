// The words of the desk.

import { count, words as common } from "../base/words.js";

export const words = {
  ...common,

  actions: "Actions",
  more: "Show more",
  name: "Name",
  size: "Size",
  dropOffice: "Drop office files here",
  dropOfficeHint: ".docx, .xlsx and .pptx. Each is checked before client users see it.",
  deleteAllVersions: "Delete all versions?",
  /** @param {string} name */
  deleted: (name) => `${name} was deleted.`,
  /** @param {string} name */
  deleteFile: (name) => `Delete ${name}`,
  /** @param {number} version */
  deleteVersion: (version) => `Delete version ${version}`,
  deskForClient: "Download a file, or get a link that gives it exactly once.",
  deskForOperation: "Office files for client users, who fetch them by one-time links.",
  /** @param {string} name */
  fetchedBy: (name) => `by ${name}`,
  /** @param {number} number */
  found: (number) => `${count(number, "file", "files")} found`,
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
  beingDownloaded: "Somebody is downloading it right now",
  /** @param {string} name */
  downloadBegins: (name) => `The download of ${name} begins.`,
  getLink: "Get link",
  /** @param {string} name */
  getLinkTo: (name) => `Get link to ${name}`,
  linkHint: "It gives the file once. Looking at it spends nothing; a download that breaks off can be finished.",
  linkReady: "The link is ready.",
  linkTo: "One-time link",
  linkUsed: "Link used",
  linkWithdrawn: "You have withdrawn this link.",
  openFor: "Open for",
  withdraw: "Withdraw",
  withdrawQuestion: "Withdraw this link?",
};
