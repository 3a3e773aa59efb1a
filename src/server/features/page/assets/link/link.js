// The page of a one-time link works without this; here it says how long is left, and when the link has been used.

import { at } from "../base/address.js";
import { set } from "../base/dom.js";
import { frame } from "../base/frame.js";
import * as session from "../base/session.js";
import { countdown, every, exact, isOver } from "../base/time.js";
import { words } from "../link/words.js";

/** How often the server is asked whether the download is complete, in milliseconds. */
const ASK = 2000;

const form = document.querySelector("form");
const state = document.getElementById("state");
const expires = document.getElementById("expires");
const end = expires?.getAttribute("datetime") ?? "";
const token = location.pathname.split("/").pop() ?? "";

frame();
expires?.replaceChildren(
  `${exact(end)} (`,
  countdown(end, () => tell(words.linkExpired, "expired")),
  ")",
);
form?.addEventListener("submit", begun, { once: true });
if (await session.find()) session.changes.dispatchEvent(new Event("change"));

/** The form is sent by the browser itself; the download comes beside the page. */
function begun() {
  if (!state) return;
  tell(words.downloadBegun, "claimed");
  every(() => void ask(), state, ASK);
}

/** HEAD spends nothing. */
async function ask() {
  if (state?.dataset.state !== "claimed" || isOver(end)) return;
  const answer = await fetch(at(`download_file/${token}`), { method: "HEAD", cache: "no-store" }).catch(() => null);
  if (answer?.status === 410) tell(words.linkUsedHere, "consumed");
}

/** @param {string} text @param {string} how */
function tell(text, how) {
  if (!form || !state) return;
  state.textContent = text;
  state.hidden = false;
  set(state, { "data-state": how });
  form.hidden = how !== "claimed";
}
