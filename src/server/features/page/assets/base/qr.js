// An address as a QR code (ISO/IEC 18004), dark on light in both themes because not every camera reads the opposite.

import { svg } from "../base/icons.js";
import { encode } from "../vendor/uqr.js";

/**
 * @param {string} text
 * @param {string} label
 */
export function qrCode(text, label) {
  const { data, size } = encode(text, { ecc: text.length > 120 ? "L" : "M", border: 4 });
  let path = "";
  data.forEach((row, y) => row.forEach((dark, x) => (path += dark ? `M${x} ${y}h1v1h-1z` : "")));
  return svg(
    `0 0 ${size} ${size}`,
    { class: "qr", role: "img", "aria-label": label, "shape-rendering": "crispEdges" },
    path,
  );
}
