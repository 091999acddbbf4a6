// Every route that takes input is sent input it cannot take: always a 4xx with the error body, never a 500, never a hang.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { before } from 'node:test';
import { wholeFile } from '../support/cleanup.mjs';
import { assertRefused } from '../support/errors.mjs';
import { startLine } from '../support/line.mjs';
import { request } from '../support/http.mjs';

const file = wholeFile();
let line;
let agent;
let provider;
let connection;

before(async () => {
  line = await startLine(file, { logLevel: 'info' });
  provider = await line.createProvider();
  agent = await line.createAgent();
  connection = await line.connect(agent);
});

// [method, path, valid body] per server; the key that goes with it.
const routes = () => [
  ...[
    ['POST', '/providers', { profile: { name: 'x' } }],
    ['PUT', `/providers/${provider}`, {}],
    ['PATCH', `/providers/${provider}`, {}],
    ['POST', '/auth/consent-spec', { workspace_id: 'w', provider_id: provider, return_url: 'http://127.0.0.1/' }],
    ['POST', '/auth/capture-credential', { state: 'x', credentials: {} }],
    ['POST', '/admin/agents', { name: 'x', workspace_id: 'w1', grants: [] }],
    ['PATCH', `/admin/agents/${agent.id}`, {}],
  ].map(([method, path, body]) => ({ method, url: line.site.front + path, body, key: line.keys.API_KEY })),
  ...[
    ['POST', '/v1/request-connection', { provider_name: 'demo', return_url: 'http://127.0.0.1/', user_id: 'w1', scopes: [] }],
    ['POST', '/v1/capture-credential', { state: 'x', credentials: {} }],
  ].map(([method, path, body]) => ({ method, url: line.site.gateway + path, body, key: agent.key })),
];

const send = ({ method, url, key }, body, headers = {}) =>
  request(url, { method, body, headers: { 'x-api-key': key, 'content-type': 'application/json', ...headers }, timeout: 30000 });

test('bodies that are no JSON object', async () => {
  const bodies = {
    empty: '', brace: '{', array: '[]', string: '"x"', number: '1', null: 'null', trailing: '{} x', comma: '{"a":1,}',
    'duplicate members': '{"name":"a","name":"b"}', 'invalid UTF-8': Buffer.from('{"name":"\xff\xfe"}', 'latin1'),
    'NUL in a string': '{"name":"a\\u0000b"}', 'lone surrogate': '{"name":"\\ud800"}',
    deep: `{"a":${'['.repeat(100000)}${']'.repeat(100000)}}`, bytes: Buffer.from([0, 1, 2, 255]),
  };
  for (const route of routes()) {
    for (const [name, body] of Object.entries(bodies)) {
      // PATCH with nothing to change may be fine by its own rules; everything here is not even an object with known members.
      assertRefused(await send(route, body), `${route.method} ${route.url} with ${name}`);
    }
  }
});

test('unknown members', async () => {
  for (const route of routes()) {
    const body = JSON.stringify({ ...route.body, surprising_member: 1 });
    assertRefused(await send(route, body), `${route.method} ${route.url}`);
  }
});

test('members of the wrong type', async () => {
  const wrong = [null, 0, -1, 1e308, true, [], [[]], [1], {}, { a: {} }, 'x'.repeat(100000)];
  const members = {
    '/providers': ['profile'],
    '/auth/consent-spec': ['workspace_id', 'provider_id', 'scopes', 'return_url'],
    '/auth/capture-credential': ['state', 'credentials'],
    '/admin/agents': ['name', 'workspace_id', 'grants', 'connections', 'providers'],
    '/v1/request-connection': ['provider_name', 'provider_id', 'scopes', 'return_url'],
    '/v1/capture-credential': ['state', 'credentials'],
  };
  for (const route of routes().filter(({ method }) => method === 'POST')) {
    for (const member of members[new URL(route.url).pathname]) {
      for (const value of wrong) {
        const isList = ['scopes', 'grants', 'connections', 'providers'].includes(member);
        if ((isList && Array.isArray(value) && value.length === 0) || (value === null)) {
          continue;   // an empty list, and null for "absent", are fine in some places
        }
        const answer = await send(route, JSON.stringify({ ...route.body, [member]: value }));
        assertRefused(answer, `${route.method} ${route.url} with ${member}=${JSON.stringify(value).slice(0, 40)}`);
      }
    }
  }
});

