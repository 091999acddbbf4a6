// The shared zone: what it keeps over reloads, what it evicts, whom it lets change it, and which configurations work.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { accessTokenOf, sourceOf, startEdge } from '../support/edge.mjs';
import { newKey } from '../support/keys.mjs';
import { testConfig } from '../support/nginx.mjs';
import { waitFor } from '../support/wait.mjs';

test('a full zone evicts and goes on', async (t) => {
  const edge = await startEdge(t, { zone: '256k', logLevel: 'info' });
  await edge.subscribed();
  const records = [];
  for (let i = 0; i < 60; i++) {
    records.push(await edge.write({ token: 'x'.repeat(i % 3 === 0 ? 12_000 : 1500) }, { silent: true }));
  }
  for (let round = 0; round < 3; round++) {
    for (const { id, token } of records) {
      const answer = await edge.token(id);
      assert.equal(answer.status, 200, answer.text);
      assert.equal(accessTokenOf(answer), token);
    }
  }
  assert.ok(await edge.metric('nexus_cache_evictions_total') > 0);
  assert.equal(edge.controlPlane.calls.length, 0);
  // What was used last is still here.
  assert.equal(sourceOf(await edge.token(records.at(-1).id)), 'l1');
  assert.doesNotMatch(edge.nginx.errorLog(), /no memory/);
});

test('how full it is can be seen', async (t) => {
  const edge = await startEdge(t, { logLevel: 'info' });
  await edge.subscribed();
  const used = await edge.metric('nexus_cache_used_bytes');
  const records = [];
  for (let i = 0; i < 10; i++) {
    records.push(await edge.write({ token: 'x'.repeat(3000) }));
    await edge.token(records[i].id);
    await edge.token(records[i].id);
  }
  const bytes = records.reduce((sum, { sealed }) => sum + sealed.length, 0);
  assert.equal(await edge.metric('nexus_cache_records'), 10);
  assert.equal(await edge.metric('nexus_cache_record_bytes'), bytes);
  assert.ok(await edge.metric('nexus_cache_used_bytes') >= used + bytes);
  assert.equal(await edge.metric('nexus_cache_size_bytes'), 1 << 20);

  await edge.event(records[0].id, 2);
  await waitFor('the event', async () => await edge.metric('nexus_cache_records') === 9);
  assert.equal(await edge.metric('nexus_cache_record_bytes'), bytes - records[0].sealed.length);
});

test('asking for what does not exist does not push out what does', async (t) => {
  const edge = await startEdge(t, { zone: '256k', logLevel: 'info', cache: 'negative_ttl=60s' });
  await edge.subscribed();
  const records = [];
  for (let i = 0; i < 40; i++) {
    records.push(await edge.write({}, { silent: true }));
    assert.equal((await edge.token(records.at(-1).id)).status, 200);
  }
  const kept = async () => {
    let count = 0;
    for (const { id } of records) {
      count += sourceOf(await edge.token(id)) === 'l1' ? 1 : 0;
    }
    return count;
  };
  const before = await kept();
  for (let i = 0; i < 1000; i++) {
    assert.equal((await edge.token(randomUUID())).status, 404);
  }
  assert.equal(await kept(), before);
});

test('records in other states are kept for a shorter time', async (t) => {
  const edge = await startEdge(t, { cache: 'attention_ttl=300ms' });
  await edge.subscribed();
  const { id, redisKey } = await edge.write({ state: 'attention', attention_reason: 'consent_required' });
  assert.equal((await edge.token(id)).status, 409);
  assert.equal((await edge.token(id)).status, 409);
  const gets = await edge.redis.calls('get');

  // Without an event: the next look into Redis finds it.
  const active = await edge.record({ connection_id: id, generation: 2 });
  await edge.redis.set(redisKey, active.sealed);
  await waitFor('the record to be asked for again', async () => (await edge.token(id)).status === 200);
  assert.ok(await edge.redis.calls('get') > gets);
});

test('an active record is asked for again after max_ttl', async (t) => {
  const edge = await startEdge(t, { cache: 'max_ttl=300ms' });
  await edge.subscribed();
  const { id, redisKey } = await edge.write({ expires_at: 0 });
  await edge.token(id);
  const newer = await edge.record({ connection_id: id, generation: 2 });
  await edge.redis.set(redisKey, newer.sealed);
  await waitFor('the newer token', async () => accessTokenOf(await edge.token(id)) === newer.token, { timeout: 2000 });
});

test('an older record in Redis does not replace a newer one', async (t) => {
  const edge = await startEdge(t, { cache: 'max_ttl=200ms' });
  await edge.subscribed();
  const newer = await edge.write({ generation: 7 });
  await edge.token(newer.id);
  const older = await edge.record({ connection_id: newer.id, generation: 6 });
  await edge.redis.set(older.redisKey, older.sealed);
  edge.controlPlane.put(newer.id, newer.sealed);
  await waitFor('the control plane to be asked', async () => {
    assert.equal(accessTokenOf(await edge.token(newer.id)), newer.token);
    return edge.controlPlane.calls.length > 0;
  });
  assert.equal(accessTokenOf(await edge.token(newer.id)), newer.token);
});

