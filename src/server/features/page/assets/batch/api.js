// A batch as the API has it, for its receivers and, with the key, for its sender.

import { at, segment } from "../base/address.js";
import { call } from "../base/api.js";

/**
 * @typedef {object} BatchFile
 * @property {string} file_id
 * @property {string} filename may have folders: a/b/c.txt
 * @property {number} size
 * @property {string} blake3
 * @property {number | null} downloads_left
 */

/**
 * @typedef {object} BatchView
 * @property {string} title
 * @property {string | null} made_by
 * @property {string} expires_at
 * @property {boolean} password
 * @property {BatchFile[]} files
 * @property {string} receiver_url
 */

export class Batch {
  /** @type {Record<string, string>} */
  headers;

  /**
   * @param {string} id
   * @param {string} [key] the manage key; it goes into a header and nowhere else
   */
  constructor(id, key) {
    this.id = id;
    this.path = `api/batches/${segment(id)}`;
    this.key = key;
    this.headers = key ? { "X-Manage-Key": key } : {};
  }

  /**
   * Makes an empty batch.
   * @param {{ title: string, expires_in: string, password: string, max_downloads: string }} wishes
   * @param {string} requestKey the same for each try
   */
  static async make(wishes, requestKey) {
    const form = new FormData();
    for (const [name, value] of Object.entries(wishes)) {
      if (value) form.append(name, value);
    }
    const headers = { "Idempotency-Key": `"${requestKey}"` };
    const made = await call("POST", "api/batches", { form, headers });
    return { batch: new Batch(made.batch_id, made.manage_key), key: String(made.manage_key) };
  }

  /** @returns {Promise<BatchView>} */
  read() {
    return call("GET", this.path, { headers: this.headers });
  }

  /** The address to pass on. */
  get address() {
    return at(`b/${segment(this.id)}`);
  }

  /** The address that makes whoever opens it the sender. */
  get sendersAddress() {
    return `${this.address}#${this.key}`;
  }

  /** Where its files are sent to. */
  get target() {
    return { path: `${this.path}/files`, field: "files", headers: this.headers, several: true };
  }

  /** @param {BatchFile} file */
  addressOf(file) {
    return at(`${this.path}/files/${segment(file.file_id)}`);
  }

  get zip() {
    return at(`${this.path}/zip`);
  }

  /** The ZIP of some of its files. @param {BatchFile[]} files as many as an address holds */
  zipOf(files) {
    return `${this.zip}?files=${files.map((file) => segment(file.file_id)).join(",")}`;
  }

  /** Keeps it open for so many seconds from now. @param {number} seconds @returns {Promise<{ title: string, expires_at: string }>} */
  keepOpen(seconds) {
    return call("PATCH", this.path, { json: { expires_in: seconds }, headers: this.headers });
  }

  /** @param {string} fileId */
  async remove(fileId) {
    await call("DELETE", `${this.path}/files/${segment(fileId)}`, { headers: this.headers });
  }

  async end() {
    await call("DELETE", this.path, { headers: this.headers });
  }

  /** What was fetched, newest first. */
  async fetches() {
    return (await call("GET", `${this.path}/fetches?limit=50`, { headers: this.headers })).fetches;
  }

  /** Opens it for this browser: a cookie that only this batch's addresses get. @param {string} password */
  async unlock(password) {
    await call("POST", `${this.path}/unlock`, { json: { password } });
  }
}
