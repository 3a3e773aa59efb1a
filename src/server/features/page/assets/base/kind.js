// The kind of a file by letter and tint, from the end of its name. Nobody's logo.

import { h } from "../base/dom.js";

/** @type {[string, string, string[]][]} letters, tint, endings */
const KINDS = [
  ["W", "blue", ["docx", "doc", "odt", "rtf", "pages"]],
  ["X", "green", ["xlsx", "xls", "ods", "csv", "tsv", "numbers"]],
  ["P", "orange", ["pptx", "ppt", "odp", "key"]],
  ["PDF", "red", ["pdf"]],
  ["IMG", "violet", ["png", "jpg", "jpeg", "gif", "webp", "avif", "heic", "svg", "tif", "tiff", "bmp", "psd"]],
  ["ZIP", "brown", ["zip", "7z", "gz", "tgz", "tar", "bz2", "xz", "zst", "rar"]],
  ["MOV", "violet", ["mp4", "mov", "mkv", "webm", "avi"]],
  ["MUS", "orange", ["mp3", "wav", "flac", "ogg", "m4a", "opus"]],
  [
    "TXT",
    "grey",
    ["txt", "md", "log", "json", "xml", "yaml", "yml", "toml", "html", "css", "js", "ts", "rs", "py", "sh"],
  ],
];

/** @param {string} name */
export function kindOf(name) {
  const ending = /\.([^.]+)$/.exec(name)?.[1]?.toLowerCase() ?? "";
  const [letters, tint] = KINDS.find(([, , endings]) => endings.includes(ending)) ?? ["", "grey"];
  return h(
    "span",
    { class: "kind", "data-tint": tint, "data-letters": letters.length, "aria-hidden": "true" },
    letters,
  );
}