test('10 MiB bodies', async () => {
  const big = JSON.stringify({ name: 'x'.repeat(10 << 20) });
  for (const route of routes()) {
    assertRefused(await send(route, big), `${route.method} ${route.url}`);
  }
});

test('10 MiB bodies of unknown length', async () => {
  for (const route of routes()) {
    const answer = await send(route, Buffer.alloc(10 << 20, 'x'), { 'transfer-encoding': 'chunked' });
    assertRefused(answer, `${route.method} ${route.url}`);
  }
});

test('bad identifiers', async () => {
  const bad = ['x', '0', randomUUID().slice(1), `${randomUUID()}0`, randomUUID().replaceAll('-', ''), '%00', '..%2f', '%ff',
    '\'%20or%201=1', 'x'.repeat(3000), '%7B%7D', '00000000-0000-0000-0000-00000000000g'];
  const paths = [
    ['gateway', 'GET', '/v1/token/'], ['gateway', 'POST', '/v1/refresh/'], ['gateway', 'GET', '/v1/check-connection/'],
    ['front', 'GET', '/providers/'], ['front', 'PUT', '/providers/'], ['front', 'PATCH', '/providers/'], ['front', 'DELETE', '/providers/'],
    ['front', 'GET', '/connections/'], ['front', 'GET', '/admin/agents/'], ['front', 'DELETE', '/admin/agents/'],
    ['nexusd', 'GET', '/edge/tokens/'], ['nexusd', 'POST', '/edge/tokens/:id/refresh'], ['nexusd', 'GET', '/edge/agents/'],
  ];
  const base = { gateway: line.site.gateway, front: line.site.front, nexusd: line.nexusd.url };
  for (const [where, method, path] of paths) {
    const key = where === 'gateway' ? agent.key : line.keys.API_KEY;
    for (const id of bad) {
      const url = base[where] + (path.includes(':id') ? path.replace(':id', id) : path + id);
      const answer = await request(url, { method, headers: { 'x-api-key': key }, ...(method === 'PUT' || method === 'PATCH' ? { json: {} } : {}) });
      assertRefused(answer, `${method} ${where}${path}${id.slice(0, 40)}`);
    }
  }
});

test('bad connection identifiers at the sidecar', async () => {
  for (const id of ['', 'x', `${connection},${connection}`, 'x'.repeat(3000), '{}', ' ']) {
    assertRefused(await line.call(agent, id), `sidecar with ${id.slice(0, 40)}`);
  }
});

test('bad queries', async () => {
  const queries = ['?generation=x', '?generation=-1', '?generation=99999999999999999999999', '?generation=1&generation=2', '?%zz'];
  for (const query of queries) {
    const answer = await request(`${line.nexusd.url}/edge/tokens/${connection}/refresh${query}`, {
      method: 'POST', headers: { 'x-api-key': line.keys.EDGE_KEY },
    });
    assertRefused(answer, query);
  }
  for (const path of ['/auth/callback', '/auth/callback?state=x', '/auth/callback?code=x', '/auth/callback?state=x&code=x',
    `/auth/callback?state=${'x'.repeat(5000)}&code=y`, '/connect/x', `/connect/${'x'.repeat(5000)}`, '/connect/%00', '/auth/callback?error=access_denied', '/auth/capture-schema', '/auth/capture-schema?state=x.y']) {
    assertRefused(await request(line.site.front + path), path.slice(0, 60));
  }
});

test('unknown routes and methods', async () => {
  for (const url of [line.site.gateway, line.site.front, line.nexusd.url]) {
    for (const [method, path] of [['GET', '/nowhere'], ['DELETE', '/v1/check-connection/x'], ['BREW', '/v1/providers'], ['GET', '//'], ['GET', '/v1/token/']]) {
      const answer = await request(url + path, { method, headers: { 'x-api-key': line.keys.API_KEY } });
      assert.ok(answer.status >= 400 && answer.status < 500, `${method} ${url}${path}: ${answer.status}`);
    }
  }
});

test('afterwards everything still works', async () => {
  assert.equal((await line.call(agent, connection)).status, 200);
  assert.equal((await line.admin('GET', '/providers')).status, 200);
  assert.equal((await fetch(`${line.nexusd.url}/ready`)).status, 200);
});
