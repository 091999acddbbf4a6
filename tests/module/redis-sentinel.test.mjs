// A master that Sentinels name: found, followed when it changes, and left when it is none.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startDns } from '../support/dns.mjs';
import { accessTokenOf, patient, sourceOf, startEdge } from '../support/edge.mjs';
import { findPort } from '../support/ports.mjs';
import { startRedis } from '../support/redis.mjs';
import { startRedisProxy } from '../support/redis-proxy.mjs';
import { startSentinel } from '../support/redis-sentinel.mjs';
import { bulk } from '../support/resp.mjs';
import { waitFor } from '../support/wait.mjs';

const startSentinelEdge = (t, system, options = {}) => startEdge(t, {
  redisUrl: system.url, redisServer: system, ...options, redis: `${patient} ${options.redis ?? ''}`,
});

/** Waits until a new record is read from Redis. */
async function readsFromRedis(edge) {
  await waitFor('Redis to be asked', async () => {
    const { id } = await edge.write({}, { silent: true });
    return sourceOf(await edge.token(id)) === 'l2';
  });
}

test('the master is followed through a failover, by reads and by the subscription', async (t) => {
  const system = await startSentinel(t);
  const edge = await startSentinelEdge(t, system, { workers: 2 });
  await edge.subscribed();
  await readsFromRedis(edge);
  const cached = await edge.write();
  await edge.token(cached.id);
  edge.controlPlane.put(cached.id, cached.sealed);

  const old = await system.master();
  const now = await system.failover();
  assert.notEqual(now, old);
  assert.equal(accessTokenOf(await edge.token(cached.id)), cached.token);
  await now.subscribers('nexus:events');
  await readsFromRedis(edge);

  const newer = await edge.write({ connection_id: cached.id, generation: 2 });
  edge.controlPlane.put(newer.id, newer.sealed);
  await waitFor('the event from the new master', async () => accessTokenOf(await edge.token(newer.id)) === newer.token);
  const asked = await old.calls('get');
  await readsFromRedis(edge);
  assert.equal(await old.calls('get'), asked);
});

test('a master that dies is replaced', async (t) => {
  const system = await startSentinel(t);
  const edge = await startSentinelEdge(t, system);
  await readsFromRedis(edge);
  const old = await system.master();
  await old.kill();
  await system.changed(old);
  await edge.subscribed();
  await readsFromRedis(edge);
});

test('Sentinels that are away or know nothing are passed over; users who may do just what is needed', async (t) => {
  const system = await startSentinel(t, {
    args: ['--user', 'edge', 'on', '>of-redis', '~nexus:*', '&nexus:events', '+get', '+ping', '+subscribe', '+role'],
    lines: ['user watcher on >of-sentinel &+switch-master +ping +sentinel +subscribe +unsubscribe'],
  });
  const stranger = await startRedis(t, { tcp: true });
  const silent = await startRedisProxy(t, { port: system.port, host: '127.0.0.1' });
  silent.fault = ([command]) => (command === 'UNSUBSCRIBE' ? { silent: true } : undefined);
  const ports = [await findPort(), stranger.port, silent.port, system.port];
  const edge = await startEdge(t, {
    redisUrl: `sentinel://${ports.map((port) => `127.0.0.1:${port}`).join()}/nexus-master`,
    redisServer: system, files: { redis: 'of-redis', sentinel: 'of-sentinel' },
    redis: `user=edge password=file:redis sentinel_user=watcher sentinel_password=file:sentinel ${patient}`,
  });
  await readsFromRedis(edge);
  await edge.subscribed();
  assert.doesNotMatch(edge.nginx.errorLog(), /of-redis|of-sentinel/);
});

test('a master that Sentinel does not know', async (t) => {
  const system = await startSentinel(t);
  const proxy = await startRedisProxy(t, { port: system.port, host: '127.0.0.1' });
  const edge = await startEdge(t, { redisUrl: `sentinel://127.0.0.1:${proxy.port}/other`, redis: patient });
  await waitFor('the log', () => /knows no master "other"/.test(edge.nginx.errorLog()));
  await waitFor('some more questions', () => proxy.commands.filter(([command]) => command === 'SENTINEL').length > 4);
  assert.equal(edge.nginx.errorLog().match(/ nexus: .*(Redis|Sentinel) .*/g).length, 1);
});

test('who says that it is no master is left, whatever Sentinel says', async (t) => {
  const system = await startSentinel(t);
  const replica = system.nodes.find((node) => node !== system.nodes[0]);
  const proxy = await startRedisProxy(t, { port: system.port, host: '127.0.0.1' });
  const toReplica = Buffer.concat([Buffer.from('*2\r\n'), bulk('127.0.0.1'), bulk(String(replica.port))]);
  proxy.fault = ([command]) => (command === 'SENTINEL' ? { reply: () => toReplica } : undefined);
  const edge = await startEdge(t, {
    redisUrl: `sentinel://127.0.0.1:${proxy.port}/nexus-master`, redisServer: system, redis: patient,
  });
  await waitFor('the refusal', () => /is no master/.test(edge.nginx.errorLog()));
  const record = await edge.record();
  edge.controlPlane.put(record.id, record.sealed);
  assert.equal(sourceOf(await edge.token(record.id)), 'origin');
  assert.equal(await replica.calls('get'), 0);
  proxy.fault = () => undefined;
  await readsFromRedis(edge);
  await edge.subscribed();
});

