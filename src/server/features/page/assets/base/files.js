// Files that a person drops or chooses, those in folders too.

/**
 * All files of a drop. Folders are walked; what cannot be read is left out and counted.
 * @param {DataTransfer} transfer
 * @returns {Promise<{ files: File[], folders: string[], unread: number }>} `folders`: the paths of those that are empty
 */
export async function filesOf(transfer) {
  // The items are gone after the first wait.
  const entries = [...transfer.items].filter((item) => item.kind === "file").map((item) => item.webkitGetAsEntry());
  if (!entries.some((entry) => entry?.isDirectory)) {
    return { files: [...transfer.files], folders: [], unread: 0 };
  }
  /** @type {File[]} */
  const files = [];
  /** @type {string[]} */
  const folders = [];
  let unread = 0;
  for (const waiting = entries.reverse(); waiting.length > 0;) {
    const entry = waiting.pop();
    if (!entry) continue;
    try {
      if (entry.isDirectory) {
        const inside = await children(/** @type {FileSystemDirectoryEntry} */ (entry));
        if (inside.length === 0) folders.push(pathOf(entry));
        waiting.push(...inside.reverse());
      } else files.push(await file(/** @type {FileSystemFileEntry} */ (entry)));
    } catch {
      unread += 1;
    }
  }
  return { files, folders, unread };
}

/** Its path, from what was dropped on. @param {FileSystemEntry} entry */
const pathOf = (entry) => entry.fullPath.replace(/^\//, "");

/** The file, with its path where it lies in a folder, as one has it that was chosen. @param {FileSystemFileEntry} entry */
async function file(entry) {
  /** @type {File} */
  const found = await new Promise((resolve, reject) => entry.file(resolve, reject));
  const path = pathOf(entry);
  if (path.includes("/") && !found.webkitRelativePath) {
    Object.defineProperty(found, "webkitRelativePath", { value: path });
  }
  return found;
}

/** A reader gives a hundred at a time, and none when it is through. @param {FileSystemDirectoryEntry} folder */
async function children(folder) {
  const reader = folder.createReader();
  /** @type {FileSystemEntry[]} */
  const all = [];
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return all.sort((a, b) => a.name.localeCompare(b.name));
    all.push(...some);
  }
}
