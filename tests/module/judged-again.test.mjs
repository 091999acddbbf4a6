// Requests that wait after their records were judged, for their body or a limit's delay: what was taken back meanwhile is
// refused, and nothing is sent.
import assert from 'node:assert/strict';
import net from 'node:net';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { cleanup } from '../support/cleanup.mjs';
import { tokenKey } from '../support/records.mjs';
import { waitFor } from '../support/wait.mjs';
import { caller, startEdge } from './edge-fixture.mjs';
import { h2Session } from './grpc-fixture.mjs';

const REVOKED = { state: 'revoked', expires_at: 0 };
const ATTENTION = { state: 'attention', expires_at: 0, attention_reason: 'invalid_grant', reconnect_url: 'https://nexus.example/r' };

async function start(t, options) {
  const edge = await startEdge(t, {
    http: 'nexus_limit_zone slow key=connection rate=20r/m burst=5;',
    locations: ({ upstream }) => `
      location /api/ {
          nexus_inject auto;
          nexus_connection $http_x_nexus_connection;
          nexus_allow_private 127.0.0.0/8;
          proxy_pass http://${upstream};
          location /api/held/ { nexus_limit zone=slow; proxy_pass http://${upstream}; }
      }
      location /token { nexus_auth api_key; nexus_api token; nexus_connection $http_x_nexus_connection; nexus_limit zone=slow; }`,
    ...options,
  });
  await edge.redis.subscribers('nexus:events');
  return edge;
}

/** Half of a body, what happens then, and the other half. Resolves to {status, body} of the answer. */
async function uploadInHalves(t, edge, headers, between) {
  const socket = net.connect(edge.port, '127.0.0.1').on('error', () => {});
  cleanup(t, () => socket.destroy());
  let text = '';
  socket.setEncoding('utf8').on('data', (data) => { text += data; });
  const before = await edge.redis.calls('get');
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('');
  socket.write(`POST /api/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 10\r\n${lines}\r\nfirst`);
  await waitFor('both records to be fetched', async () => await edge.redis.calls('get') >= before + 2);
  await delay(300);   // and judged, long ago
  await between(socket);
  socket.write('other');
  await new Promise((resolve) => { socket.once('close', resolve); });
  const [head, body] = text.split('\r\n\r\n');
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]), body };
}

const bodies = (edge) => edge.upstream.requests.map(({ body }) => String(body));

describe('a request that has waited is judged again', { concurrency: 6 }, () => {
  for (const [what, fields, status, more] of [
    ['revoked', REVOKED, 403, { error: 'connection_revoked' }],
    ['in need of a person', ATTENTION, 409, { error: 'attention_required', reason: 'invalid_grant', reconnect_url: ATTENTION.reconnect_url }],
    ['expired', { state: 'expired', expires_at: 0 }, 403, { error: 'connection_not_active' }],
  ]) {
    test(`for its body, and its connection is ${what} by then`, async (t) => {
      const edge = await start(t);
      const { id, headers } = await caller(edge);
      const answer = await uploadInHalves(t, edge, headers, () => edge.rewriteConnection(id, fields));
      assert.equal(answer.status, status, answer.body);
      const body = JSON.parse(answer.body);
      for (const [name, value] of Object.entries(more)) {
        assert.equal(body[name], value, name);
      }
      assert.deepEqual(bodies(edge), []);
    });
  }

  test('for its body, and its caller is revoked by then', async (t) => {
    const edge = await start(t);
    const { key, headers } = await caller(edge);
    const answer = await uploadInHalves(t, edge, headers, () => edge.revokeAgent(key));
    assert.equal(answer.status, 401, answer.body);
    assert.equal(JSON.parse(answer.body).error, 'invalid_api_key');
    assert.deepEqual(bodies(edge), []);
  });

  test('for its body over HTTP/2', async (t) => {
    const edge = await start(t);
    const { id, headers } = await caller(edge);
    const session = await h2Session(t, edge.h2);
    const stream = session.request({ ':method': 'POST', ':path': '/api/upload', ...headers });
    const answered = new Promise((resolve) => { stream.once('response', (response) => resolve(response[':status'])); });
    stream.on('error', () => {}).write('first');
    await delay(300);
    await edge.rewriteConnection(id, REVOKED);
    stream.end('other');
    assert.equal(await answered, 403);
    assert.deepEqual(bodies(edge), []);
  });

  test('for a delay of nexus_limit', async (t) => {
    const edge = await start(t);
    const { id, headers } = await caller(edge);
    assert.equal((await edge.get('/api/held/1', { headers })).status, 200);
    const held = edge.get('/api/held/2', { headers });
    await delay(300);
    await edge.rewriteConnection(id, REVOKED);
    const answer = await held;
    assert.equal(answer.status, 403, answer.text);
    assert.equal(answer.json.error, 'connection_revoked');
    assert.equal(edge.upstream.requests.length, 1);
  });

  test('where the edge hands the token out, too', async (t) => {
    const edge = await start(t);
    const { id, headers } = await caller(edge);
    const asked = { headers: { 'x-api-key': headers['x-nexus-key'], 'x-nexus-connection': id } };
    assert.equal((await edge.get('/token', asked)).status, 200);
    const held = edge.get('/token', asked);
    await delay(300);
    await edge.rewriteConnection(id, REVOKED);
    const answer = await held;
    assert.equal(answer.status, 403, answer.text);
    assert.equal(answer.json.error, 'connection_revoked');
  });

  test('what was refreshed meanwhile goes on', async (t) => {
    const edge = await start(t);
    const { id, headers } = await caller(edge);
    const answer = await uploadInHalves(t, edge, headers, () => edge.rewriteConnection(id, {}));
    assert.equal(answer.status, 200, answer.body);
    assert.deepEqual(bodies(edge), ['firstother']);
  });

  test('while nobody can say otherwise, what was good goes on', async (t) => {
    const edge = await start(t, { controlPlane: (incoming, response) => response.writeHead(503).end() });
    const { id, headers } = await caller(edge);
    const answer = await uploadInHalves(t, edge, headers, async () => {
      await edge.redis.publish('nexus:events', { kind: 'token', id, generation: 2 });
      await edge.redis.stop();
    });
    assert.equal(answer.status, 200, answer.body);
    assert.deepEqual(bodies(edge), ['firstother']);
  });

  test('a client that leaves during the second look leaves nothing behind', async (t) => {
    const asked = [];
    const edge = await start(t, { controlPlane: (incoming) => { asked.push(incoming.url); } });   // it never answers
    const { id, headers } = await caller(edge);
    await uploadInHalves(t, edge, headers, async (socket) => {
      await edge.redis.del(tokenKey(id));
      await edge.redis.publish('nexus:events', { kind: 'token', id, generation: 2 });
      socket.write('other');
      await waitFor('the control plane to be asked', () => asked.length > 0);
      socket.destroy();
    });
    assert.deepEqual(bodies(edge), []);
  });
});
