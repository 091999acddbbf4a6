// A binary upgrade (SIGUSR2): the new nginx begins with what the old one had in shared memory, verifies it, and neither
// loses a request nor a revoke; and the old one can go on if the new one is given up.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import { test } from 'node:test';
import { accessTokenOf, connectionsTo, haveWaited, hold, startEdge } from '../support/edge.mjs';
import { get } from '../support/http.mjs';
import { waitFor } from '../support/wait.mjs';

const ZONES = 4;   // the cache, the counters, failed attempts, providers' pauses

/** Descriptors of zones that a process holds. */
function zonesOf(pid) {
  return fs.readdirSync(`/proc/${pid}/fd`)
    .filter((fd) => fs.readlinkSync(`/proc/${pid}/fd/${fd}`).includes('memfd:nexus-zone')).length;
}

/** Nobody but the cache can answer any more. */
async function isolate(edge, { redisKey }) {
  await edge.redis.del(redisKey);
  edge.controlPlane.answer = () => ({ status: 503, body: { error: 'store_unavailable' } });
}

test('the new nginx has the records and the counts of the old one, and asks for what was not there', async (t) => {
  const edge = await startEdge(t, { daemon: true, workers: 2, cache: 'negative_ttl=60s' });
  await edge.subscribed();
  const records = [];
  for (let i = 0; i < 20; i++) {
    records.push(await edge.write({ token: `t${i}-${'x'.repeat(i * 400)}` }));
    assert.equal((await edge.token(records[i].id)).status, 200);
  }
  const unknown = await edge.record();
  assert.equal((await edge.token(unknown.id)).status, 404);
  const counted = await edge.metric('nexus_cache_stores_total');

  edge.controlPlane.put(unknown.id, unknown.sealed);
  await edge.nginx.upgrade();
  assert.ok(await edge.metric('nexus_cache_stores_total') >= counted);
  assert.equal(accessTokenOf(await edge.token(unknown.id)), unknown.token);
  for (const record of records) {
    await isolate(edge, record);
    const answer = await edge.token(record.id);
    assert.equal(accessTokenOf(answer), record.token, answer.text);
  }
});

test('a revoke in the middle of an upgrade is not lost', async (t) => {
  const edge = await startEdge(t, { daemon: true });
  await edge.subscribed();
  const { id } = await edge.write({ generation: 1 });
  await edge.token(id);
  await edge.nginx.beginUpgrade();
  // Its event reaches the old nginx, and the new one at best.
  await edge.write({ connection_id: id, generation: 2, state: 'revoked' }, { silent: true });
  await edge.nginx.finishUpgrade();
  await edge.subscribed();
  const answer = await edge.token(id);
  assert.equal(answer.status, 403, answer.text);
  assert.equal(answer.json.error, 'connection_revoked');
});

test('upgrades and reloads one after the other, under load, with a request that outlasts them', async (t) => {
  const edge = await startEdge(t, { daemon: true, workers: 2, logLevel: 'info', controlPlane: 'timeout=30s' });
  await edge.subscribed();
  const { id, token } = await edge.write();
  await edge.token(id);
  const long = await edge.record();
  const release = hold(edge, long.sealed);
  const waiting = edge.token(long.id, { timeout: 60_000 });
  await waitFor('the question', () => edge.controlPlane.calls.length === 1);

  let stop = false;
  let answered = 0;
  const errors = [];
  const client = async () => {
    while (!stop) {
      const answer = await edge.token(id).catch((error) => error);
      answered++;
      if (accessTokenOf(answer) !== token) {
        errors.push(answer.message ?? answer.text);
      }
    }
  };
  const clients = Array.from({ length: 4 }, client);
  const someMore = async () => {
    const before = answered;
    await waitFor('requests', () => answered > before + 50);
  };
  await edge.nginx.beginUpgrade();
  await someMore();
  release();   // the old worker cannot leave before
  assert.equal(accessTokenOf(await waiting), long.token);
  await edge.nginx.finishUpgrade();
  await someMore();
  await edge.nginx.reload();
  await someMore();
  await edge.nginx.upgrade();
  await someMore();
  stop = true;
  await Promise.all(clients);
  assert.deepEqual(errors, []);
  assert.equal(edge.controlPlane.calls.length, 1);
  assert.equal(zonesOf(edge.nginx.pid), ZONES);
});

test('an upgrade that is given up leaves the old nginx as it was', async (t) => {
  const edge = await startEdge(t, { daemon: true });
  await edge.subscribed();
  const record = await edge.write();
  await edge.token(record.id);
  await edge.nginx.beginUpgrade();
  assert.equal(accessTokenOf(await edge.token(record.id)), record.token);
  await edge.nginx.giveUpUpgrade();
  await edge.nginx.reload();
  await edge.subscribed();
  const newer = await edge.write({ connection_id: record.id, generation: 2 });
  await waitFor('the newer token', async () => accessTokenOf(await edge.token(record.id)) === newer.token);
  await isolate(edge, newer);
  assert.equal(accessTokenOf(await edge.token(record.id)), newer.token);
  // and a second attempt finds what it has by now
  await edge.nginx.upgrade();
  assert.equal(accessTokenOf(await edge.token(record.id)), newer.token);
});

test('a zone of another size takes over what fits', async (t) => {
  const edge = await startEdge(t, { daemon: true, zone: '2m' });
  await edge.subscribed();
  const record = await edge.write();
  await edge.token(record.id);
  const file = `${edge.nginx.dir}/nginx.conf`;
  fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace('zone=nexus:2m', 'zone=nexus:1m'));
  await edge.nginx.upgrade();
  await isolate(edge, record);
  assert.equal(accessTokenOf(await edge.token(record.id)), record.token);
});

test('reloads that change zones keep no descriptor of those that are gone', async (t) => {
  const edge = await startEdge(t);
  const before = fs.readFileSync(`${edge.nginx.dir}/nginx.conf`, 'utf8');
  for (const zone of ['nexus:2m', 'other:2m', 'nexus:1m']) {
    await edge.nginx.reload({ config: before.replace('zone=nexus:1m', `zone=${zone}`) });
  }
  assert.equal(zonesOf(edge.nginx.pid), ZONES);
  assert.equal((await get(`${edge.url}/up`)).status, 204);
});
