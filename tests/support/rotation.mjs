// A whole key rotation under load, with a kill half-way; shared by its test and its benchmark. It measures and counts;
// judging is theirs.
import path from 'node:path';
import { startControlPlane, secretOf } from './control-plane.mjs';
import { newKey } from './keys.mjs';
import { built } from './paths.mjs';
import { startProgram } from './process.mjs';
import { waitFor } from './wait.mjs';
import { makeWorkdir } from './workdir.mjs';

const READERS = 4;

/**
 * Seeds `rows` connections, gives the vault a new key, and rotates against one nexusd while another one is read from.
 * Half-way nexusctl and the nexusd that it speaks to are killed; what is left is done by two nexusctl at once.
 *
 * returns {plane, ids, oldKey, reads, failures, status: {before, after}, ends, rowsPerSecond}
 */
export async function rotateWhileReading(t, { database, rows, log = () => {}, prepare = async () => {} }) {
  const plane = await startControlPlane(t, { database });
  const ids = await plane.seed(rows);
  await prepare(plane);
  await plane.nexusd.stop();
  log(`${rows} connections on ${database}`);

  const oldKey = plane.keys.ENCRYPTION_KEY;
  const keys = { ...plane.keys, ENCRYPTION_KEY: newKey(), ENCRYPTION_KEYS_PREVIOUS: oldKey };
  plane.keys = keys;
  plane.nexusd = await plane.startNexusd();   // is rotated
  const other = await plane.startNexusd();    // is read from
  const before = await keysStatus(plane);

  const readers = new Readers(plane, other, ids);
  readers.start();
  const began = performance.now();
  const killed = await rotateAndKill(t, plane, rows, before.left);
  await plane.nexusd.start();
  const ends = await Promise.all([1, 2].map(() => plane.ctl(['keys', 'rotate', '--json', '--quiet'], { timeout: 600000 })));
  const seconds = (performance.now() - began) / 1000;
  const { reads, failures } = await readers.stop();
  log(`${(rows / seconds).toFixed(0)} rows/s, ${reads} reads, ${failures.length} failed`);
  return {
    plane, other, ids, oldKey, reads, failures, killed, ends, status: { before, after: await keysStatus(plane) },
    rowsPerSecond: rows / seconds,
  };
}

export async function keysStatus(plane) {
  const { code, stdout, stderr } = await plane.ctl(['keys', 'status', '--json']);
  if (code !== 0) {
    throw new Error(`keys status: ${stderr}`);
  }
  return JSON.parse(stdout);
}

/** Returns how many boxes were left when nexusctl and its nexusd were killed. */
async function rotateAndKill(t, plane, rows, all) {
  const rate = rows <= 10000 ? ['--rate', String(Math.ceil(rows / 4)), '--batch', '50'] : [];   // slow enough to be caught half-way
  const nexusctl = await startProgram({
    name: 'nexusctl', command: built('control_plane/nexusctl'), args: ['keys', 'rotate', ...rate],
    env: plane.ctlEnv(), logFile: path.join(makeWorkdir(t, 'rotate'), 'nexusctl.log'),
  });
  const left = await waitFor('half of the rows', async () => {
    const { json } = await plane.admin('GET', '/admin/vault/keys');
    return json.left < all * 0.7 && json;
  }, { timeout: 300000, interval: 50 });
  await nexusctl.stop('SIGKILL');
  await plane.nexusd.kill();
  return left.left;
}

class Readers {
  constructor(plane, nexusd, ids) {
    Object.assign(this, { plane, nexusd, ids, reads: 0, failures: [], stopping: false });
  }

  start() {
    this.loops = Array.from({ length: READERS }, () => this.#loop());
  }

  async #loop() {
    while (!this.stopping) {
      const id = this.ids[Math.floor(Math.random() * this.ids.length)];
      const answer = await this.plane.token(id, { nexusd: this.nexusd });
      this.reads++;
      if (answer.status !== 200 || answer.json.credentials.api_key !== secretOf(id, 1)) {
        this.failures.push(`${id}: ${answer.status} ${answer.text}`);
      }
    }
  }

  async stop() {
    this.stopping = true;
    await Promise.all(this.loops);
    return this;
  }
}