/** What claims to be a Sentinel whose master is this one: a proxy, with claims(master), and askedAgain() to wait for questions. */
async function startClaimant(t, master) {
  const redis = await startRedis(t, { tcp: true });   // whose channels are as a Sentinel's
  const proxy = await startRedisProxy(t, { port: redis.port, host: '127.0.0.1' });
  proxy.claims = ({ host = '127.0.0.1', port }) => {
    const address = Buffer.concat([Buffer.from('*2\r\n'), bulk(host), bulk(String(port))]);
    proxy.fault = ([command]) => (command === 'SENTINEL' ? { reply: () => address } : undefined);
  };
  const asked = () => proxy.commands.filter(([command]) => command === 'SENTINEL').length;
  proxy.askedAgain = async () => {
    const before = asked();
    await waitFor('the Sentinel to be asked', () => asked() >= before + 3);
  };
  proxy.claims(master);
  return proxy;
}

const claimantsUrl = (claimants) => `sentinel://${claimants.map(({ port }) => `127.0.0.1:${port}`).join()}/nexus-master`;

test('a Sentinel that was cut off names the old master for ever: most of them are believed, a revoke is noticed', async (t) => {
  const [old, now] = [await startRedis(t, { tcp: true }), await startRedis(t, { tcp: true })];
  const [cutOff, ...others] = [await startClaimant(t, old), await startClaimant(t, now), await startClaimant(t, now)];
  await Promise.all(others.map((other) => other.refuse()));
  const edge = await startEdge(t, { redisUrl: claimantsUrl([cutOff, ...others]), redisServer: old, redis: patient });
  await edge.subscribed();
  await readsFromRedis(edge);
  const { id } = await edge.write();
  assert.equal((await edge.token(id)).status, 200);

  await Promise.all(others.map((other) => other.accept()));
  await now.subscribers('nexus:events');
  const revoked = await edge.record({ connection_id: id, generation: 2, state: 'revoked' });
  await now.set(revoked.redisKey, revoked.sealed, { px: revoked.px });
  await now.publish('nexus:events', { kind: 'token', id, generation: 2 });
  await waitFor('the revoke to be noticed', async () => (await edge.token(id)).json.error === 'connection_revoked');

  await cutOff.askedAgain();
  assert.match(edge.nginx.errorLog(), new RegExp(`the master is 127.0.0.1:${now.port}`));
  assert.equal(edge.nginx.errorLog().match(/the master is/g).length, 2, 'a minority is not followed');
});

test('of two Sentinels that differ, the one is believed that names the known master, until that one is lost', async (t) => {
  const [old, now] = [await startRedis(t, { tcp: true }), await startRedis(t, { tcp: true })];
  const [cutOff, other] = [await startClaimant(t, old), await startClaimant(t, now)];
  await other.refuse();
  const edge = await startEdge(t, { redisUrl: claimantsUrl([cutOff, other]), redisServer: old, redis: patient });
  await readsFromRedis(edge);
  await other.accept();
  await other.askedAgain();
  await edge.subscribed();
  await readsFromRedis(edge);

  await old.kill();
  await now.subscribers('nexus:events');
  await waitFor('the other one to be asked', async () => {
    const { id, redisKey, sealed, px } = await edge.record();
    await now.set(redisKey, sealed, { px });
    return sourceOf(await edge.token(id)) === 'l2';
  });
});

test('a master that is announced by name needs a resolver', async (t) => {
  const system = await startSentinel(t);
  const proxy = await startRedisProxy(t, { port: system.port, host: '127.0.0.1' });
  const byName = Buffer.concat([Buffer.from('*2\r\n'), bulk('master.example'), bulk(String(system.nodes[0].port))]);
  proxy.fault = ([command]) => (command === 'SENTINEL' ? { reply: () => byName } : undefined);
  const redisUrl = `sentinel://127.0.0.1:${proxy.port}/nexus-master`;

  const without = await startEdge(t, { redisUrl, redisServer: system, redis: patient });
  await waitFor('the log', () => /the name "master\.example" was announced, which needs a resolver/.test(without.nginx.errorLog()));

  const dns = await startDns(t, { 'master.example': ['127.0.0.1'] });
  const edge = await startEdge(t, {
    redisUrl, redisServer: system, redis: patient, http: `resolver 127.0.0.1:${dns.port} ipv6=off;`,
  });
  await readsFromRedis(edge);
  await edge.nginx.reload();
  await readsFromRedis(edge);
});

test('a name with several addresses: one is kept until it is lost, and then another is used', async (t) => {
  const redis = await startRedis(t, { tcp: true });
  const target = { port: redis.port, host: '127.0.0.1' };
  const one = await startRedisProxy(t, target);
  const two = await startRedisProxy(t, target, { host: '127.0.0.2', port: one.port });
  const master = { host: 'master.example', port: one.port };
  const claimants = [await startClaimant(t, master), await startClaimant(t, master), await startClaimant(t, master)];
  const dns = await startDns(t, { 'master.example': [one.host, two.host] });
  const edge = await startEdge(t, {
    redisUrl: claimantsUrl(claimants), redisServer: redis, redis: patient, http: `resolver 127.0.0.1:${dns.port} ipv6=off;`,
  });
  await edge.subscribed();
  await readsFromRedis(edge);
  await Promise.all(claimants.map((claimant) => claimant.askedAgain()));
  assert.equal(edge.nginx.errorLog().match(/the master is/g).length, 1);
  assert.deepEqual([one.connections, two.connections].sort(), [0, 2], 'questions and subscription');

  const [used, other] = one.connections > 0 ? [one, two] : [two, one];
  await used.refuse();
  await readsFromRedis(edge);
  await edge.subscribed();
  assert.ok(other.connections >= 2);
});
