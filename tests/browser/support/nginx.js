// A real nginx before the server.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * nginx in front of `upstream`: what the README tells people to write, for a path. `certificate` makes one for this machine,
 * and everything goes through TLS.
 */
export async function nginx(port, path, upstream, { certificate = false } = {}) {
  const folder = await mkdtemp(join(tmpdir(), "handover-nginx-"));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  if (certificate) {
    const made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    const named = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
    const leaf = ["-addext", "basicConstraints=critical,CA:FALSE"];
    execFileSync("openssl", [...made, ...named, ...leaf, "-keyout", key, "-out", cert], { stdio: "pipe" });
  }
  const config = `
    daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
    events {}
    http {
      access_log off; client_body_temp_path ${folder}; proxy_temp_path ${folder};
      fastcgi_temp_path ${folder}; uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
      map $http_upgrade $connection_upgrade { default upgrade; "" ""; }
      server {
        listen 127.0.0.1:${port}${certificate ? " ssl" : ""};
        ${certificate ? `ssl_certificate ${cert}; ssl_certificate_key ${key};` : ""}
        location ${path} {
          proxy_pass ${upstream};
          proxy_http_version 1.1;
          proxy_set_header Host $host;
          proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection $connection_upgrade;
          proxy_request_buffering off;
          proxy_buffering off;
          client_max_body_size 0;
        }
      }
    }`;
  await writeFile(join(folder, "nginx.conf"), config);
  execFileSync("/usr/sbin/nginx", ["-t", "-q", "-c", join(folder, "nginx.conf")]);
  const child = spawn("/usr/sbin/nginx", ["-c", join(folder, "nginx.conf")], { stdio: "ignore" });
  while (!(await listens(port))) assert.equal(child.exitCode, null, "nginx has ended");
  return {
    /** The certificate, for whoever is to believe it. */
    cert,
    async stop() {
      child.kill("SIGTERM");
      await once(child, "exit");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Whether somebody does. */
async function listens(port) {
  const socket = connect(port, "127.0.0.1");
  const does = await once(socket, "connect").then(
    () => true,
    () => false,
  );
  socket.destroy();
  return does;
}
