// The other end of a direct transfer in a terminal: the real program.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { BINARY } from "./server.js";

/**
 * Runs `handover send …` or `handover receive …`, which tells its events as JSON lines. The last argument may be options:
 * what it has in its environment beside the rest.
 */
export function terminal(url, command, ...args) {
  const { env } = typeof args.at(-1) === "object" ? args.pop() : {};
  const child = spawn(BINARY, [command, "--server", url, "--json", ...args], {
    env: { ...process.env, ...env },
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
