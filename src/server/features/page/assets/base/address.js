// Where the site is. Modules lie at ROOT/assets/VERSION/FOLDER/FILE, so the root follows from this one's own address,
// and everything works under any base path without being told which.

const root = new URL("../../../", import.meta.url);

/**
 * The absolute address of something of this site.
 * @param {string} path without a slash in front; `""` is the first page
 */
export function at(path) {
  return new URL(path, root).href;
}

/**
 * A text as one segment of a path.
 * @param {string} text
 */
export function segment(text) {
  return encodeURIComponent(text);
}

/** What tells apart what this site and its neighbours on the same host keep in the browser. */
export const site = root.pathname;

/**
 * What follows the root in an address of this site; null for others.
 * @param {string} address
 */
export function pathOf(address) {
  return address.startsWith(root.href) ? address.slice(root.href.length) : null;
}
