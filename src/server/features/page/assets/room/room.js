// A room: the form to join it, or the room itself for whoever is in it already.

import { at } from "../base/address.js";
import { screen } from "../base/dom.js";
import { takeKey } from "../base/keys.js";
import { frame } from "../base/frame.js";
import { Room } from "../room/api.js";
import { roomCode } from "../room/code.js";
import { RoomMemory } from "../room/memory.js";
import * as session from "../base/session.js";
import { words } from "../room/words.js";
import { joinForm } from "../room/join.js";
import { talk } from "../room/talk.js";
import { sorry } from "../base/sorry.js";

/** What the key of a room's maker looks like. */
const KEY = /^[a-z2-9]{32}$/;

const main = screen();
const code = roomCode(decodeURIComponent(location.pathname.split("/").pop() ?? ""));

frame();
if (code) {
  const memory = new RoomMemory(code);
  const key = takeKey(at(`r/${code}`));
  if (KEY.test(key)) memory.keepKey(key);
  window.addEventListener("hashchange", () => location.reload());
  if (await session.find()) session.changes.dispatchEvent(new Event("change"));
  enter(new Room(code, memory.manageKey), memory);
} else {
  sorry(main, words.noRoom, words.noRoomHint);
}

/**
 * @param {Room} room
 * @param {RoomMemory} memory
 * @param {unknown} [refused] why one was not let in
 */
function enter(room, memory, refused) {
  if (memory.seat) talk(main, room, memory, (error) => enter(room, memory, error));
  else void joinForm(main, room, memory, refused, () => enter(room, memory));
}
