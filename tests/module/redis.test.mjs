// Redis and what callers see of it: stopped, killed, slow; names, passwords and parameters. redis-faults.test.mjs has the
// long list of troubles.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startDns } from '../support/dns.mjs';
import { accessTokenOf, handOver, patient, sourceOf, startEdge } from '../support/edge.mjs';
import { get, post, serve } from '../support/http.mjs';
import { testConfig } from '../support/nginx.mjs';
import { repository } from '../support/paths.mjs';
import { findPort } from '../support/ports.mjs';
import { startRedisProxy } from '../support/redis-proxy.mjs';
import { startRedis } from '../support/redis.mjs';
import { bulk } from '../support/resp.mjs';
import { waitFor } from '../support/wait.mjs';

/** A record that only the control plane has. */
async function atOrigin(edge) {
  const record = await edge.record();
  edge.controlPlane.put(record.id, record.sealed);
  return record;
}

async function recovers(edge) {
  await waitFor('Redis to be asked again', async () => {
    const { id } = await edge.write({}, { silent: true });
    return sourceOf(await edge.token(id)) === 'l2';
  });
}

test('Redis stopped: cached tokens go on, others come from the control plane in time', async (t) => {
  const edge = await startEdge(t, { redis: 'timeout=50ms' });
  await edge.subscribed();
  const cached = await edge.write();
  await edge.token(cached.id);
  edge.redis.pause();

  const began = performance.now();
  const { id, token } = await atOrigin(edge);
  const answer = await edge.token(id);
  assert.equal(answer.status, 200, answer.text);
  assert.equal(accessTokenOf(answer), token);
  assert.ok(performance.now() - began < 1000);
  for (let i = 0; i < 20; i++) {
    assert.equal(accessTokenOf(await edge.token(cached.id)), cached.token);
  }
  edge.redis.resume();
  await recovers(edge);
});

test('Redis stopped for long: the breaker opens, unverified entries go on', async (t) => {
  const edge = await startEdge(t, { redis: 'timeout=50ms' });
  await edge.subscribed();
  const cached = await edge.write();
  await edge.token(cached.id);
  edge.redis.pause();

  // Without its subscription the entry is asked for again after five seconds, in vain, and goes on.
  const stale = await waitFor('the entry to be unverified', async () => {
    const answer = await edge.token(cached.id);
    assert.equal(answer.status, 200);
    return sourceOf(answer) === 'stale' && answer;
  }, { timeout: 15_000 });
  assert.equal(accessTokenOf(stale), cached.token);
  assert.equal(edge.controlPlane.calls.length, 0);

  // Soon, requests do not wait for a time-out each.
  await waitFor('the breaker to open', async () => {
    const { id } = await atOrigin(edge);
    const began = performance.now();
    assert.equal((await edge.token(id)).status, 200);
    return performance.now() - began < 45;
  }, { timeout: 2000 });

  edge.redis.resume();
  await recovers(edge);
  await waitFor('the entry to be verified again', async () => sourceOf(await edge.token(cached.id)) === 'l1');
});

test('Redis killed and started again', async (t) => {
  const edge = await startEdge(t, { workers: 2 });
  await edge.subscribed();
  const cached = await edge.write();
  await edge.token(cached.id);
  edge.controlPlane.put(cached.id, cached.sealed);
  await edge.redis.kill();

  const { id, token } = await atOrigin(edge);
  assert.equal(accessTokenOf(await edge.token(id)), token);
  assert.equal(accessTokenOf(await edge.token(cached.id)), cached.token);

  const before = edge.nginx.errorLog();
  await delay(2000);   // some tries
  const said = edge.nginx.errorLog().slice(before.length).split('\n').filter((line) => /\[(crit|error)\]/.test(line));
  assert.ok(said.length <= 3, said.join('\n'));   // a connection of each worker and the subscriber's: each once
  assert.match(edge.nginx.errorLog(), /\[error\].* nexus: Redis unix:/);

  await edge.redis.restart();
  await edge.subscribed();
  await recovers(edge);
  // The restarted Redis is empty: what is here is verified with the control plane.
  assert.equal(accessTokenOf(await edge.token(cached.id)), cached.token);
});

