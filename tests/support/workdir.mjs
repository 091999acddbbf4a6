// A scratch folder per test, removed at its end. NEXUS_KEEP=1 keeps all of them, for a look at the logs.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { cleanup } from './cleanup.mjs';

/**
 * t  the test's context, or {after} of node:test for a whole file
 * The folder may be entered by other users (nginx workers, PostgreSQL); its path is short enough for Unix sockets.
 */
export function makeWorkdir(t, name) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), `nexus-${name}-`));
  fs.chmodSync(dir, 0o755);
  cleanup(t, () => {
    if (process.env.NEXUS_KEEP === '1') {
      console.error(`kept ${dir}`);
      return;
    }
    fs.rmSync(dir, { recursive: true, force: true });
  });
  return dir;
}
