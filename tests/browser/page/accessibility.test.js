// No page has a violation that axe-core knows, in either theme; none is cut off on any width; the focus is seen.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { after, afterEach, before, test } from "node:test";
import { openBrowser } from "../support/browser.js";
import { allPages } from "../support/pages.js";
import { startServer } from "../support/server.js";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const server = await startServer();
const pages = await allPages(server);
let browser;
before(async () => (browser = await openBrowser()));
afterEach(() => browser.check());
after(async () => {
  await browser?.close();
  await server.stop();
});

/** What axe-core finds on a page as it is. */
async function violations(page) {
  // In a world of its own, which the page's policy is not for.
  const session = await page.context().newCDPSession(page);
  const { frameTree } = await session.send("Page.getFrameTree");
  const { executionContextId: contextId } = await session.send("Page.createIsolatedWorld", {
    frameId: frameTree.frame.id,
  });
  const run = async (expression) => {
    const { result, exceptionDetails } = await session.send("Runtime.evaluate", {
      expression,
      contextId,
      awaitPromise: true,
      returnByValue: true,
    });
    assert.equal(exceptionDetails, undefined, JSON.stringify(exceptionDetails));
    return result.value;
  };
  await run(`${AXE}; 0`);
  const found = await run(`axe.run({ resultTypes: ["violations"] }).then(({ violations }) => violations)`);
  return found.map(({ id, help, nodes }) => [id, help, ...nodes.map((node) => `${node.html} ${node.failureSummary}`)]);
}

/** Elements that stick out of the page, or whose text does. */
const sticksOut = () => document.documentElement.scrollWidth > document.documentElement.clientWidth;

for (const [name, open] of Object.entries(pages)) {
  for (const colorScheme of ["light", "dark"]) {
    test(`${name}, ${colorScheme}`, async () => {
      const page = await browser.person(server.url, { colorScheme, reducedMotion: "reduce" });
      await open(page);
      assert.deepEqual(await violations(page), []);
      for (const width of [1280, 390, 360]) {
        await page.setViewportSize({ width, height: 800 });
        assert.equal(await page.evaluate(sticksOut), false, `sticks out at ${width}`);
      }
      assert.deepEqual(await violations(page), [], "at 360");
      await page.context().close();
    });
  }
}
