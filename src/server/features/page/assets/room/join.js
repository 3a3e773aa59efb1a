// Before a room: what it is called, who is there, and under which name one comes. Nobody is in a room by opening a link.

import { alertLine } from "../base/alert.js";
import { Refusal, told } from "../base/api.js";
import { fill, h, newId } from "../base/dom.js";
import { title } from "../base/frame.js";
import { icon } from "../base/icons.js";
import { newSeat, ownName } from "../room/memory.js";
import * as session from "../base/session.js";
import { words } from "../room/words.js";
import { sorry } from "../base/sorry.js";

/**
 * @param {HTMLElement} main
 * @param {import("../room/api.js").Room} room
 * @param {import("../room/memory.js").RoomMemory} memory
 * @param {unknown} refused why one was not let in just now
 * @param {() => void} joined
 */
export async function joinForm(main, room, memory, refused, joined) {
  main.classList.remove("wide", "room");
  /** @type {import("../room/api.js").Shown} */
  let shown;
  try {
    shown = await room.show();
  } catch (error) {
    const isGone = error instanceof Refusal && error.code === "room_not_found";
    if (isGone) memory.forget();
    return isGone ? sorry(main, words.noRoom, words.noRoomHint) : sorry(main, words.thatDidNotWork, told(error));
  }
  const alert = alertLine();
  const { element: field, input } = nameField();
  const form = h("form", { class: "stack" }, field, alert.element);
  form.append(h("button", { type: "submit", class: "wide-button" }, words.join));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ownName.set(input.value.trim());
    memory.seat = newSeat(input.value.trim());
    joined();
  });
  title(shown.title || words.untitledRoom);
  const about = shown.locked ? words.closed : words.here(shown.members);
  const head = h("div", {}, h("h1", {}, shown.title || words.untitledRoom), h("p", { class: "quiet" }, about));
  fill(main, h("div", { class: "card entry stack" }, icon("room"), head, form));
  if (refused) alert.show(refused);
  input.focus();
}

/** The name that one goes by, as it was the last time. */
export function nameField() {
  const id = newId();
  const input = h("input", {
    id,
    required: true,
    maxlength: 40,
    autocomplete: "nickname",
    placeholder: words.enterName,
    value: ownName.get() || session.current()?.username,
    pattern: ".*\\S.*",
  });
  return { element: h("div", { class: "field" }, h("label", { for: id }, words.yourName), input), input };
}
