// nexus_api: bodies, states, grants, methods, and requests that end early.
import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { test } from 'node:test';
import { randomUUID } from 'node:crypto';
import { sealToken } from '../support/records.mjs';
import { waitFor } from '../support/wait.mjs';
import { errorBody, startEdge } from './edge-fixture.mjs';

const api = ({ upstream }) => `
        location ~ "^/v1/token/(?<id>[^/]+)$" { nexus_api token; nexus_connection $id; }
        location ~ "^/v1/refresh/(?<id>[^/]+)$" { nexus_api refresh; nexus_connection $id; }
        location ~ "^/v1/check-connection/(?<id>[^/]+)$" { nexus_api check; nexus_connection $id; }
        location /v1/providers { nexus_api pass; proxy_pass http://${upstream}; }
        location /open/ { nexus_auth off; nexus_api token; nexus_connection $arg_id; }`;

test('token: the members that clients of the reference implementation read, and no refresh token', async (t) => {
  const edge = await startEdge(t, { locations: api });
  const key = await edge.addAgent();
  const expires = Math.floor(Date.now() / 1000) * 1000 + 1800_000;
  const id = await edge.addConnection({
    expires_at: expires, scopes: ['a', 'b'],
    credentials: { access_token: 'at-1', token_type: 'Bearer', id_token: 'it-1', refresh_token: 'must-not-show' },
  });
  const answer = await edge.get(`/v1/token/${id}`, { headers: { 'x-api-key': key } });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.headers['cache-control'], 'no-store');
  const at = new Date(expires).toISOString().replace('.000Z', 'Z');
  const credentials = { access_token: 'at-1', token_type: 'Bearer', id_token: 'it-1', expires_at: at, expired: false };
  assert.deepEqual(answer.json, {
    ...credentials, expiry: at, scopes: ['a', 'b'], strategy: { type: 'oauth2', config: {} }, credentials,
  });
});

test('token: static credentials stay below credentials', async (t) => {
  const edge = await startEdge(t, { locations: api });
  const key = await edge.addAgent();
  const id = await edge.addConnection({
    expires_at: 0, refreshable: false, strategy: 'header', strategy_config: { header_name: 'X-Key' }, credentials: { api_key: 'k' },
  });
  const answer = await edge.get(`/v1/token/${id}`, { headers: { 'x-api-key': key } });
  assert.deepEqual(answer.json, { strategy: { type: 'header', config: { header_name: 'X-Key' } }, credentials: { api_key: 'k' } });
});

test('states: DESIGN 4, row by row', async (t) => {
  const edge = await startEdge(t, { locations: api });
  const key = await edge.addAgent({ grants: ['token:read', 'connection:refresh'] });
  const rows = [
    ['pending', 409, 'connection_pending'],
    ['failed', 403, 'connection_not_active'],
    ['expired', 403, 'connection_not_active'],
    ['revoked', 403, 'connection_revoked'],
    ['attention', 409, 'attention_required'],
  ];
  for (const [state, status, code] of rows) {
    const id = await edge.addConnection({
      state, expires_at: 0, credentials: {},
      ...(state === 'attention' ? { attention_reason: 'consent_revoked', reconnect_url: 'https://nexus.example/connect/x' } : {}),
    });
    for (const [path, method] of [[`/v1/token/${id}`, 'GET'], [`/v1/refresh/${id}`, 'POST']]) {
      const answer = await edge.get(path, { method, headers: { 'x-api-key': key } });
      const body = errorBody(assert, answer, status, code);
      if (state === 'attention') {
        assert.equal(body.reason, 'consent_revoked');
        assert.equal(body.reconnect_url, 'https://nexus.example/connect/x');
      }
    }
    const check = await edge.get(`/v1/check-connection/${id}`, { headers: { 'x-api-key': key } });
    assert.equal(check.status, 200, check.text);
    assert.deepEqual(check.json, { status: state });
  }
});

test('token with auto_refresh=true is refreshed first, with the grant for it', async (t) => {
  const id = randomUUID();
  let answer;
  const edge = await startEdge(t, { locations: api, controlPlane: (request, response) => answer(response) });
  const both = await edge.addAgent({ grants: ['token:read', 'connection:refresh'] });
  const reader = await edge.addAgent({ grants: ['token:read'] });
  await edge.addConnection({ connection_id: id });
  const [, newer] = await sealToken(edge.keys.CACHE_KEY, { connection_id: id, generation: 2, credentials: { access_token: 'new' } });
  answer = (response) => {
    response.writeHead(200, { 'content-type': 'application/vnd.nexus.record' });
    response.end(newer);
  };
  const ask = (query, key) => edge.get(`/v1/token/${id}${query}`, { headers: { 'x-api-key': key } });

  assert.equal((await ask('?auto_refresh=false', reader)).json.access_token, `at-${id}`);
  errorBody(assert, await ask('?auto_refresh=true', reader), 403, 'insufficient_grant');
  errorBody(assert, await ask('?auto_refresh=yes', both), 400, 'invalid_request');
  assert.equal(edge.origin.requests.length, 0);
  assert.equal((await ask('?auto_refresh=true', both)).json.access_token, 'new');
  assert.deepEqual(edge.origin.requests.map(({ method, url }) => [method, url]), [['POST', `/edge/tokens/${id}/refresh?generation=1`]]);
  assert.equal((await ask('', reader)).json.access_token, 'new');
});

