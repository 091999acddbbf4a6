// Workers that share, reload, leave and die: one fetch for all, waiting requests that outlive their owner, a cache that
// outlives a reload, and nothing left behind.
import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';
import { accessTokenOf, connectionsTo, haveWaited, hold, socketsOf, sourceOf, startEdge } from '../support/edge.mjs';
import { get } from '../support/http.mjs';
import { waitFor } from '../support/wait.mjs';

test('many requests on several workers: one question', async (t) => {
  const edge = await startEdge(t, { workers: 4 });
  await edge.subscribed();
  const { id, token, sealed } = await edge.record();
  const release = hold(edge, sealed);
  const asked = Array.from({ length: 40 }, () => edge.token(id));
  await waitFor('the question', () => edge.controlPlane.calls.length >= 1);
  release();
  const answers = await Promise.all(asked);
  for (const answer of answers) {
    assert.equal(answer.status, 200, answer.text);
    assert.equal(accessTokenOf(answer), token);
  }
  assert.equal(edge.controlPlane.calls.length, 1);
  assert.ok(new Set(answers.map((a) => a.headers['x-pid'])).size > 1, 'all went to one worker');
});

test('a failure is shared as well', async (t) => {
  const edge = await startEdge(t, { workers: 2 });
  await edge.subscribed();
  const { id } = await edge.record();
  let release;
  const held = new Promise((resolve) => { release = resolve; });
  edge.controlPlane.answer = () => ({
    status: 503, headers: { 'retry-after': '9' }, body: { error: 'token_unavailable' }, delay: held });
  const workers = await connectionsTo(edge, 2);
  const asked = workers.map(({ agent }) => edge.token(id, { agent }));
  await waitFor('the question', () => edge.controlPlane.calls.length >= 1);
  await waitFor('the second worker to wait', () => haveWaited(edge, id, 2));
  release();
  for (const answer of await Promise.all(asked)) {
    assert.equal(answer.status, 503);
    assert.equal(answer.headers['retry-after'], '9');
    assert.equal(answer.json.error, 'token_unavailable');
  }
  assert.equal(edge.controlPlane.calls.length, 1);
});

test('the request that gave rise to the question leaves: the question goes on for the others', async (t) => {
  const edge = await startEdge(t, { workers: 1, controlPlane: 'timeout=10s' });
  await edge.subscribed();
  const { id, token, sealed } = await edge.record();
  const release = hold(edge, sealed);

  const first = http.get(`${edge.url}/token/${id}`, { agent: false });
  first.on('error', () => {});
  await waitFor('the question', () => edge.controlPlane.calls.length === 1);
  const second = edge.token(id);
  await waitFor('the second request to wait', () => haveWaited(edge, id, 2));
  assert.equal(edge.controlPlane.calls.length, 1);

  first.destroy();
  await waitFor('nginx to notice', () => /client prematurely closed|closed keepalive|http finalize request: 499/.test(edge.nginx.errorLog()));
  release();
  assert.equal(accessTokenOf(await second), token);
  assert.equal(edge.controlPlane.calls.length, 1);
});

test('everybody leaves: what was asked for is there for the next one', async (t) => {
  const edge = await startEdge(t, { workers: 1, controlPlane: 'timeout=10s' });
  await edge.subscribed();
  const { id, token, sealed } = await edge.record();
  const release = hold(edge, sealed);
  const only = http.get(`${edge.url}/token/${id}`, { agent: false });
  only.on('error', () => {});
  await waitFor('the question', () => edge.controlPlane.calls.length === 1);
  only.destroy();
  release();
  await waitFor('the record', async () => await edge.metric('nexus_cache_stores_total') === 1);
  const answer = await edge.token(id);
  assert.equal(accessTokenOf(answer), token);
  assert.equal(sourceOf(answer), 'l1');
  assert.equal(edge.controlPlane.calls.length, 1);
});

test('the request that gave rise to the question leaves: other workers get the answer', async (t) => {
  const edge = await startEdge(t, { workers: 2, controlPlane: 'timeout=10s' });
  await edge.subscribed();
  const { id, token, sealed } = await edge.record();
  const release = hold(edge, sealed);
  const [one, other] = await connectionsTo(edge, 2);

  const first = http.get(`${edge.url}/token/${id}`, { agent: one.agent });
  first.on('error', () => {});
  await waitFor('the question', () => edge.controlPlane.calls.length === 1);
  const second = edge.token(id, { agent: other.agent });
  await waitFor('the second request to wait', () => haveWaited(edge, id, 2));

  first.destroy();
  release();
  const answer = await second;
  assert.equal(accessTokenOf(answer), token);
  assert.equal(Number(answer.headers['x-pid']), other.pid);
  assert.equal(edge.controlPlane.calls.length, 1);
});

