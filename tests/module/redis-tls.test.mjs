// Redis over TLS: whom the edge trusts, how it shows itself, and that nothing is said to a server before it is trusted.
import assert from 'node:assert/strict';
import tls from 'node:tls';
import fs from 'node:fs';
import { test } from 'node:test';
import { cleanup } from '../support/cleanup.mjs';
import { makeCa } from '../support/certificates.mjs';
import { accessTokenOf, patient, sourceOf, startEdge } from '../support/edge.mjs';
import { findPort } from '../support/ports.mjs';
import { startRedis } from '../support/redis.mjs';
import { waitFor } from '../support/wait.mjs';

/** A Redis with TLS, and what is needed to write records into it past the edge. */
async function startTlsRedis(t, { altName = 'DNS:redis.example,IP:127.0.0.1', clients, args } = {}) {
  const ca = await makeCa(t);
  const leaf = await ca.issue(altName);
  const redis = await startRedis(t, { tls: { ...leaf, ca: ca.file, clients }, args });
  return Object.assign(redis, { ca, tlsUrl: `rediss://127.0.0.1:${redis.tlsPort}` });
}

async function readsThrough(edge, redis) {
  const record = await edge.record();
  await redis.set(record.redisKey, record.sealed);
  const answer = await waitFor('Redis to be asked', async () => {
    const got = await edge.token(record.id);
    return got.status === 200 && got;
  });
  assert.equal(sourceOf(answer), 'l2');
  assert.equal(accessTokenOf(answer), record.token);
}

/** The edge goes without Redis, and its log says why. */
async function refuses(edge, why) {
  await waitFor('the refusal in the log', () => why.test(edge.nginx.errorLog()));
  const record = await edge.record();
  edge.controlPlane.put(record.id, record.sealed);
  assert.equal(sourceOf(await edge.token(record.id)), 'origin');
}

test('records and events over TLS, the address verified; reconnects resume the session', async (t) => {
  const redis = await startTlsRedis(t);
  const edge = await startEdge(t, { redisUrl: redis.tlsUrl, redis: `ca=${redis.ca.file} ${patient}` });
  await readsThrough(edge, redis);

  await redis.subscribers('nexus:events');
  const record = await edge.record();
  await redis.set(record.redisKey, record.sealed);
  await edge.token(record.id);
  await redis.publish('nexus:events', { kind: 'token', id: record.id, generation: 2 });
  await waitFor('the event', async () => await edge.metric('nexus_redis_events_total') === 1);

  await redis.client.client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await redis.client.client('KILL', 'TYPE', 'pubsub');
  await redis.subscribers('nexus:events');
  await readsThrough(edge, redis);
  await waitFor('a resumed session', () => /SSL reused session/.test(edge.nginx.errorLog()));
  await edge.nginx.reload();
  await readsThrough(edge, redis);
});

test('a name instead of an address, TLS 1.2, ACL user and database', async (t) => {
  const redis = await startTlsRedis(t, { altName: 'DNS:redis.example', args: ['--tls-protocols', 'TLSv1.2'] });
  await redis.client.call('ACL', 'SETUSER', 'edge', 'on', '>s3cret', '~*', '&*', '+@all');
  const edge = await startEdge(t, {
    redisUrl: `${redis.tlsUrl}/2`, files: { 'redis.password': 's3cret' },
    redis: `ca=${redis.ca.file} server_name=redis.example user=edge password=file:redis.password ${patient}`,
  });
  await redis.client.select(2);
  await readsThrough(edge, redis);
});

test('Redis wants a certificate of the client', async (t) => {
  const redis = await startTlsRedis(t, { clients: 'yes' });
  const own = await redis.ca.issue('DNS:edge.example');
  const edge = await startEdge(t, {
    redisUrl: redis.tlsUrl,
    redis: `ca=${redis.ca.file} certificate=${own.cert} certificate_key=${own.key} ${patient}`,
  });
  await readsThrough(edge, redis);
  const without = await startEdge(t, { redisUrl: redis.tlsUrl, redis: `ca=${redis.ca.file} ${patient}` });
  await refuses(without, /Redis .* (closed the connection|failed in the TLS handshake)/);
});

/** Accepts TLS and writes down whatever is said afterwards. */
async function startListener(t, leaf) {
  const heard = [];
  const server = tls.createServer({ cert: fs.readFileSync(leaf.cert), key: fs.readFileSync(leaf.key) }, (socket) => {
    socket.on('data', (data) => heard.push(data));
    socket.on('error', () => {});
  });
  server.on('tlsClientError', () => {});
  const port = await findPort();
  await new Promise((resolve) => { server.listen(port, '127.0.0.1', resolve); });
  cleanup(t, () => new Promise((resolve) => { server.close(resolve); }));
  return { url: `rediss://127.0.0.1:${port}`, heard };
}

test('a server that is not trusted hears nothing, least of all the password', async (t) => {
  const trusted = await makeCa(t, 'trusted');
  const other = await makeCa(t, 'other');
  const cases = [
    [await other.issue('IP:127.0.0.1'), '', /certificate that is not accepted: .*(issuer|self|signed)/],
    [await trusted.issue('IP:127.0.0.2'), '', /not accepted: .*mismatch/i],
    [await trusted.issue('DNS:127.0.0.1'), '', /not accepted: .*mismatch/i],
    [await trusted.issue('DNS:evil.example'), 'server_name=redis.example', /not accepted: .*mismatch/i],
  ];
  for (const [leaf, more, why] of cases) {
    const listener = await startListener(t, leaf);
    const edge = await startEdge(t, {
      redisUrl: listener.url, files: { 'redis.password': 's3cret' },
      redis: `ca=${trusted.file} password=file:redis.password ${more} ${patient}`,
    });
    await refuses(edge, why);
    assert.deepEqual(listener.heard, []);
  }
});

test('by default the system\'s authorities are asked; verify=off asks nobody', async (t) => {
  const redis = await startTlsRedis(t, { altName: 'DNS:whatever.example' });
  await refuses(await startEdge(t, { redisUrl: redis.tlsUrl, redis: patient }), /not accepted/);
  await readsThrough(await startEdge(t, { redisUrl: redis.tlsUrl, redis: `verify=off ${patient}` }), redis);
});

test('TLS to a port without it, and the other way round', async (t) => {
  const ca = await makeCa(t);
  const leaf = await ca.issue('IP:127.0.0.1');
  const redis = await startRedis(t, { tcp: true, tls: { ...leaf, ca: ca.file } });
  await refuses(await startEdge(t, { redisUrl: `rediss://127.0.0.1:${redis.port}`, redis: `ca=${ca.file}` }),
    /Redis .* (did not answer in time|failed in the TLS handshake|closed)/);
  await refuses(await startEdge(t, { redisUrl: `redis://127.0.0.1:${redis.tlsPort}` }), /Redis .* (closed|did not answer|sent what)/);
});
