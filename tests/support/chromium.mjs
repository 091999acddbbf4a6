// Debian's Chromium, without a window. Every host name leads to 127.0.0.1, so that pages have origins of their own and
// nothing leaves the machine.
import fs from 'node:fs';
import { chromium } from 'playwright-core';
import { cleanup } from './cleanup.mjs';
import { isRoot } from './paths.mjs';

const PROGRAM = process.env.NEXUS_CHROMIUM ?? '/usr/bin/chromium';

/** A browser: open(url) gives a page of playwright-core in a fresh profile. */
export async function startChromium(t) {
  if (!fs.existsSync(PROGRAM)) {
    throw new Error(`${PROGRAM} is missing: run scripts/install-deps`);
  }
  const browser = await chromium.launch({
    executablePath: PROGRAM,
    chromiumSandbox: !isRoot,   // it does not start as root
    args: [
      '--host-resolver-rules=MAP * 127.0.0.1',
      '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run',
    ],
  });
  cleanup(t, () => browser.close());
  return {
    async open(url) {
      const page = await browser.newPage();
      await page.goto(url);
      return page;
    },
  };
}