test('the worker that asks is killed: another one takes over', async (t) => {
  const edge = await startEdge(t, {
    workers: 2, controlPlane: 'timeout=20s', allow: /worker process \d+ exited on signal 9/,
  });
  await edge.subscribed();
  const { id, token, sealed } = await edge.record();
  edge.controlPlane.answer = () => ({ hang: true });
  const [one, other] = await connectionsTo(edge, 2);

  const first = get(`${edge.url}/token/${id}`, { agent: one.agent }).catch((error) => error);
  await waitFor('the question', () => edge.controlPlane.calls.length === 1);
  const second = edge.token(id, { agent: other.agent });
  await waitFor('the second request to wait', () => haveWaited(edge, id, 2));
  edge.controlPlane.answer = () => ({ status: 200, body: sealed });

  process.kill(one.pid, 'SIGKILL');
  const began = performance.now();
  assert.equal(accessTokenOf(await second), token);
  assert.ok(performance.now() - began < 3000);
  assert.ok(await first instanceof Error);

  // Its successor has its number, and subscribes if that was 0.
  await waitFor('two workers', () => edge.nginx.workers().length === 2);
  await edge.subscribed();
  // Out of a cache: which one, hangs on whether a subscription that is younger than the record had to be begun.
  assert.ok(['l1', 'l2'].includes(sourceOf(await edge.token(id))));
});

test('clients that leave while Redis is stopped', async (t) => {
  const edge = await startEdge(t, { redis: 'timeout=2s' });
  await edge.subscribed();
  edge.redis.pause();
  const { id, sealed, token } = await edge.record();
  edge.controlPlane.put(id, sealed);
  const leaving = Array.from({ length: 20 }, () => {
    const request = http.get(`${edge.url}/token/${id}`, { agent: false });
    request.on('error', () => {});
    return request;
  });
  await waitFor('all to wait', () => haveWaited(edge, id, 20));
  leaving.forEach((request) => request.destroy());
  edge.redis.resume();
  assert.equal(accessTokenOf(await edge.token(id)), token);
});

test('a reload keeps the cache and fails nothing', async (t) => {
  const edge = await startEdge(t, { workers: 2, logLevel: 'info' });
  await edge.subscribed();
  const { id, token } = await edge.write();
  await edge.token(id);

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
  const clients = Array.from({ length: 8 }, client);
  for (let i = 0; i < 5; i++) {
    const before = answered;
    await edge.nginx.reload();
    await waitFor('requests after the reload', () => answered > before + 50);
  }
  stop = true;
  await Promise.all(clients);
  assert.deepEqual(errors, []);
  assert.equal(edge.controlPlane.calls.length, 0);

  // Events reach the cache through the new worker.
  await edge.subscribed();
  const newer = await edge.write({ connection_id: id, generation: 2 });
  await waitFor('the newer token', async () => accessTokenOf(await edge.token(id)) === newer.token);
});

test('reloads leave no connection to Redis behind', async (t) => {
  const edge = await startEdge(t, { workers: 2, logLevel: 'info' });
  await edge.subscribed();
  const count = async () => (await edge.redis.client.client('LIST')).trim().split('\n').length;
  await waitFor('connections', async () => await count() >= 4);   // a client per worker, a subscriber, and ours
  const before = await count();
  for (let i = 0; i < 5; i++) {
    await edge.nginx.reload();
  }
  await waitFor('as many connections as before', async () => await count() === before);
  assert.ok(edge.nginx.workers().every((pid) => socketsOf(pid) < 20));
});

test('a waiting request outlives a graceful quit', async (t) => {
  const edge = await startEdge(t, { workers: 2, controlPlane: 'timeout=10s' });
  await edge.subscribed();
  const { id, token, sealed } = await edge.record();
  const release = hold(edge, sealed);
  const workers = await connectionsTo(edge, 2);
  const asked = workers.map(({ agent }) => edge.token(id, { agent }));
  await waitFor('the question', () => edge.controlPlane.calls.length === 1);
  await waitFor('the second request to wait', () => haveWaited(edge, id, 2));

  const stopping = edge.nginx.stop('SIGQUIT');
  await waitFor('the workers to be leaving', () => /gracefully shutting down/.test(edge.nginx.errorLog()));
  release();
  for (const answer of await Promise.all(asked)) {
    assert.equal(accessTokenOf(answer), token);
  }
  await stopping;
});

test('a request that waits for Redis outlives a graceful quit', async (t) => {
  const edge = await startEdge(t, { redis: 'timeout=1s' });
  await edge.subscribed();
  const { id, token } = await edge.write();
  edge.redis.pause();
  const asked = edge.token(id);
  await waitFor('the request to wait', () => haveWaited(edge, id, 1));
  const stopping = edge.nginx.stop('SIGQUIT');
  await waitFor('the worker to be leaving', () => /gracefully shutting down/.test(edge.nginx.errorLog()));
  edge.redis.resume();
  assert.equal(accessTokenOf(await asked), token);
  await stopping;
});
