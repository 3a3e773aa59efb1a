// What time it is on the server. A browser's clock may be minutes off, and a countdown of ten minutes would be wrong by
// as much; every answer carries the server's time.

let ahead = 0;

/**
 * Learns from the `Date` of an answer, which is whole seconds: differences below that are no difference.
 * @param {string | null} date
 */
export function learn(date) {
  const server = date ? Date.parse(date) : NaN;
  if (Number.isNaN(server)) return;
  const difference = server - Date.now();
  ahead = Math.abs(difference) > 2000 ? difference : 0;
}

/** Milliseconds since 1970, as the server counts them. */
export function now() {
  return Date.now() + ahead;
}