test('an event that was missed is made up for after the subscription is back', async (t) => {
  const edge = await startEdge(t);
  await edge.subscribed();
  const { id } = await edge.write({ generation: 1 });
  await edge.token(id);
  await edge.redis.client.client('KILL', 'TYPE', 'pubsub');
  const newer = await edge.write({ connection_id: id, generation: 2 });   // nobody listens, or somebody does again
  await edge.subscribed();
  await waitFor('the newer token', async () => accessTokenOf(await edge.token(id)) === newer.token, { timeout: 4000 });
});

test('what cannot be verified is asked of the control plane after half a minute, with a subscription too', async (t) => {
  const redis = await startRedis(t, { tcp: true });
  const proxy = await startRedisProxy(t, { port: redis.port, host: '127.0.0.1' });
  const edge = await startEdge(t, { redisUrl: proxy.url, redisServer: redis });
  await edge.subscribed();
  const { id, token } = await edge.write({ generation: 1 }, { silent: true });
  assert.equal(accessTokenOf(await edge.token(id)), token);
  const since = performance.now();
  const revoked = await edge.record({ connection_id: id, generation: 2, state: 'revoked' });
  edge.controlPlane.put(id, revoked.sealed);

  // A cluster that has lost a master: its other nodes still take subscriptions.
  proxy.fault = ([command]) => (['GET', 'EVAL'].includes(command) ? { reply: '-CLUSTERDOWN The cluster is down\r\n' } : undefined);
  await redis.client.client('KILL', 'TYPE', 'pubsub');
  await edge.subscribed();
  await waitFor('the revoke to be noticed', async () => (await edge.token(id)).json.error === 'connection_revoked', { timeout: 40_000, interval: 500 });
  assert.ok(performance.now() - since > 25_000, 'earlier than an entry that is merely unverified');
});

test('an old worker that listens to another Redis does not stand for the new one', async (t) => {
  const other = await startRedis(t, { tcp: true });
  await other.client.call('ACL', 'SETUSER', 'default', 'resetchannels');   // nobody can listen there
  const held = [];
  const slow = await serve(await findPort(), (_, response) => held.push(response));
  t.after(() => slow.close());
  const edge = await startEdge(t, { server: `location = /slow { proxy_pass ${slow.url}; proxy_read_timeout 300s; }` });
  await edge.subscribed();
  const long = get(`${edge.url}/slow`, { timeout: 60_000 });
  await waitFor('the long request', () => held.length === 1);

  const config = path.join(edge.nginx.dir, 'nginx.conf');
  fs.writeFileSync(config, fs.readFileSync(config, 'utf8').replace(edge.redis.url, other.url));
  await handOver(edge);
  await waitFor('the new Redis to be asked', async () => {
    const { id, redisKey, sealed, px } = await edge.record();
    await other.set(redisKey, sealed, { px });
    return (await edge.token(id)).status === 200;
  });
  assert.equal(edge.nginx.workers().length, 2, 'the old worker has left');

  const one = await edge.record({ generation: 1 });
  await other.set(one.redisKey, one.sealed, { px: one.px });
  assert.equal((await edge.token(one.id)).status, 200);
  const two = await edge.record({ connection_id: one.id, generation: 2, state: 'revoked' });
  await other.set(two.redisKey, two.sealed, { px: two.px });
  await waitFor('the revoke to be noticed', async () => (await edge.token(one.id)).json.error === 'connection_revoked', { timeout: 15_000, interval: 200 });
  assert.equal(edge.nginx.workers().length, 2, 'the old worker has left');
  held[0].end();
  assert.equal((await long).status, 200);
});

