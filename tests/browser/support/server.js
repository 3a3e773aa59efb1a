// A server of its own for each test file: the real binary on a free port, with an empty folder.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";

export const BINARY = process.env.HANDOVER_BIN ?? join(import.meta.dirname, "../../../target/debug/handover");
export const PASSWORD = "correct horse";

/** A name of this machine under which a page has neither https nor localhost; a browser is told where it leads. */
export const PLAIN_HOST = `${hostname().split(".")[0].toLowerCase()}.local`;
export const PLAIN_FLAG = `--host-resolver-rules=MAP ${PLAIN_HOST} 127.0.0.1`;

/** A port that nobody has. */
export async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}

/** Starts a server with these flags beside the ones that every test has. */
export async function startServer(...flags) {
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), "handover-browser-"));
  const fixed = [
    "--bind",
    `127.0.0.1:${port}`,
    "--data",
    join(folder, "data"),
    "--free-space-floor",
    "1MiB",
    "--log-filter",
    "info",
  ];
  let log = "";
  const start = async () => {
    const child = spawn(BINARY, [...fixed, ...flags], { stdio: ["ignore", "pipe", "pipe"] });
    child.stderr.on("data", (chunk) => (log += chunk));
    await once(child.stdout, "data"); // its greeting: it listens
    child.stdout.on("data", (chunk) => (log += chunk));
    return child;
  };
  const end = async (signal) => {
    child.kill(signal);
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  };
  let child = await start();
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    port,
    folder,
    /** Everything that was written to the log so far. */
    log: () => log,
    /** Ends it without a word, as a power cut does. */
    kill: () => end("SIGKILL"),
    /** Starts it again, with what it has stored. */
    async revive() {
      child = await start();
    },
    async stop() {
      await end("SIGTERM");
      await rm(folder, { recursive: true, force: true });
    },
    register: (name, operation = false) => register(url, name, operation),
  };
}

/** Makes an account and signs it in; what it may then do by the API, where a test needs something to be there. */
async function register(url, name, operation) {
  const user = { username: name, email: `${name}@example.org`, password: PASSWORD, is_operation_user: operation };
  await ok(post(`${url}/register`, user));
  const { access_token: token } = await (await ok(post(`${url}/login`, user))).json();
  const headers = { Authorization: `Bearer ${token}` };
  return {
    name,
    get: async (path) => (await ok(fetch(`${url}${path}`, { headers }))).json(),
    upload: async (filename, content) =>
      ok(fetch(`${url}/upload/${encodeURIComponent(filename)}`, { method: "PUT", body: content, headers })),
    link: async (filename) =>
      (await ok(fetch(`${url}/generate_download_url/${encodeURIComponent(filename)}`, { headers }))).json(),
  };
}

const post = (url, json) =>
  fetch(url, { method: "POST", body: JSON.stringify(json), headers: { "Content-Type": "application/json" } });

async function ok(answer) {
  const response = await answer;
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${await response.text()}`);
  return response;
}

/** An empty batch, made by the API, and what its sender may do. */
export async function makeBatch(url, fields = {}) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  const made = await (await ok(fetch(`${url}/api/batches`, { method: "POST", body: form }))).json();
  const headers = { "X-Manage-Key": made.manage_key };
  return {
    path: `/b/${made.batch_id}`,
    senderPath: `/b/${made.batch_id}#${made.manage_key}`,
    key: made.manage_key,
    async add(...files) {
      const form = new FormData();
      for (const [name, content] of files) form.append("files", new Blob([content]), name);
      return (
        await ok(fetch(`${url}/api/batches/${made.batch_id}/files`, { method: "POST", body: form, headers }))
      ).json();
    },
    remove: (id) => ok(fetch(`${url}/api/batches/${made.batch_id}/files/${id}`, { method: "DELETE", headers })),
    end: () => ok(fetch(`${url}/api/batches/${made.batch_id}`, { method: "DELETE", headers })),
  };
}

/** A room, made by the API, and what its maker may do. */
export async function makeRoom(url, title = "") {
  const made = await (await ok(post(`${url}/api/rooms`, { title }))).json();
  const headers = { "X-Manage-Key": made.manage_key, "Content-Type": "application/json" };
  const path = `${url}/api/rooms/${made.room}`;
  return {
    code: made.room,
    path: `/r/${made.room}`,
    makersPath: `/r/${made.room}#${made.manage_key}`,
    removeEvent: (event) => ok(fetch(`${path}/events/${event}`, { method: "DELETE", headers })),
    end: () => ok(fetch(path, { method: "DELETE", headers })),
    join: (name) => member(path, name),
  };
}

/** A member without a page. */
async function member(path, name) {
  const socket = new WebSocket(`${path.replace(/^http/, "ws")}/socket?name=${encodeURIComponent(name)}`);
  const events = [];
  const waiting = [];
  const welcome = await new Promise((resolve, reject) => {
    socket.onerror = reject;
    socket.onmessage = ({ data }) => {
      const word = JSON.parse(data);
      if (word.type === "welcome") resolve(word);
      events.push(...(word.history ?? [word]));
      for (const look of waiting) look();
    };
  });
  const headers = { "X-Member-Token": welcome.you.token };
  return {
    events,
    say: (text, ref) => socket.send(JSON.stringify({ type: "message", text, ref })),
    send: (word) => socket.send(JSON.stringify(word)),
    /** The first event like this one. */
    until: (like) =>
      new Promise((resolve) => {
        const look = () => {
          const found = events.find(like);
          if (found) resolve(found);
        };
        waiting.push(look);
        look();
      }),
    async share(filename, content) {
      const form = new FormData();
      form.append("file", new Blob([content]), filename);
      return (await ok(fetch(`${path}/files`, { method: "POST", body: form, headers }))).json();
    },
    leave: () => socket.close(),
  };
}

/** The path of an office document that the tests of the server use, too. */
export function fixture(name) {
  return join(import.meta.dirname, "../../fixtures/office", name);
}

export function content(name) {
  return readFile(fixture(name));
}
