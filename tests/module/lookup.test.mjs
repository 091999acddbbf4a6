// Where a record comes from: shared memory, Redis, the control plane, and what happens when one of them fails.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import net from 'node:net';
import { test } from 'node:test';
import { cleanup } from '../support/cleanup.mjs';
import { accessTokenOf, sourceOf, startEdge } from '../support/edge.mjs';
import { get, post, serve } from '../support/http.mjs';
import { newKey } from '../support/keys.mjs';
import { listen } from '../support/listen.mjs';
import { findPort } from '../support/ports.mjs';
import { callerKey, keyHash, newAgentKey, sealCaller } from '../support/records.mjs';
import { waitFor } from '../support/wait.mjs';

test('Redis answers first, then shared memory without Redis', async (t) => {
  const edge = await startEdge(t);
  await edge.subscribed();
  const { id, token } = await edge.write();

  const first = await edge.token(id);
  assert.equal(first.status, 200, first.text);
  assert.equal(sourceOf(first), 'l2');
  assert.equal(accessTokenOf(first), token);
  const gets = await edge.redis.calls('get');

  const second = await edge.token(id);
  assert.equal(sourceOf(second), 'l1');
  assert.equal(accessTokenOf(second), token);
  assert.equal(await edge.redis.calls('get'), gets);
  assert.equal(edge.controlPlane.calls.length, 0);
});

test('what Redis does not have comes from the control plane, with nothing of the caller\'s', async (t) => {
  const edge = await startEdge(t);
  await edge.subscribed();
  const { id, token, sealed } = await edge.record();
  edge.controlPlane.put(id, sealed);

  const answer = await edge.token(id, {
    headers: { authorization: 'Bearer callers-own', cookie: 'a=b', 'x-api-key': 'callers', 'x-forwarded-for': '1.2.3.4' },
  });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(sourceOf(answer), 'origin');
  assert.equal(accessTokenOf(answer), token);
  assert.equal(sourceOf(await edge.token(id)), 'l1');

  const [call, ...more] = edge.controlPlane.calls;
  assert.equal(more.length, 0);
  assert.equal(call.method, 'GET');
  assert.equal(call.url, `/edge/tokens/${id}`);
  assert.equal(call.headers['x-api-key'], 'edge-key-for-tests-and-for-nothing-else');
  for (const name of ['authorization', 'cookie', 'x-forwarded-for', 'content-length', 'transfer-encoding']) {
    assert.equal(call.headers[name], undefined, name);
  }
});

test('a record of 30 kB passes all three ways', async (t) => {
  const edge = await startEdge(t);
  await edge.subscribed();
  const { id, token, sealed } = await edge.record({ token: 'x'.repeat(30_000) });
  edge.controlPlane.put(id, sealed);
  assert.equal(accessTokenOf(await edge.token(id)), token);
  assert.equal(accessTokenOf(await edge.token(id)), token);
  const other = await edge.write({ token: 'y'.repeat(30_000) });
  assert.equal(accessTokenOf(await edge.token(other.id)), other.token);
});

test('an unknown connection is 404, and remembered', async (t) => {
  const edge = await startEdge(t, { cache: 'negative_ttl=60s' });
  await edge.subscribed();
  const id = randomUUID();

  const first = await edge.token(id);
  assert.equal(first.status, 404);
  assert.equal(first.json.error, 'connection_not_found');
  const second = await edge.token(id);
  assert.equal(second.status, 404);
  assert.equal(edge.controlPlane.calls.length, 1);

  // Its creation is an event, which ends the memory at once.
  const { token } = await edge.write({ connection_id: id });
  const third = await waitFor('the new connection', async () => {
    const answer = await edge.token(id);
    return answer.status === 200 && answer;
  });
  assert.equal(accessTokenOf(third), token);
});

test('an unknown connection whose creation may have been missed is asked for again', async (t) => {
  const edge = await startEdge(t, { cache: 'negative_ttl=10m' });
  await edge.subscribed();
  const id = randomUUID();
  for (let i = 0; i < 2; i++) {
    assert.equal((await edge.token(id)).status, 404);
  }
  assert.equal(edge.controlPlane.calls.length, 1);

  await edge.redis.restart();
  const { token, sealed } = await edge.record({ connection_id: id });
  edge.controlPlane.put(id, sealed);
  const found = await waitFor('the new connection', async () => {
    const answer = await edge.token(id);
    return answer.status === 200 && answer;
  });
  assert.equal(accessTokenOf(found), token);
});