/** A Redis behind a proxy that may spoil its answers. */
async function startBehindProxy(t) {
  const redis = await startRedis(t, { tcp: true });
  return startRedisProxy(t, { port: redis.port, host: '127.0.0.1' });
}

test('late answers are dropped, not given to the next question', async (t) => {
  const edge0 = await startEdge(t);   // only for its key's records
  const wrong = await edge0.record();
  const proxy = await startBehindProxy(t);
  proxy.fault = ([command]) => (command === 'GET' ? { reply: bulk(wrong.sealed), delay: 120 } : undefined);
  const edge = await startEdge(t, { redisUrl: proxy.url, redis: 'timeout=50ms' });
  for (let i = 0; i < 10; i++) {
    const { id, token } = await atOrigin(edge);
    assert.equal(accessTokenOf(await edge.token(id)), token);
  }
});

test('a slow server is left alone after a few time-outs, and asked again once it is quick', async (t) => {
  const proxy = await startBehindProxy(t);
  proxy.fault = () => ({ delay: 150 });
  const edge = await startEdge(t, { redisUrl: proxy.url, redis: 'timeout=100ms connect_timeout=2s' });
  await waitFor('the connection', async () => await edge.metric('nexus_redis_connects_total') >= 1);
  for (let i = 0; i < 6; i++) {
    await edge.token((await atOrigin(edge)).id);
  }
  assert.equal(await edge.metric('nexus_redis_timeouts_total'), 3);
  assert.equal(await edge.metric('nexus_redis_breaker_opens_total'), 1);
  assert.ok(await edge.metric('nexus_redis_refused_total') >= 3);
  proxy.fault = () => undefined;
  await waitFor('the breaker to close', async () => {
    const before = await edge.metric('nexus_redis_refused_total');
    await edge.token((await atOrigin(edge)).id);
    return await edge.metric('nexus_redis_refused_total') === before;
  });
});

test('a server that never greets is tried less and less often', async (t) => {
  const proxy = await startBehindProxy(t);
  proxy.fault = () => ({ silent: true });
  const edge = await startEdge(t, { redisUrl: proxy.url, redis: 'connect_timeout=20ms' });
  const { id, token } = await atOrigin(edge);
  assert.equal(accessTokenOf(await edge.token(id)), token);
  await waitFor('several attempts', () => proxy.connections >= 6);
  const before = proxy.connections;
  const until = performance.now() + 1000;
  await waitFor('a second to pass', () => performance.now() > until);
  assert.ok(proxy.connections - before <= 8, `${proxy.connections - before} attempts in a second`);
});

test('AUTH, SELECT and names', async (t) => {
  const redis = await startRedis(t, { tcp: true });
  await redis.client.call('ACL', 'SETUSER', 'edge', 'on', '>s3cret', '~*', '&*', '+@all');
  const guarded = await startEdge(t, {
    redisUrl: `redis://localhost:${redis.port}/3`,
    redis: 'user=edge password=file:redis.password',
    files: { 'redis.password': 's3cret\n' },
  });
  const record = await guarded.record();
  await redis.client.select(3);
  await redis.set(record.redisKey, record.sealed);
  const answer = await waitFor('the guarded Redis', async () => {
    const got = await guarded.token(record.id);
    return got.status === 200 && got;
  });
  assert.equal(sourceOf(answer), 'l2');
  assert.ok(!guarded.nginx.errorLog().includes('s3cret'));
});

