// What may be sent here: told before files are chosen, and judged before anything is sent.

import { call } from "../base/api.js";
import { size } from "../base/size.js";
import { words } from "../batch/words.js";

/**
 * @typedef {object} Limits in bytes
 * @property {number} max_file_size
 * @property {number} max_batch_size
 * @property {number} max_batch_files
 * @property {number} left what the quota of whoever asks still holds
 */

/** What the server says; null where it says nothing, to guests that have to sign in first. @returns {Promise<Limits | null>} */
export function readLimits() {
  return call("GET", "api/limits").catch(() => null);
}

/** The limits in words. @param {Limits} limits */
export function limitsInWords({ max_file_size, max_batch_size, max_batch_files, left }) {
  const most = Math.min(max_batch_size, left);
  return words.limits(size(Math.min(max_file_size, most)), size(most), max_batch_files);
}

/**
 * Why files cannot be sent, or an empty text.
 * @param {Limits} limits
 * @param {{ file: File, name: string }[]} files
 */
export function tooMuch({ max_file_size, max_batch_size, max_batch_files, left }, files) {
  const large = files.filter(({ file }) => file.size > max_file_size);
  const bytes = files.reduce((sum, { file }) => sum + file.size, 0);
  const [first] = large;
  if (first && large.length === 1) return words.tooLarge(first.name, size(max_file_size));
  if (first) return words.tooLargeSeveral(large.length, size(max_file_size));
  if (files.length > max_batch_files) return words.tooManyFiles(max_batch_files);
  if (bytes > max_batch_size) return words.tooMuch(size(max_batch_size));
  return bytes > left ? words.tooMuchLeft(size(left)) : "";
}
