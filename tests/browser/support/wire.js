// A wire between browser and server that can be cut, held and mended.

import { connect, createServer } from "node:net";
import { once } from "node:events";

/** Passes connections on to `port`. */
export async function wire(port) {
  /** @type {{ text: string, after: number } | null} */
  let cut = null;
  let cuts = 0;
  let held = false;
  let severed = false;
  let deaf = false;
  const sockets = new Set();
  const proxy = createServer((client) => {
    if (severed) return client.destroy();
    const server = connect(port, "127.0.0.1");
    const pair = [client, server];
    sockets.add(client);
    let tail = "";
    let bytes = -1;
    client.on("data", (chunk) => {
      const seen = tail + chunk.toString("latin1");
      tail = seen.slice(-100); // what is looked for may lie across two pieces
      if (cut && bytes < 0 && seen.includes(cut.text)) bytes = 0;
      if (bytes >= 0) bytes += chunk.length;
      if (cut && bytes > cut.after) {
        cuts += 1;
        for (const end of pair) end.destroy();
        return;
      }
      if (!server.write(chunk)) client.pause();
    });
    server.on("drain", () => held || client.resume());
    server.on("data", (chunk) => deaf || client.write(chunk));
    for (const [one, other] of [pair, [server, client]]) {
      one.on("error", () => other.destroy());
      one.on("close", () => {
        sockets.delete(client);
        other.destroy();
      });
    }
    if (held) client.pause();
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  return {
    url: `http://127.0.0.1:${proxy.address().port}`,
    /**
     * Breaks each connection whose bytes hold `text`, that many bytes later, until it is mended: a browser tries once
     * more by itself when a connection breaks that it had used before.
     */
    cutAfter(text, after) {
      cut = { text, after };
    },
    mend() {
      cut = null;
      severed = false;
      deaf = false;
    },
    /** Breaks all connections, and lets none through until it is mended. */
    sever() {
      severed = true;
      for (const socket of sockets) socket.destroy();
    },
    /** What the server says is lost, while it hears everything, until it is mended. */
    deafen() {
      deaf = true;
    },
    cuts: () => cuts,
    /** Nothing from the browser passes any more, until it is let go. */
    hold() {
      held = true;
      for (const socket of sockets) socket.pause();
    },
    release() {
      held = false;
      for (const socket of sockets) socket.resume();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      proxy.close();
      await once(proxy, "close");
    },
  };
}
