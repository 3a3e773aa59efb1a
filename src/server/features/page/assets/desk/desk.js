// The desk: what it is depends on who is signed in.

import { fill, h, screen } from "../base/dom.js";
import { frame, title } from "../base/frame.js";
import * as session from "../base/session.js";
import { signInForm } from "../base/sign-in.js";
import { words } from "../base/words.js";
import { clientDesk } from "../desk/client.js";
import { operationDesk } from "../desk/operation.js";

const main = screen();
const entry = h("div", { class: "entry card" });
const desk = h("div", {});

/** Whose desk is shown. */
let shown = "";
/** @type {() => void} */
let refresh = () => {};

frame({ signIn: false });
title(words.desk);
await session.find();
fill(main, entry, desk);
session.changes.addEventListener("change", show);
show();

/**
 * When a sign-in ends, the desk is only hidden: uploads that run go on, and whoever signs in again finds it as it was.
 */
function show() {
  const user = session.current();
  main.classList.toggle("wide", user !== null);
  desk.hidden = user === null;
  entry.hidden = user !== null;
  if (!user) {
    fill(entry, signInForm({ register: location.hash === "#register" }));
    return;
  }
  // Whoever signs out here next time signs in again, and needs no second account.
  if (location.hash) history.replaceState(null, "", location.pathname);
  if (shown === `${user.role} ${user.username}`) {
    refresh();
  } else {
    shown = `${user.role} ${user.username}`;
    const made = user.role === "operation" ? operationDesk() : clientDesk();
    fill(desk, made.element);
    refresh = made.refresh;
    refresh();
  }
}
