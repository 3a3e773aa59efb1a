// Beside what is said: the code to pass on, who is here, and what the maker of the room may do.

import { alertLine } from "../base/alert.js";
import { confirmed } from "../base/confirm.js";
import { copyField } from "../base/copy.js";
import { button, fill, h, newId, once } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { qrCode } from "../base/qr.js";
import { words } from "../room/words.js";

/** @typedef {import("../room/socket.js").Member} Member */

/**
 * @param {import("../room/api.js").Room} room
 * @param {HTMLButtonElement} leave
 * @param {(members: number) => void} counted
 */
export function roomSide(room, leave, counted) {
  /** @type {Map<string, { member: Member, row: HTMLElement, show: () => void }>} */
  const members = new Map();
  const alert = alertLine();
  const list = h("ul", { class: "members", "aria-label": words.members });
  const heading = h("h2", {}, words.members);
  const maker = room.isMine ? makersPart(room, alert) : null;
  const share = sharing(room);
  const here = h("section", {}, heading, list);
  const element = h(
    "aside",
    { class: "side-parts", "aria-label": words.share },
    share,
    here,
    maker?.element,
    alert.element,
  );
  let own = "";

  const count = () => {
    fill(heading, words.members, h("span", { class: "quiet" }, ` ${members.size}`));
    counted(members.size);
  };

  /** @param {Member} member */
  function add(member) {
    if (members.has(member.id)) return;
    const state = h("span", { class: "small quiet" });
    const isMe = member.id === own;
    const show = () => (state.textContent = isMe ? words.you.toLowerCase() : member.away ? words.away : "");
    const label = { "aria-label": words.removeMember(member.name), title: words.sendAway };
    const away = room.isMine && !isMe && button({ class: "icon-button", ...label }, () => {}, icon("close"));
    if (away) {
      confirmed(away, words.removeMemberQuestion, words.sendAway, () =>
        attempt(alert, () => room.removeMember(member.id)),
      );
    }
    const name = h("span", { dir: "auto" }, member.name);
    const row = h("li", {}, h("span", { class: "grow" }, name, " ", state), isMe ? leave : away);
    members.set(member.id, { member, row, show });
    show();
    if (isMe) list.prepend(row);
    else list.append(row);
  }

  return {
    element,
    /** @param {{ title: string, locked: boolean }} now */
    changed: (now) => maker?.show(now),
    /** @param {Member[]} present @param {string} me */
    present(present, me) {
      own = me;
      members.clear();
      fill(list);
      for (const member of present) add(member);
      count();
    },
    /** @param {Member} member */
    joined(member) {
      add(member);
      count();
    },
    /** @param {string} id */
    left(id) {
      members.get(id)?.row.remove();
      members.delete(id);
      count();
    },
    /** @param {string} id @param {boolean} away */
    away(id, away) {
      const one = members.get(id);
      if (!one) return;
      one.member.away = away;
      one.show();
    },
    /** @param {boolean} again whether one may come back */
    over(again) {
      for (const part of [here, maker?.element]) part?.remove();
      if (!again) share.remove();
    },
  };
}

/** A code as it is read out. @param {string} code */
export function codeGroups(code) {
  return h("p", { class: "room-code" }, ...code.split("-").flatMap((group) => [h("span", {}, group), " "]));
}

/** @param {import("../room/api.js").Room} room */
function sharing(room) {
  const qr = h("details", { class: "room-qr" }, h("summary", {}, words.showCode), qrCode(room.address, words.roomQr));
  return h(
    "section",
    {},
    h("h2", {}, words.roomCode),
    codeGroups(room.code),
    copyField(words.roomAddress, room.address),
    qr,
  );
}

/**
 * @param {import("../room/api.js").Room} room
 * @param {ReturnType<typeof import("../base/alert.js").alertLine>} alert
 */
function makersPart(room, alert) {
  let locked = false;
  const id = newId();
  const called = h("input", { id, maxlength: 200, autocomplete: "off" });
  const save = h("button", { type: "submit", class: "plain short" }, words.rename);
  const renaming = h(
    "form",
    { class: "field" },
    h("label", { for: id }, words.title),
    h("div", { class: "with-button" }, called, save),
  );
  renaming.addEventListener("submit", (event) => {
    event.preventDefault();
    void once(save, () => attempt(alert, () => room.change({ title: called.value.trim() })));
  });
  const lock = button({ class: "plain short" }, () => {
    void once(lock, () => attempt(alert, () => room.change({ locked: !locked })));
  });
  const end = button({ class: "bare danger short" }, () => {}, icon("trash"), words.endRoom);
  confirmed(end, words.endRoomQuestion, words.endRoom, () => attempt(alert, () => room.end()));
  const link = h("details", {}, h("summary", {}, words.makersLink));
  link.append(h("p", { class: "small quiet" }, words.makersLinkHint), copyField(words.makersLink, room.makersAddress));
  const element = h(
    "section",
    { class: "stack" },
    h("h2", {}, words.manage),
    renaming,
    h("div", { class: "actions" }, lock, end),
    link,
  );
  return {
    element,
    /** @param {{ title: string, locked: boolean }} now */
    show(now) {
      locked = now.locked;
      if (document.activeElement !== called) called.value = now.title;
      fill(lock, icon("lock"), locked ? words.unlockRoom : words.lockRoom);
    },
  };
}

/** @param {ReturnType<typeof import("../base/alert.js").alertLine>} alert @param {() => Promise<void>} act */
async function attempt(alert, act) {
  alert.clear();
  await act().catch(alert.show);
}
