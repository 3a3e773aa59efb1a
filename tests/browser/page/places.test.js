// The site behind a real nginx: at the root and under a path, which the proxy passes on or takes off.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { downloaded, drop, openBrowser, rowOf, scanned, signIn } from "../support/browser.js";
import { asOthers, openLink, sendFiles } from "../support/direct-screens.js";
import { nginx } from "../support/nginx.js";
import { content, fixture, freePort, startServer } from "../support/server.js";

const NAME = "report-python-docx.docx";

let browser;
before(async () => (browser = await openBrowser()));
after(() => browser?.close());

for (const [what, path, passesOn] of [
  ["at the root", "/", true],
  ["under a path that the proxy passes on", "/files/handover/", true],
  ["under a path that the proxy takes off", "/handover/", false],
]) {
  test(`everything works ${what}`, async () => {
    const port = await freePort();
    const site = `http://127.0.0.1:${port}${path}`;
    const server = await startServer("--public-url", site, "--trusted-proxies", "127.0.0.1");
    const proxy = await nginx(port, path, passesOn ? server.url : `${server.url}/`);
    try {
      await server.register("olga", true);
      await server.register("carl");
      const olga = await browser.person(site);
      await signIn(olga, "olga");
      await olga.locator("input[type=file]").setInputFiles(fixture(NAME));
      await rowOf(olga.getByRole("table"), NAME).waitFor();

      const carl = await browser.person(site);
      await signIn(carl, "carl");
      await carl.getByRole("button", { name: `Get link to ${NAME}` }).click();
      const address = await carl.getByLabel("Address of the link").inputValue();
      assert.ok(address.startsWith(`${site}d/`), address);
      const taken = await downloaded(carl, async () => {
        await carl.goto(address);
        await carl.getByRole("button", { name: "Download" }).click();
      });
      assert.deepEqual(taken.bytes, await content(NAME));

      await olga.getByRole("link", { name: "Handover" }).click();
      await olga.getByRole("link", { name: "Choose files" }).click();
      await olga.getByRole("heading", { name: "New batch" }).waitFor();
      await drop(olga, "main", [["a #%&+ż.txt", "text"]]);
      await olga.getByLabel("Password").fill("secret words");
      await olga.getByRole("button", { name: /^Send/ }).click();
      await olga.locator(".total[data-state=done]").waitFor();
      const batch = await scanned(olga.getByRole("img", { name: /QR code/ }));
      assert.ok(batch.startsWith(`${site}b/`), batch);

      const guest = await browser.person(site);
      await guest.goto(batch);
      await guest.getByLabel("Password").fill("secret words");
      await guest.getByRole("button", { name: "Open" }).click();
      const file = await downloaded(guest, () => guest.getByRole("link", { name: "Download a #%&+ż.txt" }).click());
      assert.deepEqual([file.name, String(file.bytes)], ["a #%&+ż.txt", "text"]);
      await drop(olga, "main", [["live.txt", "more"]]);
      await rowOf(guest, "live.txt").waitFor(); // events pass the proxy as they happen
      await olga.reload();
      await rowOf(olga, "live.txt").waitFor();
      await olga.getByRole("link", { name: "Handover" }).click();
      await olga.getByRole("heading", { name: "Hand a file over" }).waitFor();
      assert.equal(olga.url(), site);

      await olga.getByRole("link", { name: "Send or receive" }).click();
      const direct = await sendFiles(olga, [fixture(NAME)], { address: null });
      assert.ok(direct.link.startsWith(`${site}direct#`), direct.link);
      await guest.addInitScript(asOthers);
      const handed = await downloaded(guest, async () => {
        const card = await openLink(guest, direct.link);
        await card.getByRole("button", { name: /^Accept/ }).click();
      });
      assert.deepEqual(handed.bytes, await content(NAME));
      const scopes = () => navigator.serviceWorker.getRegistrations().then((all) => all.map(({ scope }) => scope));
      assert.deepEqual(await guest.evaluate(scopes), [`${site}direct/save/`]);

      await olga.goto(site);
      await olga.getByRole("link", { name: "Make a room" }).click();
      await olga.getByLabel("Your name").fill("Olga");
      await olga.getByRole("button", { name: "Make the room" }).click();
      const room = await olga.getByLabel("Address of the room").inputValue();
      assert.ok(room.startsWith(`${site}r/`), room);
      await guest.goto(site);
      await guest.getByLabel("Receive").first().fill(room);
      await guest.getByRole("button", { name: "Receive" }).click();
      await guest.getByLabel("Your name").fill("Guest");
      await guest.getByRole("button", { name: "Join" }).click();
      await guest.getByLabel("Message", { exact: true }).fill("hello");
      await guest.keyboard.press("Enter");
      await olga.getByRole("log").getByText("hello", { exact: true }).waitFor();
      await drop(olga, "main", [["in the room.txt", "shared"]]);
      const shared = guest.getByRole("link", { name: "Download in the room.txt" });
      const here = await downloaded(guest, () => shared.click());
      assert.equal(String(here.bytes), "shared");
      browser.check();
    } finally {
      await proxy.stop();
      await server.stop();
    }
  });
}
