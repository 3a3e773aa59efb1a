// What a file of the user's own looks like, before it is sent: made from the file itself, here. Nothing that somebody
// else has uploaded is ever shown this way.

import { h } from "../base/dom.js";
import { kindOf } from "../base/kind.js";

const IMAGES = /^image\/(png|jpeg|gif|webp|avif|bmp)$/;
const TEXTS = /^(text\/|application\/(json|xml|toml|yaml|javascript))|\.(txt|md|csv|log|rs|py|toml|ya?ml)$/;

/** Larger images take longer to read than a small picture is worth. */
const LARGEST = 50_000_000;

/** Pixels of a side, for screens with two or more to a unit. */
const SIDE = 80;

/** One after another: a folder of photos would take all memory at once. @type {Promise<void>} */
let before = Promise.resolve();

const observer = new IntersectionObserver((seen) => {
  for (const { isIntersecting, target } of seen) {
    if (!isIntersecting) continue;
    observer.unobserve(target);
    target.dispatchEvent(new Event("seen"));
  }
});

/**
 * The picture of a file for its row: the letter of its kind until, and unless, there is a better one.
 * @param {File} file
 */
export function thumbnail(file) {
  const holder = h("span", { class: "thumbnail" }, kindOf(file.name));
  if (IMAGES.test(file.type) && file.size <= LARGEST) {
    holder.addEventListener("seen", () => {
      before = before.then(() => draw(file, holder)).catch(() => {});
    });
    observer.observe(holder);
  }
  return holder;
}

/** @param {File} file @param {HTMLElement} holder */
async function draw(file, holder) {
  const image = await createImageBitmap(file, { resizeWidth: SIDE, resizeQuality: "medium" });
  const canvas = h("canvas", { width: SIDE, height: SIDE, "aria-hidden": "true" });
  const scale = Math.max(SIDE / image.width, SIDE / image.height);
  const [width, height] = [image.width * scale, image.height * scale];
  canvas.getContext("2d")?.drawImage(image, (SIDE - width) / 2, (SIDE - height) / 2, width, height);
  image.close();
  holder.replaceChildren(canvas);
}

/**
 * The first line of a text file; empty for others.
 * @param {File} file
 * @returns {Promise<string>}
 */
export async function firstLine(file) {
  if (!TEXTS.test(file.type) && !TEXTS.test(file.name)) return "";
  const start = await file
    .slice(0, 400)
    .text()
    .catch(() => "");
  if (start.includes("\0")) return "";
  return (
    start
      .split("\n")
      .map((line) => line.trim())
      .find((line) => line !== "")
      ?.slice(0, 120) ?? ""
  );
}