test('an id that is no UUID is asked of nobody', async (t) => {
  const edge = await startEdge(t);
  for (const id of ['nonsense', '..%2f..%2fadmin', `${randomUUID()}x`, 'g'.repeat(36)]) {
    const answer = await edge.token(id);
    assert.ok(answer.status >= 400 && answer.status < 500, `${id}: ${answer.status}`);
  }
  assert.equal(edge.controlPlane.calls.length, 0);
});

test('an event makes the next request fetch the newer record', async (t) => {
  const edge = await startEdge(t, { workers: 2 });
  await edge.subscribed();
  const { id } = await edge.write({ generation: 1 });
  assert.equal(sourceOf(await edge.token(id)), 'l2');

  const newer = await edge.write({ connection_id: id, generation: 2 });
  const answer = await waitFor('the newer token', async () => {
    const got = await edge.token(id);
    return accessTokenOf(got) === newer.token && got;
  }, { timeout: 1000 });
  assert.equal(answer.status, 200);
});

test('an event about what is known already changes nothing', async (t) => {
  const edge = await startEdge(t);
  await edge.subscribed();
  const { id } = await edge.write({ generation: 5 });
  await edge.token(id);
  for (const generation of [5, 4, 1]) {
    await edge.event(id, generation);
  }
  await edge.redis.publish('nexus:events', 'no json at all');
  await edge.redis.publish('nexus:events', { kind: 'token', id: 'no uuid', generation: 9 });
  const other = await edge.write({ generation: 1 });
  await waitFor('later events to be through', async () => sourceOf(await edge.token(other.id)) === 'l1');
  assert.equal(sourceOf(await edge.token(id)), 'l1');
});

test('a slow old answer does not replace what an event asked for', async (t) => {
  const edge = await startEdge(t);
  await edge.subscribed();
  const old = await edge.record({ generation: 1 });
  const { id } = old;
  let release;
  const held = new Promise((resolve) => { release = resolve; });
  edge.controlPlane.answer = () => ({ status: 200, body: old.sealed, delay: held });

  const waiting = edge.token(id);
  await waitFor('the question to arrive', () => edge.controlPlane.calls.length === 1);
  const newer = await edge.write({ connection_id: id, generation: 2 });
  await waitFor('the event', async () => await edge.metric('nexus_redis_events_total') >= 1);
  release();

  assert.equal(accessTokenOf(await waiting), newer.token);
  assert.equal(accessTokenOf(await edge.token(id)), newer.token);
});

test('what an event asked for holds while more is asked for than the zone has room to note', async (t) => {
  const edge = await startEdge(t, { zone: '256k', logLevel: 'info' });
  await edge.subscribed();
  const old = await edge.write({ generation: 1 });
  assert.equal((await edge.token(old.id)).status, 200);
  let release;
  const held = new Promise((resolve) => { release = resolve; });
  edge.controlPlane.answer = ({ url }) => (url.includes(old.id)
    ? { status: 503, body: { error: 'store_unavailable' } }
    : { status: 404, body: { error: 'connection_not_found' }, delay: held });
  const others = Array.from({ length: 150 }, () => edge.token(randomUUID()));
  await waitFor('the questions to arrive', () => edge.controlPlane.calls.length === others.length);

  await edge.event(old.id, 2);
  await waitFor('the event', async () => await edge.metric('nexus_cache_invalidations_total') === 1);
  for (let i = 0; i < 3; i++) {
    const answer = await edge.token(old.id);
    assert.equal(answer.status, 503, answer.text);
  }
  const newer = await edge.write({ connection_id: old.id, generation: 2 });
  assert.equal(accessTokenOf(await edge.token(old.id)), newer.token);
  release();
  for (const answer of await Promise.all(others)) {
    assert.equal(answer.status, 404, answer.text);
  }
});