/** What a page of the manual says an edge's ACL user needs, with what it needs for global limits. */
function documentedRules(page) {
  const text = fs.readFileSync(path.join(repository, 'docs', page), 'utf8');
  const [rules] = /`\+get \+ping \+subscribe \+eval[^`]*`/.exec(text);
  assert.match(text, /`\+time` for limits with\s+`scope=global`/, page);
  return rules.slice(1, -1).split(' ');
}

test('an ACL user who may do what the manual says lacks nothing, and needs all of it', async (t) => {
  const rules = documentedRules('directives.md');
  assert.deepEqual(documentedRules('edge-protocol.md'), rules);
  const redis = await startRedis(t, { tcp: true });
  const allow = (...some) => redis.client.call('ACL', 'SETUSER', 'edge', 'reset', 'on', '>s3cret', ...some);
  await allow(...rules, '+time');
  const edge = await startEdge(t, {
    redisUrl: redis.url, redisServer: redis, redis: `user=edge password=file:redis.password ${patient}`, files: { 'redis.password': 's3cret\n' },
    http: 'nexus_limit_zone z key=all rate=1000r/s burst=1000 scope=global lease=0;',
    server: 'location = /limited { nexus_limit zone=z; empty_gif; }',
  });
  await edge.subscribed();
  const refusals = async () => (await redis.client.call('ACL', 'LOG')).map((entry) => `${entry[3]} ${entry[7]}`);
  const ask = async () => {
    const { id, token, sealed, redisKey } = await edge.record();   // nobody has it: a turn, and a record that is written
    edge.controlPlane.put(id, sealed);
    assert.equal(accessTokenOf(await edge.token(id)), token);
    const newer = await edge.record({ connection_id: id, generation: 2 });   // over the older one
    edge.controlPlane.put(id, newer.sealed);
    assert.equal(accessTokenOf(await post(`${edge.url}/refresh/${id}`, { body: '' })), newer.token);
    assert.equal((await get(`${edge.url}/limited`)).status, 200);
    return { redisKey };
  };
  const { redisKey } = await ask();
  await waitFor('the record in Redis', async () => await redis.get(redisKey) !== null);
  assert.deepEqual(await refusals(), []);

  for (const rule of [...rules, '+time'].filter((one) => one.startsWith('+'))) {
    await allow(...rules, '+time', `-${rule.slice(1)}`);
    await redis.client.call('ACL', 'LOG', 'RESET');
    await redis.client.call('CLIENT', 'KILL', 'USER', 'edge');
    await waitFor(`${rule} to be missed`, async () => {
      await ask();
      return (await refusals()).includes(`command ${rule.slice(1)}`);
    });
  }
});

test('a name that has moved is found by the resolver', async (t) => {
  const redis = await startRedis(t, { tcp: true });
  const dns = await startDns(t, { localhost: ['127.0.0.1'] });
  const before = await startRedisProxy(t, { port: redis.port, host: '127.0.0.1' });
  const edge = await startEdge(t, {
    redisUrl: `redis://localhost:${before.port}`, redisServer: redis, http: `resolver 127.0.0.1:${dns.port} valid=1s ipv6=off;`,
  });
  await recovers(edge);
  await before.refuse();
  dns.names.localhost = ['127.0.0.2'];
  await startRedisProxy(t, { port: redis.port, host: '127.0.0.1' }, { host: '127.0.0.2', port: before.port });
  await recovers(edge);
  await edge.subscribed();
});

test('a name that has moved away from a server that goes on is left, by the subscription too', async (t) => {
  const before = await startRedis(t, { tcp: true });
  const after = await startRedis(t, { args: ['--bind', '127.0.0.2', '--port', String(before.port)] });
  const dns = await startDns(t, { localhost: ['127.0.0.1'] });
  const edge = await startEdge(t, {
    redisUrl: `redis://localhost:${before.port}`, redisServer: before, http: `resolver 127.0.0.1:${dns.port} valid=1s ipv6=off;`,
  });
  await edge.subscribed();
  dns.names.localhost = ['127.0.0.2'];
  await before.client.client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes');

  const listeners = async (redis) => (await redis.client.pubsub('NUMSUB', 'nexus:events'))[1];
  await waitFor('the subscription to move', async () => await listeners(after) === 1 && await listeners(before) === 0);
  await waitFor('the questions to move', async () => {
    const { id, redisKey, sealed, px } = await edge.record();
    await after.set(redisKey, sealed, { px });
    return sourceOf(await edge.token(id)) === 'l2';
  });
});

