// Keeps what is shown of a batch true while the page is looked at.

import { listen } from "../base/events.js";

/** @typedef {import("../batch/api.js").BatchView} BatchView */

/**
 * @typedef {object} Watcher
 * @property {(view: BatchView) => void} shown the batch as it is now; its files are in the list already
 * @property {() => void} over it has ended
 * @property {(error: unknown) => void} refused it could not be read
 */

/**
 * @param {import("../batch/api.js").Batch} batch
 * @param {ReturnType<typeof import("../batch/list.js").batchList>} list
 * @param {Watcher} watcher
 * @returns {() => void} ends the watch
 */
export function watchBatch(batch, list, { shown, over, refused }) {
  /** @type {BatchView | null} */
  let view = null;
  const read = async () => {
    try {
      view = await list.sync(() => batch.read());
      shown(view);
    } catch (error) {
      refused(error);
    }
  };
  return listen(`${batch.path}/events`, batch.headers, {
    connected: () => void read(),
    // Too many watch it, or something on the way passes no events on: then it is read each time that is tried again.
    failed: () => void read(),
    event: (name, data) => {
      if (name === "added") list.add(data.files);
      if (name === "removed") list.drop(data.file_id);
      if (name === "counted" && data.files) list.count(data.files);
      else if (name === "counted") void read();
      if (name === "changed" && view) shown(Object.assign(view, data));
      if (name === "ended") over();
    },
    refused,
  });
}