test('auto_refresh is read as nexusd reads it', async (t) => {
  const edge = await startEdge(t, { locations: api });
  const reader = await edge.addAgent({ grants: ['token:read'] });
  const id = await edge.addConnection();
  const ask = (query) => edge.get(`/v1/token/${id}?${query}`, { headers: { 'x-api-key': reader } });
  const no = /^auto_refresh must be true or false$/;
  for (const [query, message] of [
    ['auto_refresh', no], ['auto_refresh=', no], ['auto_refresh=TRUE', no], ['a&auto_refresh=true+', no], ['auto%5Frefresh=x', no],
    ['auto_refresh=false&auto_refresh=true', /^parameter auto_refresh is given twice$/],
    ['auto_refresh=false&x=1&&auto%5frefresh=false', /^parameter auto_refresh is given twice$/],
    ['auto_refresh=%zz', /percent/], ['x=%00', /percent|NUL/], ['x=%ff', /not UTF-8/],
    [Array(101).fill('a').join('&'), /too many parameters/],
  ]) {
    assert.match(errorBody(assert, await ask(query), 400, 'invalid_request').message, message, query);
  }
  for (const query of ['', '&', 'AUTO_REFRESH=x', 'xauto_refresh=x', 'auto_refresh=%66alse', 'x=auto_refresh=yes', 'x=1&x=2']) {
    assert.equal((await ask(query)).status, 200, query);
  }
  for (const query of ['auto_refresh=%74rue', 'auto%5Frefresh=true', 'x=1&auto_refresh=true']) {
    errorBody(assert, await ask(query), 403, 'insufficient_grant');   // it was understood
  }
});

test('a refresh that nexusd puts off is not asked for again before its time', async (t) => {
  const edge = await startEdge(t, {
    locations: api,
    controlPlane: (request, response) => {
      response.writeHead(503, { 'content-type': 'application/json', 'retry-after': '30' });
      response.end(JSON.stringify({ error: 'token_unavailable', code: 'token_unavailable', message: 'not now' }));
    },
  });
  const key = await edge.addAgent({ grants: ['token:read', 'connection:refresh'] });
  const id = await edge.addConnection();
  for (let i = 0; i < 3; i++) {
    const answer = await edge.get(`/v1/refresh/${id}`, { method: 'POST', headers: { 'x-api-key': key } });
    errorBody(assert, answer, 503, 'token_unavailable');
    assert.ok(Number(answer.headers['retry-after']) >= 28 && Number(answer.headers['retry-after']) <= 30, answer.headers['retry-after']);
  }
  assert.equal(edge.origin.requests.length, 1);
  const token = await edge.get(`/v1/token/${id}`, { headers: { 'x-api-key': key } });
  assert.equal(token.status, 200, 'reading goes on');
});

test('unknown connections and those of another workspace look the same', async (t) => {
  const edge = await startEdge(t, { locations: api });
  const id = await edge.addConnection({ provider: 'one' });
  const mine = await edge.addAgent();
  const refused = {
    'another workspace': [await edge.addAgent({ workspace_id: 'w2' }), id],
    'a key for other connections': [await edge.addAgent({ connections: [randomUUID()] }), id],
    'a key for other providers': [await edge.addAgent({ providers: ['two'] }), id],
    'an unknown connection': [mine, randomUUID()],
  };
  for (const [name, [key, asked]] of Object.entries(refused)) {
    for (const path of ['token', 'check-connection']) {
      const answer = await edge.get(`/v1/${path}/${asked}`, { headers: { 'x-api-key': key } });
      assert.equal(answer.status, 404, name);
      errorBody(assert, answer, 404, 'connection_not_found');
    }
  }
  const narrowed = await edge.addAgent({ connections: [id], providers: ['one'] });
  assert.equal((await edge.get(`/v1/token/${id}`, { headers: { 'x-api-key': narrowed } })).status, 200);
});

