// What every screen shares: the header with who is signed in, the title, and what to do when a sign-in ends.

import { at } from "../base/address.js";
import { call } from "../base/api.js";
import { button, fill, h } from "../base/dom.js";
import { icon } from "../base/icons.js";
import * as session from "../base/session.js";
import { signInSheet } from "../base/sign-in.js";
import { words } from "../base/words.js";

const nav = h("nav", { "aria-label": words.account });

/** Whether the header leads to the sign-in. */
let leads = true;

/**
 * Fills the header. A screen calls this once, first.
 * @param {{ signIn?: boolean }} [options] `signIn: false` where the screen itself asks for one
 */
export function frame({ signIn = true } = {}) {
  leads = signIn;
  // The address of the page may change while it is open (a batch that is sent gets its own), and what is relative to
  // it.
  for (const link of document.querySelectorAll("link, a"))
    if ("href" in link) link.setAttribute("href", String(link.href));
  document.querySelector("header.top")?.append(nav);
  show();
  session.changes.addEventListener("change", show);
}

/** @param {string} text */
export function title(text) {
  document.title = `${text} – Handover`;
}

function show() {
  const user = session.current();
  if (!user) {
    fill(nav, leads && h("a", { class: "bare button", href: at("desk") }, words.signIn));
    return;
  }
  const role = user.role === "operation" ? words.operationUser : words.clientUser;
  fill(
    nav,
    h("span", { class: "who quiet", title: role }, icon("user"), h("span", {}, user.username)),
    button({ class: "bare" }, signOut, words.signOut),
  );
}

async function signOut() {
  // Whether or not the server hears of it, this browser forgets.
  await call("POST", "logout").catch(() => null);
  session.end();
}

/**
 * Does something that may need a sign-in: asks for one when the server does, and tries once more.
 * @template T
 * @param {() => Promise<T>} act
 * @returns {Promise<T>}
 */
export async function signedIn(act) {
  try {
    return await act();
  } catch (error) {
    const code = /** @type {any} */ (error)?.code;
    if (code !== "invalid_token" && code !== "sign_in_required") throw error;
    if (!(await signInSheet(code === "invalid_token" ? words.signInAgain : words.signIn))) throw error;
    return await act();
  }
}