test('records that do not open are never used', async (t) => {
  const edge = await startEdge(t);
  await edge.subscribed();
  const spoilt = {
    'sealed with another key': async (good) => (await edge.record({ key: newKey(), connection_id: good.id })).sealed,
    'the record of another connection': async () => (await edge.record()).sealed,
    'a flipped bit': (good) => flipped(good.sealed, good.sealed.length - 20, 1),
    'another state in the clear header': (good) => flipped(good.sealed, 5, 2),
    'another generation in the clear header': (good) => flipped(good.sealed, 16, 2),
    'a few bytes': () => Buffer.from('short'),
    'nothing': () => Buffer.alloc(0),
    'too many bytes': () => Buffer.alloc(40_000, 1),
  };
  for (const [what, spoil] of Object.entries(spoilt)) {
    const good = await edge.record();
    edge.controlPlane.put(good.id, good.sealed);
    await edge.redis.set(good.redisKey, await spoil(good));
    const answer = await edge.token(good.id);
    assert.equal(answer.status, 200, `${what}: ${answer.text}`);
    assert.equal(sourceOf(answer), 'origin', what);
    assert.equal(accessTokenOf(answer), good.token, what);
  }

  // From the control plane they are an error, and not remembered.
  const { id, sealed } = await edge.record();
  edge.controlPlane.put(id, (await edge.record()).sealed);
  assert.equal((await edge.token(id)).status, 500);
  edge.controlPlane.put(id, sealed);
  assert.equal((await edge.token(id)).status, 200);
  assert.ok(await edge.metric('nexus_records_refused_total') > Object.keys(spoilt).length);
});

function flipped(bytes, at, bits) {
  const copy = Buffer.from(bytes);
  copy[at] ^= bits;
  return copy;
}

test('control plane down: cached tokens go on, others are 503 with Retry-After', async (t) => {
  const edge = await startEdge(t, { cache: 'max_ttl=1s' });
  await edge.subscribed();
  const { id, token, redisKey } = await edge.write();
  assert.equal((await edge.token(id)).status, 200);
  await edge.controlPlane.stop();
  await edge.redis.del(redisKey);

  const unknown = await edge.token(randomUUID());
  assert.equal(unknown.status, 503);
  assert.match(unknown.headers['retry-after'], /^[1-9]\d*$/);

  // Past max_ttl it is asked for again, in vain, and goes on until its expiry.
  const stale = await waitFor('the entry to age', async () => {
    const answer = await edge.token(id);
    assert.equal(answer.status, 200);
    assert.equal(accessTokenOf(answer), token);
    return sourceOf(answer) === 'stale';
  });
  assert.ok(stale);
  await edge.controlPlane.start();
});

test('a control plane that says no to a question leaves cached tokens alone', async (t) => {
  const edge = await startEdge(t, { cache: 'max_ttl=1s' });
  await edge.subscribed();
  for (const [status, error] of [[429, 'rate_limited'], [400, 'invalid_request'], [409, 'invalid_request']]) {
    const { id, token, redisKey } = await edge.write({}, { silent: true });
    assert.equal((await edge.token(id)).status, 200);
    await edge.redis.del(redisKey);
    edge.controlPlane.answer = () => ({ status, headers: { 'retry-after': '7' }, body: { error } });
    await waitFor('the entry to age', async () => {
      const answer = await edge.token(id);
      assert.equal(accessTokenOf(answer), token, `${status}: ${answer.text}`);
      return sourceOf(answer) === 'stale';
    });

    const unknown = await edge.token(randomUUID());
    assert.equal(unknown.status, 503, unknown.text);
    assert.equal(unknown.headers['retry-after'], '7');
  }
});

test('nothing is served past its expiry', async (t) => {
  const edge = await startEdge(t);
  await edge.subscribed();
  const expiresAt = Date.now() + 1500;
  const { id } = await edge.write({ expires_at: expiresAt });
  assert.equal((await edge.token(id)).status, 200);
  edge.controlPlane.answer = () => ({ status: 503, headers: { 'retry-after': '7' }, body: { error: 'token_unavailable' } });

  const refused = await waitFor('its expiry', async () => {
    const asked = Date.now();
    const answer = await edge.token(id);
    assert.ok(answer.status !== 200 || asked < expiresAt + 20, 'served after its expiry');
    return answer.status !== 200 && answer;
  });
  assert.equal(refused.status, 503);
  assert.equal(refused.json.error, 'token_unavailable');
  assert.equal(refused.headers['retry-after'], '7');
});

