// The database goes back behind what Redis and the edges have seen (a backup that was put back, a standby that took over and lacked the
// last changes): what is changed then reaches them all the same. (With postgres nothing of it would be different.)
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { expectStatus, startLine } from '../support/line.mjs';
import { waitFor } from '../support/wait.mjs';

test('a revoke and a deleted agent reach an edge that knows newer generations than the database', async (t) => {
  const line = await startLine(t, { database: 'sqlite' });
  await line.createProvider({ name: 'keyed', auth_type: 'api_key', issuer: undefined, enable_discovery: undefined, auth_header: undefined,
    client_id: undefined, client_secret: undefined, scopes: undefined, api_base_url: line.api.url });
  line.api.accept = () => true;
  const agent = await line.createAgent();
  const victim = await line.createAgent({ name: 'victim' });
  const id = await line.capture(agent, 'keyed', { api_key: 'the-secret' });
  const file = line.nexusd.databaseFile;
  await line.nexusd.stop();
  fs.copyFileSync(file, `${file}.backup`);
  await line.nexusd.start();
  for (let i = 0; i < 3; i++) {   // since the backup
    expectStatus(200, await line.admin('PATCH', `/connections/${id}`, { labels: { n: String(i) } }));
    expectStatus(200, await line.admin('PATCH', `/admin/agents/${victim.id}`, { name: `victim${i}` }));
  }
  const seen = await line.count('SELECT generation FROM connections');
  await line.redis.subscribers('nexus:events');
  expectStatus(200, await line.call(agent, id));
  expectStatus(200, await line.call(victim, id));

  await line.nexusd.stop();
  for (const tail of ['-wal', '-shm']) {
    fs.rmSync(file + tail, { force: true });
  }
  fs.copyFileSync(`${file}.backup`, file);
  await line.nexusd.start();
  assert.ok(await line.count('SELECT generation FROM connections') < seen);
  assert.equal((await line.admin('DELETE', `/admin/agents/${victim.id}`)).status < 300, true);
  await waitFor('the edge to know that the agent is gone', async () => (await line.call(victim, id)).status === 401);
  expectStatus(200, await line.call(agent, id));
  expectStatus(200, await line.admin('POST', `/connections/${id}/revoke`));
  await waitFor('the edge to know of the revoke', async () => (await line.call(agent, id)).status === 403);
  assert.equal(await line.count('SELECT generation FROM connections'), seen + 1);
  assert.equal(line.nexusd.log().split('\n').filter((entry) => /database_behind_redis/.test(entry)).length, 2, 'once for each');
});
