// The other end of a direct transfer in a terminal: the real program.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { BINARY } from "./server.js";

/** Runs `handover send …` or `handover receive …`, which tells its events as JSON lines. */
export function terminal(url, ...args) {
  const child = spawn(BINARY, [args[0], "--server", url, "--json", ...args.slice(1)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const events = [];
  const ended = once(child, "exit").then(([code]) => code);
  const lines = createInterface({ input: child.stdout });
  lines.on("line", (line) => events.push(JSON.parse(line)));
  return {
    events,
    /** The first event of this name. */
    async event(name) {
      for (;;) {
        const found = events.find(({ event }) => event === name);
        if (found) return found;
        await Promise.race([once(lines, "line"), ended.then(() => Promise.reject(new Error(JSON.stringify(events))))]);
      }
    },
    /** Its exit code. */
    ended,
    stop: () => child.kill("SIGTERM"),
  };
}