test('grants: token:read for the token, connection:refresh for a refresh, admin for both', async (t) => {
  const edge = await startEdge(t, { locations: api });
  const id = await edge.addConnection();
  const user = await edge.addAgent({ grants: ['token:use'] });
  errorBody(assert, await edge.get(`/v1/token/${id}`, { headers: { 'x-api-key': user } }), 403, 'insufficient_grant');
  errorBody(assert, await edge.get(`/v1/refresh/${id}`, { method: 'POST', headers: { 'x-api-key': user } }), 403, 'insufficient_grant');
  assert.equal((await edge.get(`/v1/check-connection/${id}`, { headers: { 'x-api-key': user } })).status, 200);
  const admin = await edge.addAgent({ grants: ['admin'] });
  assert.equal((await edge.get(`/v1/token/${id}`, { headers: { 'x-api-key': admin } })).status, 200);
});

test('connection ids that are no canonical UUID: 400', async (t) => {
  const edge = await startEdge(t, { locations: api });
  const key = await edge.addAgent();
  for (const id of ['x', randomUUID().toUpperCase().replace(/^./, 'A'), `${randomUUID()}0`, randomUUID().replaceAll('-', ''), '%00', '%7Bid%7D', '..%2f']) {
    const answer = await edge.get(`/v1/token/${id}`, { headers: { 'x-api-key': key } });
    assert.ok(answer.status === 400 || answer.status === 404, `${id}: ${answer.status}`);
    if (answer.json) {
      errorBody(assert, answer, 400, 'invalid_connection_id');
    }
  }
});

test('methods: 405 with Allow; HEAD has the head only', async (t) => {
  const edge = await startEdge(t, { locations: api });
  const key = await edge.addAgent();
  const id = await edge.addConnection();
  const headers = { 'x-api-key': key };
  for (const [method, path, allow] of [['POST', 'token', 'GET, HEAD, OPTIONS'], ['DELETE', 'check-connection', 'GET, HEAD, OPTIONS'], ['GET', 'refresh', 'POST, OPTIONS']]) {
    const answer = await edge.get(`/v1/${path}/${id}`, { method, headers });
    errorBody(assert, answer, 405, 'method_not_allowed');
    assert.equal(answer.headers.allow, allow);
  }
  const head = await edge.get(`/v1/token/${id}`, { method: 'HEAD', headers });
  assert.equal(head.status, 200);
  assert.equal(head.body.length, 0);
  assert.ok(Number(head.headers['content-length']) > 10);
});

test('refresh: all callers of one generation ask for the same thing; the answer is the new record', async (t) => {
  const edge = await startEdge(t, { locations: api });
  const reader = await edge.addAgent({ grants: ['token:read', 'connection:refresh'] });
  const blind = await edge.addAgent({ grants: ['connection:refresh'] });
  const id = await edge.addConnection({ generation: 5 });
  const refreshed = (await sealToken(edge.keys.CACHE_KEY, { connection_id: id, generation: 6, credentials: { access_token: 'new-token' } }))[1];
  edge.origin.handler = (incoming, response) => {
    response.writeHead(200, { 'content-type': 'application/vnd.nexus.record' });
    setTimeout(() => response.end(refreshed), 100);   // long enough for all eight to join
  };
  const answers = await Promise.all(Array.from({ length: 8 }, () =>
    edge.get(`/v1/refresh/${id}`, { method: 'POST', headers: { 'x-api-key': reader } })));
  for (const answer of answers) {
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.json.access_token, 'new-token');
  }
  assert.deepEqual(edge.origin.requests.map((one) => `${one.method} ${one.url}`), [`POST /edge/tokens/${id}/refresh?generation=5`]);

  const status = await edge.get(`/v1/refresh/${id}`, { method: 'POST', headers: { 'x-api-key': blind } });
  assert.equal(status.status, 200, status.text);
  assert.deepEqual(Object.keys(status.json).sort(), ['expiry', 'status']);
});

test('refresh: what the control plane refuses is said as it said it', async (t) => {
  const edge = await startEdge(t, { locations: api });
  const key = await edge.addAgent({ grants: ['connection:refresh'] });
  for (const code of ['static_token', 'no_refresh_token']) {
    const id = await edge.addConnection();
    edge.origin.handler = (incoming, response) => {
      response.writeHead(400, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: code, code, message: 'scripted' }));
    };
    errorBody(assert, await edge.get(`/v1/refresh/${id}`, { method: 'POST', headers: { 'x-api-key': key } }), 400, code);
  }
});

test('an expired token that nothing can refresh: 503 with Retry-After', async (t) => {
  const edge = await startEdge(t, {
    locations: api,
    controlPlane: (incoming, response) => {
      response.writeHead(503, { 'content-type': 'application/json', 'retry-after': '9' });
      response.end('{"error":"token_unavailable"}');
    },
  });
  const key = await edge.addAgent();
  const answer = await edge.get(`/v1/token/${randomUUID()}`, { headers: { 'x-api-key': key } });
  errorBody(assert, answer, 503, 'token_unavailable');
  assert.ok(Number(answer.headers['retry-after']) >= 1);
});