test('a name that has moved away from a server that vanished without a word is found though nobody asks anything', async (t) => {
  const redis = await startRedis(t, { tcp: true });
  const dns = await startDns(t, { localhost: ['127.0.0.1'] });
  const before = await startRedisProxy(t, { port: redis.port, host: '127.0.0.1' });
  const edge = await startEdge(t, {
    redisUrl: `redis://localhost:${before.port}`, redisServer: redis, http: `resolver 127.0.0.1:${dns.port} valid=1s ipv6=off;`,
  });
  await edge.subscribed();
  const after = await startRedisProxy(t, { port: redis.port, host: '127.0.0.1' }, { host: '127.0.0.2', port: before.port });
  before.hold();
  dns.names.localhost = ['127.0.0.2'];
  await waitFor('the subscription to move', () => after.commands.some(([command]) => command === 'SUBSCRIBE'));
  await recovers(edge);
});

test('a command connection that is half open is noticed by the subscription, and left', async (t) => {
  const redis = await startRedis(t, { tcp: true });
  const proxy = await startRedisProxy(t, { port: redis.port, host: '127.0.0.1' });
  const edge = await startEdge(t, { redisUrl: proxy.url, redisServer: redis, redis: 'timeout=100ms connect_timeout=1s' });
  await edge.subscribed();
  proxy.hold();
  await waitFor('the connection to be given up', () => /has stalled/.test(edge.nginx.errorLog()));
  proxy.release();
  await recovers(edge);
});

test('values that cannot work are refused with file and line', async (t) => {
  const url = 'redis://127.0.0.1:6379';
  const tls = 'rediss://127.0.0.1:6379';
  const cases = [
    ['http://127.0.0.1', /redis:\/\/ or unix:/],
    ['redis://127.0.0.1,127.0.0.2', /several hosts/],
    ['redis://user:pw@127.0.0.1', /no credentials/],
    ['redis://127.0.0.1/x', /database/],
    ['redis://127.0.0.1/99999', /database/],
    ['redis://', /host/],
    ['redis://no-such-host.invalid', /host not found|no-such-host/],
    ['redis://127.0.0.1:99999', /port/],
    ['unix:relative', /unix:\/path/],
    [`${url} timeout=0`, /timeout/],
    [`${url} timeout=2m`, /timeout/],
    [`${url} timeout=soon`, /timeout/],
    [`${url} password=clear-text`, /file:|env:|reference/],
    [`${url} password=file:/does/not/exist`, /exist|No such file/],
    [`${url} password=env:NEXUS_NOT_SET`, /NEXUS_NOT_SET/],
    [`${url} user=me`, /password/],
    [`${url} colour=red`, /colour/],
    [`${url} ca=/etc/ca.pem`, /for TLS/],
    [`${url} verify=off`, /for TLS/],
    [`${url} sentinel_password=env:PATH`, /sentinel:\/\/ only/],
    [`${tls} verify=maybe`, /on or off/],
    [`${tls} ca=/does/not/exist`, /does\/not\/exist/],
    [`${tls} certificate=/etc/c.pem`, /belong together/],
    [`${tls} certificate=/does/not/exist certificate_key=/etc/k.pem`, /does\/not\/exist/],
    [`${tls} ca=/etc/ca.pem verify=off`, /one of them/],
  ];
  for (const [value, expected] of cases) {
    const { ok, message } = await testConfig(t, {
      config: ({ globals, http }) => `${globals}\nevents {}\nhttp {\n${http}\nnexus_redis ${value};\n}`,
    });
    assert.equal(ok, false, value);
    assert.match(message, expected, value);
    assert.match(message, /nginx\.conf:\d+/, value);
  }
});
