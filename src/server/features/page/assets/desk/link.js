// A fresh one-time link: its address, its QR code, how long it is open, and whether it was used.

import { alertLine } from "../base/alert.js";
import { segment } from "../base/address.js";
import { announce } from "../base/announce.js";
import { call } from "../base/api.js";
import { confirmed } from "../base/confirm.js";
import { copyField } from "../base/copy.js";
import { button, fill, h } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { qrCode } from "../base/qr.js";
import { openSheet } from "../base/sheet.js";
import { size } from "../base/size.js";
import { countdown, every, timeOf } from "../base/time.js";
import { words } from "../desk/words.js";

/** How often the server is asked what became of the link, in milliseconds. */
const ASK = 2000;

/** @param {import("../desk/file-list.js").Document} file */
export async function linkSheet(file) {
  const minted = await call("POST", `generate_download_url/${segment(file.filename)}`);
  const state = h("p", { class: "state", role: "status" });
  const alert = alertLine();
  const withdraw = confirmed(
    button({ class: "bare danger" }, () => {}, words.withdraw),
    words.withdrawQuestion,
    words.withdraw,
    async () => {
      try {
        await call("DELETE", `api/links/${minted.link_id}`);
        await watch.ask();
      } catch (error) {
        alert.show(error);
      }
    },
  );
  const open = h(
    "div",
    { class: "open-link" },
    qrCode(minted.page_url, words.qrOf(file.filename)),
    copyField(words.address, minted.page_url),
    h("p", { class: "quiet small" }, words.linkHint),
  );
  const dialog = openSheet(
    words.linkTo,
    h("p", { class: "name" }, file.filename, h("span", { class: "quiet" }, ` · ${size(minted.size)}`)),
    open,
    state,
    alert.element,
    h("div", { class: "actions end" }, withdraw),
  );
  const watch = watched(minted, dialog, state, (over) => {
    open.hidden = over;
    withdraw.hidden = over;
  });
}

/**
 * Shows what becomes of a link for as long as its sheet is open.
 * @param {any} minted
 * @param {HTMLElement} dialog
 * @param {HTMLElement} state
 * @param {(over: boolean) => void} change
 */
function watched(minted, dialog, state, change) {
  let shown = "";
  /** @param {any} link a row of GET /api/links */
  const show = (link) => {
    if (shown === link.state) return;
    shown = link.state;
    dialog.dataset.state = shown;
    const over = shown === "consumed" || shown === "expired" || shown === "revoked";
    change(over);
    switch (shown) {
      case "issued":
        return fill(
          state,
          icon("link"),
          h(
            "span",
            {},
            words.openFor,
            " ",
            countdown(minted.expires_at, () => show({ state: "expired" })),
          ),
        );
      case "claimed":
        return fill(state, icon("download"), h("span", {}, words.beingDownloaded));
      case "consumed":
        return fill(
          state,
          icon("check"),
          h("span", {}, words.linkUsed, " ", timeOf(link.fetched_at ?? new Date().toISOString())),
        );
      case "revoked":
        return fill(state, icon("close"), h("span", {}, words.linkWithdrawn));
      default:
        return fill(state, icon("close"), h("span", {}, words.linkExpired));
    }
  };
  const ask = async () => {
    if (document.hidden || shown === "consumed" || shown === "revoked") return;
    const query = new URLSearchParams({ filename: minted.filename, limit: "50" });
    const page = await call("GET", `api/links?${query}`).catch(() => null);
    const link = page?.links.find((/** @type {any} */ one) => one.id === minted.link_id);
    if (link) show(link);
  };
  show({ state: "issued" });
  every(() => void ask(), dialog, ASK);
  announce(words.linkReady);
  return { ask };
}
