// What is known of a file of the desk: its versions, and who fetched it.

import { alertLine } from "../base/alert.js";
import { segment } from "../base/address.js";
import { call } from "../base/api.js";
import { confirmed } from "../base/confirm.js";
import { button, fill, h } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { size } from "../base/size.js";
import { timeOf } from "../base/time.js";
import { words } from "../desk/words.js";

/** @typedef {import("../desk/file-list.js").Document} Document */

/**
 * @param {Document} file
 * @param {() => void} changed
 */
export function fileDetails(file, changed) {
  const versions = h("ul", { class: "rows small" });
  const links = h("ul", { class: "rows small" });
  const alert = alertLine();
  const element = h(
    "div",
    { class: "columns" },
    h("section", {}, h("h3", {}, words.versions), versions),
    h("section", {}, h("h3", {}, words.whoFetched), links),
    alert.element,
  );

  const load = async () => {
    try {
      const [found, page] = await Promise.all([
        call("GET", `files/${segment(file.filename)}`),
        call("GET", `api/links?${new URLSearchParams({ filename: file.filename, limit: "50" })}`),
      ]);
      fill(versions, .../** @type {Document[]} */ (found.versions).map((one, _, all) => version(one, all.length)));
      fill(links, ...page.links.map(link));
      if (page.links.length === 0) fill(links, h("li", { class: "quiet" }, words.noLinks));
    } catch (error) {
      alert.show(error);
    }
  };

  /** @param {Document} one @param {number} count */
  const version = (one, count) => {
    const remove =
      count > 1 &&
      confirmed(
        button({ class: "icon-button", "aria-label": words.deleteVersion(one.version) }, () => {}, icon("trash")),
        words.deleteQuestion,
        words.delete,
        async () => {
          try {
            await call("DELETE", `files/${segment(one.filename)}?version=${one.version}`);
            changed();
          } catch (error) {
            alert.show(error);
          }
        },
      );
    return h(
      "li",
      { class: "row" },
      h(
        "span",
        { class: "grow" },
        words.versionNumber(one.version),
        h("span", { class: "quiet" }, ` · ${size(one.size)} · ${one.uploaded_by} · `),
        timeOf(one.uploaded_at),
      ),
      remove,
    );
  };

  void load();
  return element;
}

/** @param {any} link a row of GET /api/links */
function link(link) {
  const what = words.linkState(link.state, link.issued_to);
  return h(
    "li",
    { class: "row" },
    h(
      "span",
      { class: "grow" },
      what,
      " ",
      timeOf(link.fetched_at ?? link.issued_at),
      h(
        "span",
        { class: "quiet" },
        ` · ${words.versionNumber(link.version)}`,
        link.fetched_from ? ` · ${words.from(link.fetched_from)}` : "",
      ),
    ),
  );
}