test('a reload with a new key and the previous one keeps the cache; without it, the cache is fetched again', async (t) => {
  const edge = await startEdge(t);
  await edge.subscribed();
  const { id, token } = await edge.write();
  await edge.token(id);

  const { dir } = edge.nginx;
  const file = path.join(dir, 'nginx.conf');
  const before = fs.readFileSync(file, 'utf8');
  const rotated = newKey();
  fs.writeFileSync(path.join(dir, 'new.key'), rotated);
  await edge.nginx.reload({
    config: before.replace(/nexus_cache_key .*;/, 'nexus_cache_key file:new.key previous=file:cache.key;') });
  await edge.subscribed();
  assert.equal(accessTokenOf(await edge.token(id)), token);
  assert.equal(edge.controlPlane.calls.length, 0);

  await edge.nginx.reload({ config: before.replace(/nexus_cache_key .*;/, 'nexus_cache_key file:new.key;') });
  const resealed = await edge.record({ connection_id: id, key: rotated });
  edge.controlPlane.put(id, resealed.sealed);
  assert.equal(accessTokenOf(await edge.token(id)), resealed.token);
  assert.equal(edge.controlPlane.calls.length, 1);
});

test('a reload with another size or name starts with an empty zone', async (t) => {
  const edge = await startEdge(t, { workers: 2 });
  await edge.subscribed();
  const { id, token } = await edge.write();
  await edge.token(id);
  const before = fs.readFileSync(path.join(edge.nginx.dir, 'nginx.conf'), 'utf8');
  for (const zone of ['nexus:2m', 'other:2m']) {
    await edge.nginx.reload({ config: before.replace('zone=nexus:1m', `zone=${zone}`) });
    const answer = await edge.token(id);
    assert.equal(sourceOf(answer), 'l2');
    assert.equal(accessTokenOf(answer), token);
  }
});

test('without a master process', async (t) => {
  const edge = await startEdge(t, { main: 'master_process off;' });
  await edge.subscribed();
  const { id, token } = await edge.write();
  assert.equal(accessTokenOf(await edge.token(id)), token);
  assert.equal(sourceOf(await edge.token(id)), 'l1');
});

const configuration = (http, server = '') => ({
  config: ({ globals, http: defaults, port }) => `
${globals}
events {}
http {
    ${defaults}
    ${http}
    server {
        listen 127.0.0.1:${port};
        ${server}
    }
}`,
  files: { 'cache.key': newKey(), 'short.key': Buffer.alloc(16, 1).toString('base64'), 'text.key': 'not base64 at all', 'empty.key': '' },
});

test('what cannot work is refused with file and line', async (t) => {
  const cases = [
    ['nexus_cache max_ttl=5m;', /zone=NAME:SIZE/],
    ['nexus_cache zone=nexus;', /NAME:SIZE/],
    ['nexus_cache zone=:1m;', /NAME:SIZE/],
    ['nexus_cache zone=nexus:;', /size/],
    ['nexus_cache zone=nexus:lots;', /size/],
    ['nexus_cache zone=nexus:64k;', /too small/],
    ['nexus_cache zone=nexus:70000m;', /too large/],
    ['nexus_cache zone=nexus:1m max_ttl=never;', /max_ttl/],
    ['nexus_cache zone=nexus:1m negative_ttl=2d;', /negative_ttl/],
    ['nexus_cache zone=nexus:1m early_refresh=2h;', /early_refresh/],
    ['nexus_cache zone=nexus:1m; nexus_cache zone=other:1m;', /duplicate/],
    ['nexus_cache_key file:missing.key;', /missing\.key/],
    ['nexus_cache_key file:short.key;', /short\.key.*openssl rand|openssl rand.*32/],
    ['nexus_cache_key file:text.key;', /openssl rand/],
    ['nexus_cache_key file:empty.key;', /empty/],
    ['nexus_cache_key env:NEXUS_NOT_SET;', /NEXUS_NOT_SET/],
    ['nexus_cache_key cache.key;', /file:|env:/],
    ['nexus_cache_key file:cache.key next=file:cache.key;', /next=/],
    ['nexus_control_plane nexusd;', /internal location/],
    ['nexus_control_plane http://nexusd/;', /internal location/],
    ['nexus_control_plane /_nexus timeout=forever;', /timeout/],
    ['nexus_control_plane /_nexus retries=3;', /retries/],
    ['nexus_control_plane_key edge;', /file:|env:/],
  ];
  for (const [http, expected] of cases) {
    const { ok, message } = await testConfig(t, configuration(http));
    assert.equal(ok, false, http);
    assert.match(message, expected, http);
    assert.match(message, /nginx\.conf:\d+/, http);
  }
});

test('lookups that lack a part are refused', async (t) => {
  const use = 'location /token { nexus_auth off; nexus_connection $arg_id; nexus_api token; }';
  const all = 'nexus_cache zone=n:1m; nexus_cache_key file:cache.key; nexus_redis redis://127.0.0.1:1;';
  assert.equal((await testConfig(t, configuration(all, use))).ok, true);
  for (const [missing, http] of [
    ['nexus_cache', all.replace(/nexus_cache zone.*?;/, '')],
    ['nexus_cache_key', all.replace(/nexus_cache_key.*?;/, '')],
    ['nexus_redis or nexus_control_plane', all.replace(/nexus_redis.*?;/, '')],
  ]) {
    const { ok, message } = await testConfig(t, configuration(http, use));
    assert.equal(ok, false, missing);
    assert.match(message, new RegExp(`needs ${missing} `));
  }
});
