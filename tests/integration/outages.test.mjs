// What callers see while Redis, nexusd or both are away: cached tokens are served to their expiry, never beyond it.
import assert from 'node:assert/strict';
import test from 'node:test';
import { assertError } from '../support/errors.mjs';
import { startLine } from '../support/line.mjs';
import { waitFor } from '../support/wait.mjs';

const start = async (t, { accessTtl = 600, ...options } = {}) => {
  const line = await startLine(t, { idp: { accessTtl }, ...options });
  await line.createProvider();
  const agent = await line.createAgent();
  return { line, agent };
};

test('Redis stopped: cached connections go on, others answer through the control plane; back again by itself', async (t) => {
  const { line, agent } = await start(t);
  const cached = await line.connect(agent);
  const other = await line.connect(agent);
  assert.equal((await line.call(agent, cached)).status, 200);

  await line.redis.kill();
  for (let i = 0; i < 5; i++) {
    assert.equal((await line.call(agent, cached)).status, 200);
    assert.equal((await line.call(agent, other)).status, 200);
  }
  const connected = await line.connect(agent);   // a consent does not need the cache either
  assert.equal((await line.call(agent, connected)).status, 200);

  await line.redis.restart();
  await line.redis.subscribers('nexus:events');
  for (const connection of [cached, other, connected]) {
    assert.equal((await line.call(agent, connection)).status, 200);
  }
});

test('Redis frozen: nobody hangs', async (t) => {
  const { line, agent } = await start(t);
  const cached = await line.connect(agent);
  const other = await line.connect(agent);
  assert.equal((await line.call(agent, cached)).status, 200);
  line.redis.pause();
  t.after(() => line.redis.resume());
  const begin = performance.now();
  assert.equal((await line.call(agent, cached)).status, 200);
  assert.equal((await line.call(agent, other)).status, 200);
  assert.ok(performance.now() - begin < 5000, 'answers within the time-outs');
  line.redis.resume();
});

test('Redis emptied: reads fall through to the control plane, which fills it again', async (t) => {
  const { line, agent } = await start(t);
  const connection = await line.connect(agent);
  await line.redis.client.flushall();
  assert.equal((await line.call(agent, connection)).status, 200);
  await waitFor('the record to be back in Redis', async () => await line.redis.get(`nexus:tok:{${connection}}`) !== null);
});

test('nexusd stopped: cached tokens serve until they expire, then 503 with Retry-After; then it is back', async (t) => {
  const { line, agent } = await start(t, { accessTtl: 9 });
  const connection = await line.connect(agent);
  assert.equal((await line.call(agent, connection)).status, 200);
  const token = line.api.last.headers.authorization.slice('Bearer '.length);
  await line.nexusd.kill();

  while (await line.idp.isActive(token)) {
    const answer = await line.call(agent, connection);
    if (answer.status !== 200) {
      // The token may have expired between the two questions.
      assert.ok(!await line.idp.isActive(token), `${answer.status} ${answer.text} while the token was good`);
      break;
    }
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
  const late = await waitFor('the cached token to be given up', async () => {
    const answer = await line.call(agent, connection);
    return answer.status === 503 ? answer : undefined;
  }, { timeout: 5000 });
  assertError(late, 503);
  assert.match(late.headers['retry-after'] ?? '', /^\d+$/);
  const read = await line.token(agent, connection);
  assertError(read, 503);
  assert.match(read.headers['retry-after'] ?? '', /^\d+$/);
  assert.equal(line.api.refused, 0, 'no expired token went out');

  const refresh = await line.refresh(agent, connection);
  assertError(refresh, 503);
  assert.match(refresh.headers['retry-after'] ?? '', /^\d+$/);
  const connect = await line.requestConnection(agent);
  assert.ok([502, 503, 504].includes(connect.status), `${connect.status}`);
  assertError(connect, connect.status);

  line.idp.accessTtl = 600;
  await line.nexusd.start();
  const after = await waitFor('the connection to work again', async () => {
    const answer = await line.call(agent, connection);
    return answer.status === 200 ? answer : undefined;
  });
  assert.equal(after.status, 200);
});

test('nexusd frozen: a caller who needs it gets 503 in bounded time', async (t) => {
  const { line, agent } = await start(t);
  const connection = await line.connect(agent);
  assert.equal((await line.call(agent, connection)).status, 200);
  line.nexusd.pause();
  const begin = performance.now();
  const answer = await line.refresh(agent, connection).finally(() => line.nexusd.resume());
  assertError(answer, 503);
  assert.ok(performance.now() - begin < 15000);
});

test('the database away: cached reads go on, what needs it is 503 and never 404', async (t) => {
  const { line, agent } = await start(t, { database: 'postgres' });
  const connection = await line.connect(agent);
  const other = await line.connect(agent);
  assert.equal((await line.call(agent, connection)).status, 200);
  const connections = async () => (await line.admin('GET', '/connections?limit=100')).json.items;
  const before = await connections();
  const reads = () => line.postgres.sql("SELECT count(*) FROM audit_events WHERE event_type = 'token_retrieved'");
  const read = async () => (await line.admin('GET', `/connections/${other}/token`)).status;
  const counted = Number(await reads());
  assert.deepEqual(await Promise.all(Array.from({ length: 20 }, read)), Array(20).fill(200));
  await line.postgres.stop();   // with the rows of these reads, maybe, on their way
  await line.redis.del(`nexus:tok:{${other}}`);

  assert.equal((await line.call(agent, connection)).status, 200);
  const needs = await line.call(agent, other);
  assertError(needs, 503);
  assert.match(needs.headers['retry-after'] ?? '', /^\d+$/);
  assert.equal((await fetch(`${line.nexusd.url}/ready`)).status, 503);
  assert.equal((await fetch(`${line.nexusd.url}/health`)).status, 200);
  for (const [method, path, json] of [['GET', `/connections/${other}/token`], ['POST', `/connections/${other}/refresh`], ['GET', '/connections'],
    ['POST', '/providers', { profile: { name: 'late', auth_type: 'api_key' } }]]) {
    const refused = await line.admin(method, path, json);
    assertError(refused, 503);
    assert.match(refused.headers['retry-after'] ?? '', /^\d+$/, path);
  }

  await line.postgres.start();
  await waitFor('nexusd to be ready again', async () => (await fetch(`${line.nexusd.url}/ready`)).status === 200);
  assert.equal((await line.call(agent, other)).status, 200);
  assert.deepEqual(await connections(), before);
  await waitFor('the reads from before the stop', async () => Number(await reads()) >= counted + 20);
});
