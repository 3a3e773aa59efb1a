// The room itself: what is said, where one writes, and what stands beside it, all fed by one socket.

import { at } from "../base/address.js";
import { announce } from "../base/announce.js";
import { Refusal } from "../base/api.js";
import { button, fill, h, set } from "../base/dom.js";
import { title } from "../base/frame.js";
import { icon } from "../base/icons.js";
import { fitKeyboard } from "../room/keyboard.js";
import { notesButton, unseen } from "../room/notify.js";
import { RoomSocket } from "../room/socket.js";
import { openSheet } from "../base/sheet.js";
import { signInSheet } from "../base/sign-in.js";
import { countdown } from "../base/time.js";
import { words } from "../room/words.js";
import { roomLog } from "../room/log.js";
import { roomSide } from "../room/side.js";
import { sayBar } from "../room/say.js";
import { typing } from "../room/typing.js";
import { unsentList } from "../room/unsent.js";

/** @typedef {import("../room/api.js").RoomEvent} RoomEvent */

/**
 * @param {HTMLElement} main
 * @param {import("../room/api.js").Room} room
 * @param {import("../room/memory.js").RoomMemory} memory
 * @param {(error: unknown) => void} refused one is not let in
 */
export function talk(main, room, memory, refused) {
  const elsewhere = unseen(title);
  const heading = h("h1", { class: "clip" }, words.untitledRoom);
  const state = h("p", { class: "room-state small", role: "status" });
  const entering = h("p", { class: "loading quiet", role: "status" }, words.connecting);
  const warning = h("p", { class: "room-warning", role: "status", hidden: true });
  const typists = typing();
  let isIn = false;
  /** Whether what is not live is history, rather than what was missed. */
  let isFirst = true;
  /** @type {HTMLDialogElement | null} what stands beside, where there is no room beside */
  let sheet = null;

  const socket = new RoomSocket(room, memory, {
    welcome(welcome, first) {
      isIn = true;
      isFirst = first;
      if (first) fill(main, view);
      fill(state);
      show(welcome.room);
      side.present(welcome.members, welcome.you.id);
      for (const fetched of welcome.fetched) log.fetched(fetched);
      log.readdress(true);
      if (!first) return;
      log.setMore(welcome.more);
      socket.seat.unsent.forEach(unsent.add);
      say.focus();
    },
    events(events, live) {
      for (const event of events) if (event.type === "message" && event.ref) unsent.settled(event.ref);
      log.add(events, live);
      if (live) events.forEach(happened);
      if (live || !isFirst) events.forEach(tell);
    },
    word(word) {
      if (word.type === "typing" && !isMine(word.from_id)) typists.types(word.from_id, word.from);
      if (word.type === "away") side.away(word.member, word.away);
      if (word.type === "fetched") log.fetched(word);
      if (word.type === "stored") unsent.settled(word.ref);
      if (word.type === "ending") warn(word.expires_at);
    },
    refusedMessage: (message) => unsent.refuse(message),
    lost(tries) {
      typists.clear();
      if (isIn) fill(state, words.lostConnection);
      else if (tries > 1) fill(entering, words.noSocket);
    },
    async refused(error) {
      const code = error instanceof Refusal ? error.code : "";
      if (code === "sign_in_required" && (await signInSheet())) return socket.connect();
      if (code === "room_not_found") {
        memory.forget();
        if (isIn) return over(words.roomOver, words.noRoomHint, false);
      }
      memory.seat = null;
      if (isIn) over(words.youAreOut, /** @type {Error} */ (error).message, true);
      else refused(error);
    },
    over(code, msg) {
      if (code === "ended") memory.forget();
      else if (code !== "replaced") memory.seat = null;
      if (code === "replaced") over(words.hereElsewhere, words.hereElsewhereHint, true);
      else if (code === "left") over(words.youAreOut, words.joinAgainHint, true);
      else if (code === "removed") over(words.youAreOut, msg, false);
      else over(words.roomOver, msg, false);
    },
  });

  /** @param {string} id */
  const isMine = (id) => socket.seat.mine.includes(id);
  /** @param {string} file */
  const addressOf = (file) => room.addressOf(file, socket.seat.key ?? "");
  /** @param {string} file */
  const previewOf = (file) => room.previewOf(file, socket.seat.key ?? "");
  const leave = button({ class: "bare short" }, () => socket.leave(), words.leave);
  const side = roomSide(room, leave, (members) =>
    fill(more, icon("people"), String(members), h("span", { class: "sr" }, words.membersAndCode(members))),
  );
  const more = button({ class: "plain short more-room" }, () => {
    sheet = openSheet(heading.textContent ?? "", side.element);
    sheet.addEventListener("close", () => view.append(side.element));
  });
  const unsent = unsentList({ again: (ref) => socket.again(ref), giveUp: (ref) => socket.giveUp(ref) });
  const log = roomLog(
    {
      isMine,
      addressOf,
      preview: async (file) => say.own(file.filename, file.size) ?? (await fetch(previewOf(file.file_id))).blob(),
      remove: room.isMine ? (event) => void room.removeEvent(event).catch(say.failed) : null,
    },
    (before) => room.older(socket.seat.token ?? "", before),
    unsent.element,
    room.code,
  );
  const say = sayBar({
    target: {
      path: `${room.path}/files`,
      field: "file",
      get headers() {
        return { "X-Member-Token": socket.seat.token ?? "" };
      },
    },
    say(text) {
      unsent.add(socket.say(text));
      log.toEnd();
    },
    typing: () => socket.typing(),
  });
  const actions = h("div", { class: "actions" }, notesButton(), more);
  const head = h("div", { class: "room-head" }, h("div", { class: "grow" }, heading, state), actions);
  const foot = h("div", { class: "room-foot" }, warning, typists.element, say.element);
  const view = h(
    "div",
    { class: "room-view" },
    h("div", { class: "room-main" }, head, log.element, foot, h("p", { class: "drop-here" }, words.dropToShare)),
    side.element,
  );

  /** @param {{ title: string, locked: boolean }} now */
  function show(now) {
    fill(heading, now.locked && icon("lock"), now.title || words.untitledRoom);
    set(heading, { title: now.locked && words.closed });
    elsewhere.title(now.title || words.untitledRoom);
    side.changed(now);
  }

  /** @param {RoomEvent} event */
  function happened(event) {
    warning.hidden = true; // its time has begun anew
    if (event.type === "joined") side.joined({ id: event.member, name: event.name, away: false });
    if (event.type === "left") side.left(event.member);
    if (event.type === "changed") show(event);
    if (event.type === "message" || event.type === "file") typists.done(event.from_id);
  }

  /** @param {RoomEvent} event */
  function tell(event) {
    if (event.type !== "message" && event.type !== "file") return;
    if (!isMine(event.from_id)) elsewhere.came(event.from, event.type === "file" ? event.filename : event.text);
  }

  /** @param {string} end */
  function warn(end) {
    fill(warning, icon("clock"), h("span", {}, `${words.endsIn} `, countdown(end), "."));
    warning.hidden = false;
  }

  /** @param {string} what @param {string} hint @param {boolean} again whether one may come back */
  function over(what, hint, again) {
    const back = again
      ? button({ class: "short" }, () => location.reload(), words.comeBack)
      : h("a", { class: "button short", href: at("") }, words.backToStart);
    say.stop();
    side.over(again);
    log.readdress(false);
    sheet?.close();
    for (const part of [actions, state]) part.remove();
    const text = h("div", { class: "grow" }, h("p", { class: "name" }, what), h("p", {}, hint));
    fill(foot, h("div", { class: "room-over" }, text, back));
    announce(`${what}. ${hint}`);
    elsewhere.title(what);
  }

  main.classList.add("wide", "room");
  fill(main, entering);
  fitKeyboard();
  socket.connect();
}
