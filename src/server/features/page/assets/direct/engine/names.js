// Names that a sender gives are data until they are made harmless here, as src/protocol/file_name.rs does for a terminal: they
// neither leave the chosen folder, nor hide in it, nor mean a device.

/** Longest name of a file, in bytes: what every common file system takes, with room for a number. */
const LONGEST = 240;
/** Deepest folder and longest path. */
const DEEPEST = 32;
const LONGEST_PATH = 1024;

/** Control characters, and those that reverse the direction of writing (Unicode, UAX #9 section 2). */
const UNSEEN = /[\p{Cc}\u200E\u200F\u061C\u202A-\u202E\u2066-\u2069]/gu;
/** What Windows takes in no name. */
const REFUSED = /[<>:"|?*]/g;
/** What Windows takes for a device, whatever it ends with. */
const DEVICE = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(\.|$)/i;

/**
 * A sender's path as names of folders and, last, of the file. What is absolute, climbs up, or is too deep is cut to its
 * last name.
 * @param {string} path
 * @returns {string[]} one name or more
 */
export function partsOf(path) {
  const given = path.split(/[/\\]/);
  const names = given.map(name);
  const last = names.findLast((one) => one !== "") ?? "file";
  const drive = /^[a-z]:/i.test(path);
  const whole = names.every((one) => one !== "") && names.length <= DEEPEST && names.join("/").length <= LONGEST_PATH;
  const parts = whole && !drive ? names : [last];
  // It would be hidden from whoever looks, and some of such files are read and run by themselves (`.bashrc`).
  return parts.map((part, place) => (place === 0 ? part.replace(/^\./, "_") : part));
}

/** The same as one name, for where there are no folders. @param {string} path */
export function flat(path) {
  return cut(partsOf(path).join(" - "), "");
}

/** `a.txt`, `a (2).txt` … @param {string} name @param {number} number */
export function numbered(name, number) {
  return number < 2 ? name : cut(name, ` (${number})`);
}

/** A name of harmless characters; empty where nothing is left. @param {string} given */
function name(given) {
  const clean = given.replace(UNSEEN, "").normalize("NFC").trim();
  if (clean === "" || clean === "." || clean === "..") return "";
  const kept = clean.replace(REFUSED, "_").replace(/[. ]+$/, "_");
  return cut(DEVICE.test(kept) ? `_${kept}` : kept, "");
}

/** Shortens a name so that its ending, and what is put before that, still fits. @param {string} name @param {string} mark */
function cut(name, mark) {
  const dot = name.lastIndexOf(".");
  const ending = dot > 0 && name.length - dot <= 16 ? name.slice(dot) : "";
  let stem = [...name.slice(0, name.length - ending.length)];
  const bytes = new TextEncoder();
  while (bytes.encode(stem.join("") + mark + ending).length > LONGEST) stem = stem.slice(0, -1);
  return stem.join("") + mark + ending;
}
