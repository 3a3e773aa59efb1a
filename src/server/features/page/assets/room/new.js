// A new room: what it is called, and who makes it. Whoever makes it is in it.

import { alertLine } from "../base/alert.js";
import { fill, h, newId, once, screen } from "../base/dom.js";
import { frame, signedIn, title } from "../base/frame.js";
import { icon } from "../base/icons.js";
import { Room } from "../room/api.js";
import { RoomMemory, newSeat, ownName } from "../room/memory.js";
import * as session from "../base/session.js";
import { words } from "../room/words.js";
import { nameField } from "../room/join.js";

const main = screen();

frame();
title(words.newRoomTitle);
if (await session.find()) session.changes.dispatchEvent(new Event("change"));
const id = newId();
const called = h("input", { id, maxlength: 200, autocomplete: "off" });
const name = nameField();
const alert = alertLine();
const go = h("button", { type: "submit", class: "wide-button" }, words.makeRoom);
const form = h(
  "form",
  { class: "stack" },
  name.element,
  h("div", { class: "field" }, h("label", { for: id }, words.roomTitle), called),
  alert.element,
  go,
);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  void once(go, make);
});
const head = h("div", {}, h("h1", {}, words.newRoomTitle), h("p", { class: "quiet" }, words.newRoomHint));
fill(main, h("div", { class: "card entry stack" }, icon("room"), head, form));
name.input.focus();

async function make() {
  alert.clear();
  try {
    const made = await signedIn(() => Room.make(called.value.trim()));
    const memory = new RoomMemory(made.room);
    ownName.set(name.input.value.trim());
    const room = new Room(made.room, made.manage_key);
    const isKept = memory.keepKey(made.manage_key);
    memory.seat = newSeat(name.input.value.trim());
    location.replace(isKept ? room.address : room.makersAddress);
  } catch (error) {
    alert.show(error);
  }
}