test('an expired record in Redis is not used', async (t) => {
  const edge = await startEdge(t);
  await edge.subscribed();
  const old = await edge.record({ expires_at: Date.now() - 1000 });
  await edge.redis.set(old.redisKey, old.sealed);
  const fresh = await edge.record({ connection_id: old.id, generation: 2 });
  edge.controlPlane.put(old.id, fresh.sealed);
  const answer = await edge.token(old.id);
  assert.equal(accessTokenOf(answer), fresh.token);
  assert.equal(sourceOf(answer), 'origin');
});

test('an expired API key is refused, wherever its record comes from', async (t) => {
  const edge = await startEdge(t, {
    server: 'location ~ "^/guarded/(?<nexus_id>[^/]+)$" { nexus_auth api_key; nexus_api token; nexus_connection $nexus_id; }',
  });
  await edge.subscribed();
  const { id } = await edge.write();
  const ask = (key) => get(`${edge.url}/guarded/${id}`, { headers: { 'x-api-key': key } });
  const expired = { expires_at: Date.now() - 1000 };

  const [inRedis, atOrigin, good] = [newAgentKey(), newAgentKey(), newAgentKey()];
  await edge.redis.set(callerKey(inRedis), await sealCaller(edge.key, inRedis, expired));
  edge.controlPlane.put(keyHash(atOrigin), await sealCaller(edge.key, atOrigin, expired));
  edge.controlPlane.put(keyHash(good), await sealCaller(edge.key, good, {}));
  for (const key of [inRedis, atOrigin, inRedis, atOrigin, newAgentKey()]) {
    const answer = await ask(key);
    assert.equal(answer.status, 401, answer.text);
    assert.equal(answer.json.error, 'invalid_api_key');
  }
  assert.equal((await ask(good)).status, 200);
});

test('what the control plane may answer, and what it may not', async (t) => {
  const edge = await startEdge(t, { controlPlane: 'timeout=300ms' });
  await edge.subscribed();
  const { sealed } = await edge.record();
  const cases = [
    ['an nginx 404 is no unknown connection', { status: 404, body: '<html>', headers: { 'content-type': 'text/html' } }, 503],
    ['wrong edge key', { status: 401, body: { error: 'invalid_api_key' } }, 503],
    ['200 without the record type', { status: 200, body: '{}' }, 503],
    ['store away', { status: 503, body: { error: 'store_unavailable' } }, 503],
    ['internal error', { status: 500, body: { error: 'internal_error' } }, 503],
    ['redirect', { status: 302, headers: { location: 'http://127.0.0.1:1/' } }, 503],
    ['a body of 1 MB', { status: 200, body: Buffer.alloc(1 << 20, 1) }, 503],
    ['half a body', { status: 200, body: sealed, cut: true }, 503],
    ['silence', { hang: true }, 503],
    ['an empty record', { status: 200, body: Buffer.alloc(0) }, 500],
  ];
  for (const [what, answer, expected] of cases) {
    edge.controlPlane.answer = () => answer;
    const got = await edge.token(randomUUID());
    assert.equal(got.status, expected, `${what}: ${got.text}`);
    assert.equal(got.json?.error !== undefined, true, what);
  }
  assert.equal(await edge.metric('nexus_control_plane_timeouts_total'), 1);

  const failures = await edge.metric('nexus_control_plane_failures_total');
  edge.controlPlane.answer = () => ({ hang: true });
  assert.equal((await edge.token(randomUUID())).status, 503);
  assert.equal(await edge.metric('nexus_control_plane_timeouts_total'), 2);
  assert.equal(await edge.metric('nexus_control_plane_failures_total'), failures, 'a time-out was counted as a failure, too');
  const up = await get(`${edge.url}/up`);
  assert.equal(up.status, 204);
});

