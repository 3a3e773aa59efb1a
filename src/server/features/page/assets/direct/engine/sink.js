// Where received files go: to the disk while they arrive, by the best way that this browser has.

import { fileSink, folderSink } from "../../direct/engine/folder-sink.js";
import { MOST, memorySink } from "../../direct/engine/memory-sink.js";
import { partsOf } from "../../direct/engine/names.js";
import { canStream, streamSink } from "../../direct/engine/stream-sink.js";

/** @typedef {{ path: string, size?: number | null, folder?: boolean }} Entry */

/**
 * A file that is being written. `write` resolves when there is room for more, `close` gives the name that the file has.
 * @typedef {{ write(bytes: Uint8Array): Promise<void>, close(): Promise<string>, abort(): Promise<void> }} Writing
 */

/** @typedef {{ open(entry: Entry): Promise<Writing>, folder(entry: Entry): Promise<void> }} Sink */

/** @typedef {"folder" | "file" | "downloads" | "memory"} Way */

/** What pages of this browser may do; type checkers know little of it. @type {any} */
const browser = window;

/** By which way these would go. @param {Entry[]} entries @returns {Way} */
export function wayFor(entries) {
  const one = entries.length === 1 && !entries[0]?.folder;
  if (one && browser.showSaveFilePicker) return "file";
  if (browser.showDirectoryPicker) return "folder";
  return canStream() ? "downloads" : "memory";
}

/** Whether these are too much for the way they would go. @param {Entry[]} entries */
export function isTooMuch(entries) {
  return wayFor(entries) === "memory" && entries.reduce((sum, entry) => sum + (entry.size ?? 0), 0) > MOST;
}

/**
 * Asks where to, where the browser lets a person choose. Call it from a press: browsers open no dialog else.
 * @param {Entry[]} entries
 * @returns {Promise<Sink | null>} null if the person has closed the dialog
 */
export async function choose(entries) {
  try {
    switch (wayFor(entries)) {
      case "file":
        return fileSink(await browser.showSaveFilePicker({ suggestedName: partsOf(entries[0]?.path ?? "").at(-1) }));
      case "folder":
        return folderSink(await browser.showDirectoryPicker({ mode: "readwrite", startIn: "downloads" }));
      case "downloads":
        return streamSink();
      default:
        return memorySink();
    }
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") return null;
    throw error;
  }
}