test('pass: the edge key and the agent go on, the caller\'s own claims go off', async (t) => {
  const edge = await startEdge(t, { locations: api });
  const key = await edge.addAgent({ agent_id: 'agent-9' });
  const answer = await edge.get('/v1/providers?x=1', {
    headers: { 'x-api-key': key, 'x-nexus-agent': 'forged', 'x-nexus-key': 'x' }, json: { a: 1 },
  });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(edge.upstream.header('x-api-key'), edge.keys.EDGE_KEY);
  assert.equal(edge.upstream.header('x-nexus-agent'), 'agent-9');
  assert.equal(edge.upstream.header('x-nexus-key'), undefined);
  assert.equal(edge.upstream.last().url, '/v1/providers?x=1');
  assert.equal(edge.upstream.last().body.toString(), '{"a":1}');
  assert.equal((await edge.get('/v1/providers')).status, 401);
});

test('nexus_auth off is an explicit choice', async (t) => {
  const edge = await startEdge(t, { locations: api });
  const id = await edge.addConnection();
  assert.equal((await edge.get(`/open/?id=${id}`)).status, 200);
});

test('large bodies are discarded, and the connection stays in step', async (t) => {
  const edge = await startEdge(t, { locations: api, server: () => 'client_max_body_size 0;' });
  const key = await edge.addAgent();
  const id = await edge.addConnection();
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const big = Buffer.alloc(10 * 1024 * 1024, 'x');
  for (const body of [big, Buffer.alloc(1000, 'y')]) {
    errorBody(assert, await edge.get(`/v1/token/${id}`, { method: 'POST', headers: { 'x-api-key': key }, body, agent }), 405, 'method_not_allowed');
    errorBody(assert, await edge.get(`/v1/token/${id}`, { method: 'GET', body, headers: { 'content-length': body.length }, agent }), 401, 'missing_api_key');
    const answer = await edge.get(`/v1/token/${id}`, { headers: { 'x-api-key': key }, agent });
    assert.equal(answer.status, 200, answer.text);
  }
  const chunked = await edge.get(`/v1/token/${id}`, { method: 'GET', headers: { 'x-api-key': key, 'transfer-encoding': 'chunked' }, body: 'abc', agent });
  assert.equal(chunked.status, 200, chunked.text);
});

test('a client that leaves while its lookup waits leaves nothing behind', async (t) => {
  const waiting = [];
  const edge = await startEdge(t, { locations: api, controlPlane: (incoming, response) => { waiting.push(response); } });
  const key = await edge.addAgent();
  const id = randomUUID();
  const sockets = Array.from({ length: 5 }, () => {
    const socket = net.connect(edge.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(`GET /v1/token/${id} HTTP/1.1\r\nHost: x\r\nX-API-Key: ${key}\r\n\r\n`);
    return socket;
  });
  await waitFor('the question to the control plane', () => waiting.length > 0);
  for (const socket of sockets) {
    socket.destroy();
  }
  await waitFor('499 for each', () => edge.nginx.accessLog().split('\n').filter((line) => / 499 /.test(line)).length >= 1);
  for (const response of waiting) {
    response.writeHead(404, { 'content-type': 'application/json' });
    response.end('{"error":"connection_not_found"}');
  }
  edge.origin.handler = undefined;
  errorBody(assert, await edge.get(`/v1/token/${id}`, { headers: { 'x-api-key': key } }), 404, 'connection_not_found');
});

test('error_page cannot bend our answers', async (t) => {
  const edge = await startEdge(t, {
    locations: () => `
        error_page 401 404 =200 /bent;
        location = /bent { return 200 bent; }
        location /v1/token/ { nexus_api token; nexus_connection $arg_id; }`,
  });
  errorBody(assert, await edge.get('/v1/token/x'), 401, 'missing_api_key');
});

test('a refusal that an error_page leads to has its own status', async (t) => {
  const edge = await startEdge(t, {
    locations: ({ dir }) => `
        location /token/ { nexus_api token; nexus_connection $http_x_nexus_connection; }
        location /kept/ { proxy_pass http://127.0.0.1:1; error_page 502 /token/; }
        location /other/ { root ${dir}; log_not_found off; error_page 404 =200 /token/; }
        location /any/ { proxy_pass http://127.0.0.1:1; error_page 502 = /token/; }`,
  });
  const key = await edge.addAgent();
  const revoked = await edge.addConnection({ state: 'revoked', expires_at: 0 });
  for (const path of ['/token/', '/kept/', '/other/', '/any/']) {
    const anybody = await edge.get(path);
    errorBody(assert, anybody, 401, 'missing_api_key');
    assert.match(anybody.headers['www-authenticate'], /^Bearer/, path);
    errorBody(assert, await edge.get(path, { headers: { 'x-api-key': key, 'x-nexus-connection': revoked } }), 403, 'connection_revoked');
  }
});
