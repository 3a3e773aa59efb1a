// Names that have folders: a/b/c.txt

/** The last part of a name with folders, and what stands before it. @param {string} name */
export function parts(name) {
  const slash = name.lastIndexOf("/") + 1;
  return { folder: name.slice(0, slash), last: name.slice(slash) };
}
