// Files that go to the disk while they arrive, through the File System Access API. What is written lies in a file of the
// browser's own beside the goal until it is closed; nothing that is there before is overwritten.

import { numbered, partsOf } from "../../direct/engine/names.js";

/** @typedef {import("../../direct/engine/sink.js").Entry} Entry */
/** @typedef {import("../../direct/engine/sink.js").Sink} Sink */
/** @typedef {import("../../direct/engine/sink.js").Writing} Writing */

/** Names that are tried: `a.txt`, `a (2).txt` … */
const TRIES = 1000;

/** Into a folder that the person has chosen. @param {FileSystemDirectoryHandle} root @returns {Sink} */
export function folderSink(root) {
  return {
    async open(entry) {
      const parts = partsOf(entry.path);
      const name = parts.pop() ?? "file";
      const { folder, shown } = await descend(root, parts);
      const file = await freshFile(folder, name);
      return writing(file, [...shown, file.name].join("/"), () => folder.removeEntry(file.name));
    },
    async folder(entry) {
      await descend(root, partsOf(entry.path));
    },
  };
}

/** Into one file that the person has named. @param {FileSystemFileHandle} file @returns {Sink} */
export function fileSink(file) {
  return {
    open: () => writing(file, file.name, () => /** @type {any} */ (file).remove?.()),
    folder: () => Promise.resolve(),
  };
}

/**
 * @param {FileSystemFileHandle} file
 * @param {string} name
 * @param {() => Promise<void> | undefined} remove takes away what is empty when nothing came of it
 * @returns {Promise<Writing>}
 */
async function writing(file, name, remove) {
  const stream = await file.createWritable();
  return {
    // A view of a part of a buffer is written as that part.
    write: (bytes) => stream.write(/** @type {Uint8Array<ArrayBuffer>} */ (bytes)),
    async close() {
      await stream.close();
      return name;
    },
    async abort() {
      await stream.abort().catch(() => {});
      await Promise.resolve(remove()).catch(() => {});
    },
  };
}

/**
 * The folder of these names, made where it is missing. What is there and is no folder keeps its name.
 * @param {FileSystemDirectoryHandle} root
 * @param {string[]} names
 */
async function descend(root, names) {
  let folder = root;
  /** @type {string[]} */
  const shown = [];
  for (const name of names) {
    const above = folder;
    folder = await first(name, (free) => above.getDirectoryHandle(free, { create: true }));
    shown.push(folder.name);
  }
  return { folder, shown };
}

/** A file that was not there. @param {FileSystemDirectoryHandle} folder @param {string} name */
function freshFile(folder, name) {
  return first(name, async (free) => {
    if (await isThere(folder, free)) return null;
    const file = await folder.getFileHandle(free, { create: true });
    // Somebody else may have made one meanwhile.
    return (await file.getFile()).size === 0 ? file : null;
  });
}

/** @param {FileSystemDirectoryHandle} folder @param {string} name */
async function isThere(folder, name) {
  try {
    await folder.getFileHandle(name);
    return true;
  } catch (error) {
    if (named(error, "NotFoundError")) return false;
    if (named(error, "TypeMismatchError")) return true;
    throw error;
  }
}

/**
 * Tries names until one is not taken. What the browser takes for dangerous (`x.lnk`) gets a harmless ending.
 * @template T
 * @param {string} name
 * @param {(name: string) => Promise<T | null>} attempt null where the name is taken
 * @returns {Promise<T>}
 */
async function first(name, attempt) {
  let tried = name;
  for (let number = 1; number < TRIES; number += 1) {
    try {
      const found = await attempt(numbered(tried, number));
      if (found !== null) return found;
    } catch (error) {
      if (error instanceof TypeError && tried === name) tried = `${name}_`;
      else if (!named(error, "TypeMismatchError")) throw error;
    }
  }
  throw new Error(`${name} is there too often`);
}

/** @param {unknown} error @param {string} name */
function named(error, name) {
  return error instanceof DOMException && error.name === name;
}
