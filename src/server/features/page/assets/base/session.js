// The sign-in of this browser.
//
// The token lives in sessionStorage: it goes when the tab does, and no other site, and nobody who opens this browser
// tomorrow, finds it. localStorage would keep it on the disk until it is cleared; a cookie would be sent by the browser
// itself, and forms of other sites could then act for the user. Other open tabs of this site get it by asking over a
// BroadcastChannel, so one sign-in is enough, and one sign-out ends all. A script of somebody else's could read it
// wherever it lies: that there is none is the business of the Content-Security-Policy.

import { site } from "../base/address.js";
import { tab } from "../base/storage.js";

/** @typedef {{ token: string, username: string, role: "operation" | "client", ends: number }} Session */

const NAME = `handover${site}session`;

/** How long a new tab waits for another one that is signed in. */
const ANSWER_TIME = 150;

/** None where the browser lets pages of one site not talk to each other. */
const channel = channelOf(NAME);

/** Tells whoever shows it: `change`. */
export const changes = new EventTarget();

/** @returns {Session | null} */
export function current() {
  const kept = tab.get(NAME);
  if (!kept) return null;
  try {
    const session = /** @type {Session} */ (JSON.parse(kept));
    if (session.ends > Date.now()) return session;
  } catch {
    // Not ours: as good as none.
  }
  tab.remove(NAME);
  return null;
}

/** @param {Session} session */
export function begin(session) {
  tab.set(NAME, JSON.stringify(session));
  changes.dispatchEvent(new Event("change"));
}

/** Forgets the sign-in, here and in the other tabs. */
export function end() {
  tab.remove(NAME);
  channel?.postMessage({ ended: true });
  changes.dispatchEvent(new Event("change"));
}

/**
 * The sign-in of this tab, or of another one that is open.
 * @returns {Promise<Session | null>}
 */
export function find() {
  const own = current();
  if (own || !channel) return Promise.resolve(own);
  return new Promise((resolve) => {
    const done = () => {
      channel.removeEventListener("message", hear);
      resolve(current());
    };
    /** @param {MessageEvent} message */
    const hear = (message) => {
      if (!message.data?.session) return;
      tab.set(NAME, JSON.stringify(message.data.session));
      done();
    };
    channel.addEventListener("message", hear);
    channel.postMessage({ wanted: true });
    setTimeout(done, ANSWER_TIME);
  });
}

channel?.addEventListener("message", (message) => {
  if (message.data?.wanted) {
    const session = current();
    if (session) channel.postMessage({ session });
  }
  if (message.data?.ended && tab.get(NAME)) {
    tab.remove(NAME);
    changes.dispatchEvent(new Event("change"));
  }
});

/** @param {string} name */
function channelOf(name) {
  try {
    return new BroadcastChannel(name);
  } catch {
    return null;
  }
}
