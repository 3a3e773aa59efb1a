// Terminals on a site behind a proxy with TLS, under a path: each way that they talk to the server.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { terminal } from "../support/direct-terminal.js";
import { nginx } from "../support/nginx.js";
import { BINARY, freePort, startServer } from "../support/server.js";

let server, proxy, site, trusting;
before(async () => {
  const port = await freePort();
  site = `https://localhost:${port}/files/handover/`;
  server = await startServer("--public-url", site, "--trusted-proxies", "127.0.0.1", "--guests", "allow");
  proxy = await nginx(port, "/files/handover/", server.url, { certificate: true });
  trusting = { SSL_CERT_FILE: proxy.cert };
});
after(async () => {
  await proxy?.stop();
  await server?.stop();
});

/** What the program prints, once it has ended well. */
async function printed(args, input = "") {
  const child = spawn(BINARY, args, { env: { ...process.env, ...trusting }, stdio: ["pipe", "pipe", "pipe"] });
  let [out, err] = ["", ""];
  child.stdout.on("data", (piece) => (out += piece));
  child.stderr.on("data", (piece) => (err += piece));
  child.stdin.end(input);
  const [code] = await once(child, "close");
  assert.equal(code, 0, err);
  return out.trim();
}

test("files go from a terminal to another one", async () => {
  const [there, here] = [join(server.folder, "report.bin"), join(server.folder, "received")];
  const content = Buffer.alloc(5_000_001, "Handover ");
  await writeFile(there, content);
  const sender = terminal(site, "send", "--relay", there, { env: trusting });
  const { code, page_url } = await sender.event("code");
  assert.ok(page_url.startsWith(site), page_url);
  const receiver = terminal(site, "receive", "--relay", "--yes", "--to", here, code, { env: trusting });
  assert.deepEqual([await sender.ended, await receiver.ended], [0, 0], JSON.stringify(receiver.events));
  assert.deepEqual(await readFile(join(here, "report.bin")), content);
});

test("a room is made, and talked and shared in", async () => {
  const shared = join(server.folder, "shared.txt");
  await writeFile(shared, "what was shared");
  const room = await printed(["room", "make", "--server", site, "--no-join"]);
  await printed(["room", "join", "--server", site, "--name", "Ann", room], `hello\n/share ${shared}\n`);
  const here = join(server.folder, "saved");
  const heard = await printed([
    "room",
    "join",
    "--server",
    site,
    "--name",
    "Bob",
    "--json",
    "--save",
    "--to",
    here,
    room,
  ]);
  assert.match(heard, /"text":"hello"/);
  assert.equal(await readFile(join(here, "shared.txt"), "utf8"), "what was shared");
});

test("a certificate that nobody vouches for is not believed", async () => {
  const sender = terminal(site, "send", "--text", "secret");
  assert.equal(await sender.ended, 5);
  assert.deepEqual(
    sender.events.map(({ event, code }) => [event, code]),
    [["failed", "unreachable"]],
  );
});
