// What the browser keeps for this site: for this tab, or for good. Where it keeps nothing (site data is blocked, a private
// window is full), this page remembers it for as long as it is open, and works on.

class Storage {
  #open;
  /** What could not be kept. @type {Map<string, string>} */
  #remembered = new Map();

  /** @param {() => globalThis.Storage} open throws where site data is blocked */
  constructor(open) {
    this.#open = open;
  }

  /** @param {string} name @returns {string | null} */
  get(name) {
    return this.#remembered.get(name) ?? this.#attempt((storage) => storage.getItem(name)) ?? null;
  }

  /** @param {string} name @param {string} value @returns {boolean} whether another page will find it */
  set(name, value) {
    this.#remembered.delete(name);
    const isKept = this.#attempt((storage) => (storage.setItem(name, value), true)) ?? false;
    if (!isKept) this.#remembered.set(name, value);
    return isKept;
  }

  /** @param {string} name */
  remove(name) {
    this.#remembered.delete(name);
    this.#attempt((storage) => storage.removeItem(name));
  }

  /** @template T @param {(storage: globalThis.Storage) => T} act @returns {T | undefined} */
  #attempt(act) {
    try {
      return act(this.#open());
    } catch {
      return undefined;
    }
  }
}

/** Kept until this tab is closed. */
export const tab = new Storage(() => sessionStorage);

/** Kept for good. */
export const browser = new Storage(() => localStorage);
