// nexus_provider_pause: a provider that says Retry-After is not asked again before, for that connection.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitFor } from '../support/wait.mjs';
import { errorBody, startEdge } from './edge-fixture.mjs';

const inject = 'nexus_inject auto; nexus_connection $http_x_nexus_connection; nexus_allow_private 127.0.0.0/8;';
const locations = ({ upstream }) => `
        location / { ${inject} nexus_provider_pause on; proxy_pass http://${upstream}; }
        location /off/ { ${inject} proxy_pass http://${upstream}; }`;

async function start(t, answer) {
  const provider = { answer };
  const edge = await startEdge(t, {
    locations, workers: 2, upstream: (incoming, response) => {
      response.writeHead(provider.answer.status, provider.answer.headers);
      response.end('from the provider');
    },
  });
  const key = await edge.addAgent();
  const call = async (connection, path = '/') => edge.get(path, { headers: { 'x-nexus-key': key, 'x-nexus-connection': connection } });
  return Object.assign(edge, { provider, call });
}

test('the edge answers in its place, for that connection only, over a reload too', async (t) => {
  const edge = await start(t, { status: 429, headers: { 'retry-after': '30', 'x-first': 'yes' } });
  const [busy, other] = [await edge.addConnection(), await edge.addConnection()];
  const first = await edge.call(busy);
  assert.equal(first.status, 429);
  assert.equal(first.text, 'from the provider');
  assert.equal(first.headers['retry-after'], '30');
  edge.provider.answer = { status: 200, headers: {} };
  for (let i = 0; i < 6; i++) {
    const answer = await edge.call(busy);
    errorBody(assert, answer, 429, 'rate_limited');
    assert.ok(Number(answer.headers['retry-after']) > 15 && Number(answer.headers['retry-after']) <= 30);
  }
  assert.equal(edge.upstream.requests.length, 1);
  assert.equal((await edge.call(other)).status, 200);
  assert.equal((await edge.call(busy, '/off/')).status, 200);
  await edge.nginx.reload();
  assert.equal((await edge.call(busy)).status, 429);
});

test('dates, 503, the longer of two; it ends', async (t) => {
  const edge = await start(t, { status: 503, headers: { 'retry-after': new Date(Date.now() + 60_000).toUTCString() } });
  const id = await edge.addConnection();
  assert.equal((await edge.call(id)).status, 503);
  const held = await edge.call(id);
  errorBody(assert, held, 429, 'rate_limited');
  assert.ok(Number(held.headers['retry-after']) > 30, held.headers['retry-after']);

  edge.provider.answer = { status: 429, headers: { 'retry-after': '1' } };
  const short = await edge.addConnection();
  await edge.call(short);
  edge.provider.answer = { status: 200, headers: {} };
  await waitFor('the pause to end', async () => (await edge.call(short)).status === 200);
});

test('what is no Retry-After pauses nothing', async (t) => {
  const edge = await start(t);
  for (const [status, headers] of [[429, {}], [429, { 'retry-after': 'soon' }], [429, { 'retry-after': '-5' }], [429, { 'retry-after': '0' }],
    [200, { 'retry-after': '30' }], [503, { 'retry-after': 'Mon, 01 Jan 2001 00:00:00 GMT' }]]) {
    const id = await edge.addConnection();
    edge.provider.answer = { status, headers };
    assert.equal((await edge.call(id)).text, 'from the provider');
    assert.equal((await edge.call(id)).text, 'from the provider', JSON.stringify(headers));
  }
  const id = await edge.addConnection();
  edge.provider.answer = { status: 429, headers: { 'retry-after': '99999999999999999999' } };
  await edge.call(id);
  assert.ok(Number((await edge.call(id)).headers['retry-after']) <= 3600);
});
