// A picture that somebody else has shared, made small and still: its pixels on a canvas. What a file is called does not
// count; its first bytes say whether it is one of four formats that hold nothing but pixels, and how large it unfolds.

import { h } from "../base/dom.js";

/** Larger files are not fetched for a look; larger pictures are not unfolded, nor such as are no more than a line. */
export const LARGEST = 10_000_000;
const PIXELS = 50_000_000;
const RATIO = 20;

/** Pixels of the longer side, for screens with two or more to a unit. */
const SIDE = 720;

/**
 * Draws a picture; null when it is none that is shown.
 * @param {Blob} blob
 * @param {string} label
 */
export async function picture(blob, label) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const sides = sidesOf(bytes);
  if (!sides) return null;
  const [short, long] = [Math.min(...sides), Math.max(...sides)];
  if (short === 0 || short * long > PIXELS || long / short > RATIO) return null;
  const smaller = sides[0] === long ? { resizeWidth: SIDE } : { resizeHeight: SIDE };
  const image = await createImageBitmap(new Blob([bytes]), long > SIDE ? { ...smaller, resizeQuality: "medium" } : {});
  const canvas = h("canvas", { width: image.width, height: image.height, role: "img", "aria-label": label });
  canvas.getContext("bitmaprenderer")?.transferFromImageBitmap(image);
  return canvas;
}

/**
 * Width and height of a PNG, JPEG, GIF or WebP; null for everything else.
 * @param {Uint8Array} bytes
 * @returns {[number, number] | null}
 */
export function sidesOf(bytes) {
  if (bytes.length < 30) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  /** @param {number} from @param {number} to */
  const text = (from, to) => String.fromCharCode(...bytes.subarray(from, to));
  if (text(0, 8) === "\x89PNG\r\n\x1a\n") return [view.getUint32(16), view.getUint32(20)];
  if (/^GIF8[79]a$/.test(text(0, 6))) return [view.getUint16(6, true), view.getUint16(8, true)];
  if (text(0, 4) === "RIFF" && text(8, 12) === "WEBP") return sidesOfWebp(view, text(12, 16));
  if (text(0, 3) === "\xff\xd8\xff") return sidesOfJpeg(view);
  return null;
}

/**
 * RFC 9649, section 2.
 * @param {DataView} view
 * @param {string} kind of the first chunk
 * @returns {[number, number] | null}
 */
function sidesOfWebp(view, kind) {
  if (kind === "VP8 ") return [view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff];
  if (kind === "VP8X") return [(view.getUint32(24, true) & 0xffffff) + 1, (view.getUint32(26, true) >>> 8) + 1];
  if (kind !== "VP8L") return null;
  const sides = view.getUint32(21, true);
  return [(sides & 0x3fff) + 1, ((sides >>> 14) & 0x3fff) + 1];
}

/**
 * From the frame's header (ITU-T T.81, section B.2.2).
 * @param {DataView} view
 * @returns {[number, number] | null}
 */
function sidesOfJpeg(view) {
  for (let at = 2; at + 9 < view.byteLength && view.getUint8(at) === 0xff;) {
    const marker = view.getUint8(at + 1);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return [view.getUint16(at + 7), view.getUint16(at + 5)];
    at += marker === 0xff ? 1 : 2 + view.getUint16(at + 2);
  }
  return null;
}
