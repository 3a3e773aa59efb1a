// The icons: 20 px, drawn with a line of 1.5 px. They say nothing to screen readers; what holds them has a name.

const SVG = "http://www.w3.org/2000/svg";

/** What is drawn of each icon, as SVG paths. */
const PATHS = {
  add: "M10 4v12M4 10h12",
  arrow: "M4 10h12M11 5l5 5-5 5",
  attach:
    "M15.500 9.500 9.700 15.300a3.400 3.400 0 0 1-4.800-4.800l6-6a2.250 2.250 0 0 1 3.200 3.200l-6 6a1.100 1.100 0 0 1-1.600-1.600l5.300-5.300",
  batch: "M3 7.500 10 4l7 3.500L10 11zM3 11l7 3.500 7-3.500M3 14.500 10 18l7-3.500",
  bell: "M5 14V9a5 5 0 0 1 10 0v5l1.500 1.500h-13zM8.500 17.500h3",
  check: "M4 10.500 8 14.500 16 5.500",
  clock: "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM10 6v4l2.500 2",
  close: "M5 5l10 10M15 5 5 15",
  copy: "M7 7V4.500A1.500 1.500 0 0 1 8.500 3h7A1.500 1.500 0 0 1 17 4.500v7a1.500 1.500 0 0 1-1.500 1.500H13M4.500 7h7A1.500 1.500 0 0 1 13 8.500v7a1.500 1.500 0 0 1-1.500 1.500h-7A1.500 1.500 0 0 1 3 15.500v-7A1.500 1.500 0 0 1 4.500 7z",
  desk: "M3 6.500A1.500 1.500 0 0 1 4.500 5H8l2 2h5.500A1.500 1.500 0 0 1 17 8.500v6a1.500 1.500 0 0 1-1.500 1.500h-11A1.500 1.500 0 0 1 3 14.500z",
  direct: "M3 7.500h12M11.500 4 15 7.500 11.500 11M17 13.500H5M8.500 10 5 13.500 8.500 17",
  down: "M6 8l4 4 4-4",
  download: "M10 3v10M5.500 9 10 13.500 14.500 9M4 17h12",
  link: "M8.500 11.500a3 3 0 0 0 4.300 0l3-3a3 3 0 0 0-4.300-4.300l-1 1M11.500 8.500a3 3 0 0 0-4.300 0l-3 3a3 3 0 0 0 4.300 4.300l1-1",
  lock: "M5 9h10v8H5zM7 9V6.500a3 3 0 0 1 6 0V9",
  people:
    "M7.500 9.500a2.750 2.750 0 1 0 0-5.500 2.750 2.750 0 0 0 0 5.500zM2.500 16a5 5 0 0 1 10 0M13 4.300a2.750 2.750 0 0 1 0 5M15 12a5 5 0 0 1 2.500 4",
  retry: "M15.500 8A6 6 0 1 0 16 11.500M16 4v4h-4",
  room: "M4.500 4h11A1.500 1.500 0 0 1 17 5.500v7a1.500 1.500 0 0 1-1.500 1.500H9l-4 3.500V14h-.5A1.500 1.500 0 0 1 3 12.500v-7A1.500 1.500 0 0 1 4.500 4zM6.500 7.500h7M6.500 10.500h4",
  search: "M9 14.500a5.500 5.500 0 1 0 0-11 5.500 5.500 0 0 0 0 11zM13 13l4 4",
  send: "M3.500 10 16.500 4l-4 12.500-3-5zM9.500 11.500l7-7.500",
  trash: "M4 6h12M8 6V4h4v2M5.500 6l.7 11h7.600l.7-11M8.500 9v5M11.500 9v5",
  upload: "M10 14V4M5.500 8.500 10 4l4.500 4.500M4 17h12",
  user: "M10 10a3.250 3.250 0 1 0 0-6.500 3.250 3.250 0 0 0 0 6.500zM4 17a6 6 0 0 1 12 0",
  warning: "M10 4 3 16.500h14zM10 9v3.500M10 14.500v.1",
};

/** @param {keyof typeof PATHS} name */
export function icon(name) {
  return svg("0 0 20 20", { class: "icon", "aria-hidden": "true" }, PATHS[name]);
}

/**
 * A drawing of one path.
 * @param {string} viewBox
 * @param {{ [attribute: string]: string }} attributes
 * @param {string} path
 */
export function svg(viewBox, attributes, path) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", viewBox);
  for (const [name, value] of Object.entries(attributes)) drawing.setAttribute(name, value);
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  drawing.append(line);
  return drawing;
}
