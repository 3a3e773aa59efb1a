// Tells somebody who looks elsewhere that something came: a number in the title, and a note of the system's, without a
// sound, for whoever has asked for it.

import { site } from "../base/address.js";
import { browser } from "../base/storage.js";
import { button, set } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { words } from "../room/words.js";

const WANTED = `handover${site}notify`;

/** What comes while nobody looks. @param {(text: string) => void} title shows a title */
export function unseen(title) {
  let text = "";
  let number = 0;
  const show = () => title(number > 0 ? `(${number}) ${text}` : text);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden || number === 0) return;
    number = 0;
    show();
  });
  return {
    /** @param {string} now */
    title(now) {
      text = now;
      show();
    },
    /** @param {string} from @param {string} what */
    came(from, what) {
      if (!document.hidden) return;
      number += 1;
      show();
      if (notifies()) note(`${from} · ${text}`, what);
    },
  };
}

/** Switches the notes on and off, where there can be any. */
export function notesButton() {
  if (!canNotify()) return null;
  const show = () =>
    set(press, { "aria-pressed": String(notifies()), title: notifies() ? words.notesOn : words.notes });
  const press = button(
    { class: "icon-button bell", "aria-label": words.notes },
    () => void wantNotes(!notifies()).then(show),
    icon("bell"),
  );
  show();
  return press;
}

/** Whether this browser can, and whether it was not told never to. */
function canNotify() {
  return "Notification" in window && window.isSecureContext && Notification.permission !== "denied";
}

function notifies() {
  return canNotify() && Notification.permission === "granted" && browser.get(WANTED) === "yes";
}

/** Switches it on or off. To be called on a press: the browser asks the person. @param {boolean} wanted */
async function wantNotes(wanted) {
  const granted = wanted && (await Notification.requestPermission()) === "granted";
  browser.set(WANTED, granted ? "yes" : "no");
}

/** @param {string} heading @param {string} body */
function note(heading, body) {
  try {
    const shown = new Notification(heading, { body: body.slice(0, 200), silent: true, tag: location.pathname });
    shown.addEventListener("click", () => {
      window.focus();
      shown.close();
    });
  } catch {
    // Some phones let only service workers do this.
  }
}
