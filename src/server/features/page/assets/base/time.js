// Times for people: how long ago, and exactly when on hover and for screen readers.

import { now } from "../base/clock.js";
import { h, sr } from "../base/dom.js";
import { language, words } from "../base/words.js";

const STEPS = /** @type {const} */ ([
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
]);

const relativeFormat = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
const exactFormat = new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "short" });

/** "2 hours ago". @param {string} iso */
export function relative(iso) {
  const seconds = (Date.parse(iso) - now()) / 1000;
  for (const [unit, length] of STEPS) {
    if (Math.abs(seconds) >= length) return relativeFormat.format(Math.trunc(seconds / length), unit);
  }
  return words.justNow;
}

/** @param {string} iso */
export function exact(iso) {
  return exactFormat.format(new Date(iso));
}

/**
 * How long something still lasts: "6 days", "9:41".
 * @param {string} iso
 */
export function left(iso) {
  const seconds = Math.max(0, Math.ceil((Date.parse(iso) - now()) / 1000));
  if (seconds < 3600) return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  const [unit, length] =
    seconds < 172_800 ? /** @type {const} */ (["hour", 3600]) : /** @type {const} */ (["day", 86_400]);
  const number = Math.round(seconds / length);
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(number);
}

/** Whether it is over. @param {string} iso */
export function isOver(iso) {
  return Date.parse(iso) <= now();
}

/** A time that stays right while the page is open. @param {string} iso */
export function timeOf(iso) {
  const shown = h("span", { "aria-hidden": "true" }, relative(iso));
  every(() => (shown.textContent = relative(iso)), shown, 30_000);
  return h("time", { datetime: iso, title: exact(iso) }, shown, sr(exact(iso)));
}

/**
 * Does something again and again for as long as `element` is in the page.
 * @param {() => void} act
 * @param {Element} element
 * @param {number} milliseconds
 */
export function every(act, element, milliseconds) {
  let seen = false;
  const timer = setInterval(() => {
    seen ||= element.isConnected;
    if (!element.isConnected && seen) clearInterval(timer);
    else act();
  }, milliseconds);
}

/**
 * A countdown; calls `over` once when it ends.
 * @param {string} iso
 * @param {() => void} [over]
 */
export function countdown(iso, over) {
  const shown = h("span", { class: "number", role: "timer", title: exact(iso) }, left(iso));
  let ended = false;
  every(
    () => {
      const text = left(iso);
      if (shown.textContent !== text) shown.textContent = text;
      if (!ended && isOver(iso)) {
        ended = true;
        over?.();
      }
    },
    shown,
    500,
  );
  return shown;
}

const clockFormat = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" });
const dayFormat = new Intl.DateTimeFormat(language, { weekday: "long", day: "numeric", month: "long" });

/** "14:02". @param {string} iso */
export function clockTime(iso) {
  return clockFormat.format(new Date(iso));
}

/** "Saturday 21 November". @param {string} iso */
export function day(iso) {
  return dayFormat.format(new Date(iso));
}