test('the control plane has its time for all of an answer, however slowly it comes', async (t) => {
  const edge = await startEdge(t, { controlPlane: 'timeout=500ms' });
  await edge.subscribed();
  const beginnings = [
    'HTTP/1.1 200 OK\r\nx-slow: ',
    'HTTP/1.1 200 OK\r\ncontent-type: application/vnd.nexus.record\r\ncontent-length: 10000\r\n\r\n',
    'HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\n\r\n{"error": "',
  ];
  for (const beginning of beginnings) {
    let closed;
    edge.controlPlane.answer = ({ response: { socket } }) => {
      socket.write(beginning);
      const timer = setInterval(() => socket.write('x'), 50);
      closed = new Promise((resolve) => { socket.once('close', resolve); }).then(() => clearInterval(timer));
      return { hang: true };
    };
    const answer = await edge.token(randomUUID());
    assert.equal(answer.status, 503, answer.text);
    await closed;
  }
  assert.equal(await edge.metric('nexus_control_plane_timeouts_total'), beginnings.length);
  assert.equal(await edge.metric('nexus_control_plane_failures_total'), 0);

  const { id, token, sealed } = await edge.record();
  edge.controlPlane.answer = edge.controlPlane.known;
  edge.controlPlane.put(id, sealed);
  assert.equal(accessTokenOf(await edge.token(id)), token);
});

test('a nexusd that does not answer in time is passed over, where there is another', async (t) => {
  const silent = await listen(t, net.createServer());
  const other = await serve(await findPort(), (incoming, response) => {
    response.writeHead(404, { 'content-type': 'application/json' });
    response.end('{"error":"connection_not_found"}');
  });
  cleanup(t, () => other.close());
  const port = await findPort();
  await startEdge(t, {
    http: `
    upstream two { server 127.0.0.1:${silent} fail_timeout=1h; server 127.0.0.1:${other.port}; }
    server {
        listen 127.0.0.1:${port};
        nexus_control_plane /_two timeout=500ms;
        nexus_auth off;
        location /_two/ { internal; proxy_pass http://two/; }
        location ~ "^/token/(?<nexus_id>[^/]+)$" { nexus_api token; nexus_connection $nexus_id; }
    }`,
  });
  const statuses = [];
  for (let i = 0; i < 6; i++) {
    statuses.push((await get(`http://127.0.0.1:${port}/token/${randomUUID()}`)).status);
  }
  assert.deepEqual(statuses.sort(), [404, 404, 404, 404, 404, 503]);
});

test('forced refreshes of one connection join', async (t) => {
  const edge = await startEdge(t, { workers: 2 });
  await edge.subscribed();
  const { id } = await edge.write({ generation: 1 });
  await edge.token(id);
  const newer = await edge.record({ connection_id: id, generation: 2 });
  edge.controlPlane.answer = ({ method }) => (method === 'POST'
    ? { status: 200, body: newer.sealed, delay: new Promise((resolve) => { setTimeout(resolve, 300); }) }
    : { status: 500 });

  const answers = await Promise.all(Array.from({ length: 8 }, () => post(`${edge.url}/refresh/${id}`, { body: '' })));
  for (const answer of answers) {
    assert.equal(answer.status, 200, answer.text);
    assert.equal(accessTokenOf(answer), newer.token);
  }
  const refreshes = edge.controlPlane.calls.filter((call) => call.method === 'POST');
  assert.equal(refreshes.length, 1);
  assert.equal(refreshes[0].url, `/edge/tokens/${id}/refresh?generation=1`);
  assert.equal(refreshes[0].headers['content-length'], '0');
  assert.equal(accessTokenOf(await edge.token(id)), newer.token);
});

test('a refused refresh tells why', async (t) => {
  const edge = await startEdge(t);
  await edge.subscribed();
  const { id } = await edge.write();
  edge.controlPlane.answer = () => ({ status: 400, body: { error: 'no_refresh_token' } });
  const answer = await post(`${edge.url}/refresh/${id}`, { body: '' });
  assert.equal(answer.status, 400, answer.text);
  assert.equal(answer.json.error, 'no_refresh_token');
});

test('without Redis configured the control plane answers', async (t) => {
  const edge = await startEdge(t, { redisUrl: '' });
  const { id, token, sealed } = await edge.record();
  edge.controlPlane.put(id, sealed);
  assert.equal(accessTokenOf(await edge.token(id)), token);
});
