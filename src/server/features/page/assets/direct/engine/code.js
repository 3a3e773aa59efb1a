// The code that people pass on: NAMEPLATE-WORD-WORD, e.g. 7-acrobat-puzzle. The nameplate tells the hub which sender is
// meant; the words are the password of the key exchange and never leave the two ends. They are the terminal's own list:
// each word is known by its first three letters, and any two are at least three edits apart.

import { words as texts } from "../../direct/words.js";

/** Words of a code. */
const LENGTH = 2;
/** What is not worth a look. */
const LONGEST = 200;
const MOST = 0xffff_ffff;

/** @typedef {{ nameplate: number, text: string }} Code `text` is the code as it is written, and the password */

/** Why a text is no code, for whoever typed it. */
export class NotACode extends Error {}

/** @type {Promise<string[]> | null} */
let list = null;

/** All words, sorted; fetched once. @returns {Promise<string[]>} */
function wordList() {
  list ??= fetch(new URL("words.txt", import.meta.url)).then(async (response) => {
    if (!response.ok) throw new TypeError(`words: ${response.status}`);
    return (await response.text()).trimEnd().split("\n");
  });
  list.catch(() => (list = null));
  return list;
}

/**
 * A code with words at random.
 * @param {number} nameplate
 * @returns {Promise<Code>}
 */
export async function random(nameplate) {
  const words = await wordList();
  const chosen = Array.from({ length: LENGTH }, () => words[below(words.length)]);
  return { nameplate, text: [nameplate, ...chosen].join("-") };
}

/** A number at random, each as likely as the others. @param {number} bound at most 2^16 */
function below(bound) {
  const fair = 0x1_0000 - (0x1_0000 % bound);
  for (;;) {
    const [number] = crypto.getRandomValues(new Uint16Array(1));
    if (number < fair) return number % bound;
  }
}

/**
 * Reads what somebody typed or pasted. Forgives case, spaces and other signs between the parts, a link around the code,
 * and a mistake in a word.
 * @param {string} text
 * @returns {Promise<Code>} rejects with NotACode
 */
export async function parse(text) {
  // Of a link the fragment is the code.
  const code = text.slice(text.lastIndexOf("#") + 1);
  const [digits, ...typed] = code.split(/[^\p{Alphabetic}\p{N}]+/u).filter((part) => part);
  const nameplate = /^[0-9]+$/.test(digits ?? "") ? Number(digits) : Infinity;
  if (code.length > LONGEST || nameplate > MOST) throw new NotACode(texts.notACode);
  const list = await wordList();
  const found = typed.map((part) => {
    const known = word(list, part.toLowerCase());
    if (!known) throw new NotACode(texts.notAWord(part));
    return known;
  });
  if (found.length !== LENGTH) throw new NotACode(texts.notACode);
  return { nameplate, text: [nameplate, ...found].join("-") };
}

/**
 * The words that begin so.
 * @param {string} start
 * @returns {Promise<string[]>}
 */
export async function completions(start) {
  return beginning(await wordList(), start.toLowerCase());
}

/** @param {string[]} list @param {string} start */
function beginning(list, start) {
  return list.filter((word) => word.startsWith(start));
}

/** The word that `text` is, begins, or misspells. @param {string[]} list @param {string} text */
function word(list, text) {
  if (list.includes(text)) return text;
  if ([...text].length < 3) return null;
  const begun = beginning(list, text);
  if (begun.length === 1) return begun[0];
  // One mistake leads to one word at most; with two there may be several.
  const distances = list.map((word) => distance(text, word));
  const one = distances.indexOf(1);
  if (one >= 0) return list[one];
  const two = distances.indexOf(2);
  return two >= 0 && two === distances.lastIndexOf(2) ? list[two] : null;
}

/** Edits between two words, two neighbours swapped counted as one. @param {string} one @param {string} two */
function distance(one, two) {
  const [left, right] = [[...one], [...two]];
  if (Math.abs(left.length - right.length) > 2) return Infinity;
  const rows = [right.map((_, j) => j).concat(right.length)];
  for (let i = 1; i <= left.length; i++) {
    rows.push([i]);
    for (let j = 1; j <= right.length; j++) {
      const changed = rows[i - 1][j - 1] + (left[i - 1] === right[j - 1] ? 0 : 1);
      let least = Math.min(changed, rows[i - 1][j] + 1, rows[i][j - 1] + 1);
      if (i > 1 && j > 1 && left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1]) {
        least = Math.min(least, rows[i - 2][j - 2] + 1);
      }
      rows[i].push(least);
    }
  }
  return rows[left.length][right.length];
}
