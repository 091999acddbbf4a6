// A PostgreSQL with a hot standby, and what leads nexusd to the wrong one of the two; a SQLite file that may only be
// read for a while. Sessions that cannot write are not kept, and nexusd is not ready while it has no others.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { cleanup, wholeFile } from '../support/cleanup.mjs';
import { request } from '../support/http.mjs';
import { newKeys } from '../support/keys.mjs';
import { nexusdEnvironment, startNexusd } from '../support/nexusd.mjs';
import { built, isRoot } from '../support/paths.mjs';
import { findPort } from '../support/ports.mjs';
import { startPostgres } from '../support/postgres.mjs';
import { startProgram } from '../support/process.mjs';
import { startRedis } from '../support/redis.mjs';
import { answers200, waitFor } from '../support/wait.mjs';
import { makeWorkdir } from '../support/workdir.mjs';

const NOBODY = { uid: 65534, gid: 65534 };
const whole = wholeFile();
const redis = await startRedis(whole);
const primary = await startPostgres(whole);
const standby = await primary.standby(whole);
const keys = newKeys();

/** An address that leads to whatever server it is told: a virtual IP address, a name, a HAProxy. */
async function startAddress(t, first) {
  const links = new Set();
  let target = first;
  const server = net.createServer((client) => {
    const upstream = net.connect(target.port, '127.0.0.1');
    for (const [one, other] of [[client, upstream], [upstream, client]]) {
      one.on('error', () => {});
      one.on('close', () => other.destroy());
      one.pipe(other);
    }
    links.add(client);
    client.on('close', () => links.delete(client));
  });
  const port = await findPort();
  await new Promise((resolve) => { server.listen(port, '127.0.0.1', resolve); });
  const cut = () => links.forEach((link) => link.destroy());
  cleanup(t, () => { cut(); server.close(); });
  return { url: `postgresql://nexus@127.0.0.1:${port}/nexus`, cut, leadTo: (server) => { target = server; } };
}

/** Statuses of as many writes at once as make a pool open all its sessions. */
async function write(url, name) {
  const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => request(`${url}/admin/agents`, {
    method: 'POST', json: { name: `${name}-${i}`, workspace_id: 'w', grants: ['token:use'] }, headers: { 'x-api-key': keys.API_KEY },
  })));
  return [...new Set(answers.map((answer) => answer.status))];
}

const ready = (url) => request(`${url}/ready`);
const failures = (log) => log.split('\n').filter((line) => line.includes('"database_connect_failed"')).map((line) => JSON.parse(line));

test('an address that leads to a standby for a while: not ready meanwhile, and well as soon as it leads to the primary', async (t) => {
  const address = await startAddress(t, primary);
  const nexusd = await startNexusd(t, { keys, redisUrl: redis.url, databaseUrl: address.url });
  assert.deepEqual(await write(nexusd.url, 'before'), [201]);

  address.leadTo(standby);
  address.cut();
  await waitFor('nexusd to be not ready', async () => (await ready(nexusd.url)).status === 503);
  assert.deepEqual(await write(nexusd.url, 'meanwhile'), [503]);
  assert.equal((await ready(nexusd.url)).status, 503);
  assert.equal(failures(nexusd.log()).at(-1).reason, 'read_only');

  address.leadTo(primary);
  assert.equal((await ready(nexusd.url)).status, 200);
  assert.deepEqual(await write(nexusd.url, 'after'), [201]);
});

test('of several hosts in the URL the one that may be written to is taken, wherever it stands', async (t) => {
  const hosts = [standby, primary].map((server) => `127.0.0.1:${server.port}`);
  const nexusd = await startNexusd(t, { keys, redisUrl: redis.url, databaseUrl: `postgresql://nexus@${hosts}/nexus` });
  assert.deepEqual(await write(nexusd.url, 'several'), [201]);
});

test('a SQLite file that may only be read for a while: not ready meanwhile, and well again afterwards', async (t) => {
  const dir = makeWorkdir(t, 'nexusd');
  const user = isRoot ? NOBODY : undefined;   // whom modes of files mean nothing
  const program = path.join(dir, 'nexusd');    // nobody may not be let into the build's folder
  fs.copyFileSync(built('control_plane/nexusd'), program);
  fs.chmodSync(program, 0o755);
  if (user) {
    fs.chownSync(dir, user.uid, user.gid);
  }
  const port = await findPort();
  const url = `http://127.0.0.1:${port}`;
  const file = path.join(dir, 'nexus.db');
  const logFile = path.join(dir, 'nexusd.log');
  const nexusd = await startProgram({
    name: 'nexusd', command: program, cwd: dir, user, logFile, ready: () => answers200(`${url}/ready`),
    env: nexusdEnvironment({ port, baseUrl: url, databaseUrl: `sqlite:${file}`, redisUrl: redis.url, keys }),
  });
  cleanup(t, () => nexusd.stop());

  fs.chmodSync(file, 0o444);
  assert.equal((await ready(url)).status, 503);
  await write(url, 'meanwhile');   // sessions from before may still do it
  assert.equal((await ready(url)).status, 503);
  const { reason, file: named } = failures(fs.readFileSync(logFile, 'utf8')).at(-1);
  assert.deepEqual({ reason, named }, { reason: 'read_only', named: file });
  fs.chmodSync(file, 0o600);
  assert.equal((await ready(url)).status, 200);
  assert.deepEqual(await write(url, 'after'), [201]);
});
