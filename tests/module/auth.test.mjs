// Callers prove who they are by API key (nexus_auth): where keys are read, what is refused, and that a key never reaches
// an upstream, a subrequest or a log.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomUUID } from 'node:crypto';
import { assertNoSecrets, files } from '../support/canary.mjs';
import { callerKey, keyHash, newAgentKey, sealCaller } from '../support/records.mjs';
import { waitFor } from '../support/wait.mjs';
import { errorBody, startEdge } from './edge-fixture.mjs';

const guarded = ({ upstream }) => `
        location /guarded/ { nexus_auth api_key; proxy_pass http://${upstream}; }
        location /inject/ {
            nexus_inject auto; nexus_connection $http_x_nexus_connection; nexus_allow_private 127.0.0.0/8;
            proxy_pass http://${upstream};
        }
        location /v1/token/ { nexus_api token; nexus_connection $http_x_nexus_connection; }
        location /open/ { proxy_pass http://${upstream}; }`;

test('without a key: 401 with WWW-Authenticate and the error body', async (t) => {
  const edge = await startEdge(t, { locations: guarded });
  for (const path of ['/guarded/', '/inject/', '/v1/token/x']) {
    const answer = await edge.get(path);
    errorBody(assert, answer, 401, 'missing_api_key');
    assert.equal(answer.headers['www-authenticate'], 'Bearer realm="nexus"');
  }
  assert.equal((await edge.get('/open/')).status, 200);
  assert.equal(edge.upstream.requests.length, 1);
});

test('keys that are wrong: 401 with error="invalid_token"', async (t) => {
  const edge = await startEdge(t, { locations: guarded });
  const key = await edge.addAgent();
  const wrong = {
    'unknown': { 'x-api-key': newAgentKey() },
    'not of our form': { 'x-api-key': 'abc' },
    'a bearer of somebody else': { authorization: 'Bearer eyJhbGciOi.e30.x' },
    'another secret for the same id': { 'x-api-key': key.slice(0, -4) + (key.endsWith('AAAA') ? 'BBBB' : 'AAAA') },
    'two different keys': { 'x-api-key': key, authorization: `Bearer ${newAgentKey()}` },
    'revoked': { 'x-api-key': await edge.addAgent({ state: 'revoked' }) },
    'expired': { 'x-api-key': await edge.addAgent({ expires_at: Date.now() - 1000 }) },
  };
  for (const [name, headers] of Object.entries(wrong)) {
    const answer = await edge.get('/guarded/', { headers });
    assert.equal(answer.status, 401, name);
    errorBody(assert, answer, 401, 'invalid_api_key');
    assert.equal(answer.headers['www-authenticate'], 'Bearer realm="nexus", error="invalid_token"', name);
  }
  assert.equal(edge.upstream.requests.length, 0);
});

test('a key is read from X-API-Key and from Authorization: Bearer, and goes no further', async (t) => {
  const edge = await startEdge(t, { locations: guarded });
  const key = await edge.addAgent();
  for (const headers of [{ 'x-api-key': key }, { authorization: `Bearer ${key}` }, { authorization: `bEARER  ${key}` }]) {
    const answer = await edge.get('/guarded/a', { headers: { ...headers, 'x-nexus-agent': 'forged', 'x-nexus-connection': randomUUID(), 'x-other': 'stays' } });
    assert.equal(answer.status, 200, answer.text);
    for (const name of ['x-api-key', 'authorization', 'x-nexus-agent', 'x-nexus-key', 'x-nexus-connection']) {
      assert.equal(edge.upstream.header(name), undefined, name);
    }
    assert.equal(edge.upstream.header('x-other'), 'stays');
  }
});

test('where Authorization may be meant for the provider, X-Nexus-Key carries ours', async (t) => {
  const edge = await startEdge(t, { locations: guarded });
  const key = await edge.addAgent();
  const id = await edge.addConnection();
  const answer = await edge.get('/inject/', {
    headers: { 'x-nexus-key': key, authorization: 'Bearer placeholder-of-an-sdk', 'x-nexus-connection': id },
  });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(edge.upstream.header('authorization'), `Bearer at-${id}`);

  const elsewhere = await edge.get('/guarded/', { headers: { 'x-nexus-key': key } });
  errorBody(assert, elsewhere, 401, 'missing_api_key');
});

test('an X-API-Key that holds none of ours is a placeholder where a key of ours stands elsewhere and the location injects', async (t) => {
  const edge = await startEdge(t, { locations: guarded });
  const key = await edge.addAgent();
  const id = await edge.addConnection();
  const other = await edge.addAgent();
  for (const headers of [{ 'x-nexus-key': key, 'x-api-key': 'sk-placeholder' }, { authorization: `Bearer ${key}`, 'x-api-key': 'sk-placeholder' },
    { 'x-nexus-key': key, 'x-api-key': 'sk-placeholder', authorization: 'Bearer another' }, { 'x-nexus-key': key, 'x-api-key': key }]) {
    const answer = await edge.get('/inject/', { headers: { ...headers, 'x-nexus-connection': id } });
    assert.equal(answer.status, 200, `${Object.keys(headers)} ${answer.text}`);
    assert.equal(edge.upstream.header('authorization'), `Bearer at-${id}`);
    assert.equal(edge.upstream.header('x-api-key'), undefined);
    assert.equal(edge.upstream.header('x-nexus-key'), undefined);
  }
  edge.upstream.requests.length = 0;
  for (const headers of [{ 'x-api-key': 'sk-placeholder' }, { 'x-api-key': 'sk-placeholder', authorization: 'Bearer another' }, { 'x-nexus-key': 'sk-placeholder', 'x-api-key': key },
    { 'x-nexus-key': key, 'x-api-key': other }, { 'x-nexus-key': key, authorization: `Bearer ${other}`, 'x-api-key': 'sk-placeholder' }]) {
    errorBody(assert, await edge.get('/inject/', { headers: { ...headers, 'x-nexus-connection': id } }), 401, 'invalid_api_key');
  }
  errorBody(assert, await edge.get('/guarded/', { headers: { authorization: `Bearer ${key}`, 'x-api-key': 'sk-placeholder' } }), 401, 'invalid_api_key');
  assert.equal(edge.upstream.requests.length, 0);
});

test('other access modules are asked first, and none can be replaced by us', async (t) => {
  const edge = await startEdge(t, {
    files: { htpasswd: 'u:{PLAIN}p\n' },
    locations: ({ upstream, dir }) => `
        location /denied/ { deny all; nexus_api token; nexus_connection x; }
        location /basic/ { auth_basic x; auth_basic_user_file ${dir}/htpasswd; nexus_auth api_key; proxy_pass http://${upstream}; }`,
  });
  const key = await edge.addAgent();
  assert.equal((await edge.get('/denied/', { headers: { 'x-api-key': key } })).status, 403);

  const basic = `Basic ${Buffer.from('u:p').toString('base64')}`;
  assert.equal((await edge.get('/basic/', { headers: { 'x-api-key': key } })).status, 401);
  errorBody(assert, await edge.get('/basic/', { headers: { authorization: basic } }), 401, 'missing_api_key');
  assert.equal((await edge.get('/basic/', { headers: { authorization: basic, 'x-api-key': key } })).status, 200);
});

test('an internal redirect keeps who the caller is', async (t) => {
  const edge = await startEdge(t, {
    locations: ({ upstream }) => `
        location /first/ {
            nexus_auth api_key; proxy_pass http://127.0.0.1:1; error_page 502 = /guarded/second; }
        location /guarded/ { nexus_auth api_key; add_header X-Caller $nexus_caller; proxy_pass http://${upstream}; }
        location /try/ { nexus_auth api_key; root /nonexistent; try_files $uri /guarded/third; }`,
  });
  const key = await edge.addAgent({ agent_id: 'agent-1' });
  for (const path of ['/first/', '/try/x']) {
    const answer = await edge.get(path, { headers: { 'x-api-key': key } });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.headers['x-caller'], 'agent-1');
    assert.equal(edge.upstream.header('x-api-key'), undefined);
  }
  assert.equal((await edge.get('/try/x')).status, 401);
});

test('mirrors, logs and variables evaluated early do not see the key', async (t) => {
  const edge = await startEdge(t, {
    http: ({ dir }) => `
    log_format keys '$http_x_api_key|$http_authorization|$http_x_nexus_key|$nexus_caller';
    access_log ${dir}/keys.log keys;`,
    locations: ({ upstream }) => `
        if ($http_x_api_key = "evaluated before the access phase, and kept by nginx") { return 400; }
        if ($http_authorization = "likewise") { return 400; }
        location /guarded/ {
            nexus_auth api_key; mirror /mirror;
            proxy_set_header X-Copy "$http_x_api_key$http_authorization"; proxy_pass http://${upstream};
        }
        location = /mirror { internal; proxy_pass http://${upstream}/mirror; }`,
  });
  const key = await edge.addAgent({ agent_id: 'agent-2' });
  assert.equal((await edge.get('/guarded/', { headers: { 'x-api-key': key } })).status, 200);
  assert.equal((await edge.get('/guarded/', { headers: { authorization: `Bearer ${key}` } })).status, 200);
  await waitFor('both mirrors', () => edge.upstream.requests.filter((one) => one.url === '/mirror').length === 2);
  for (const one of edge.upstream.requests) {
    assert.ok(!JSON.stringify(one.raw).includes(key), one.url);
  }
  assertNoSecrets({ key }, files(edge.nginx.dir));
});

test('a key that was refused is not asked for again', async (t) => {
  const edge = await startEdge(t, { locations: guarded });
  const key = newAgentKey();
  for (let i = 0; i < 3; i++) {
    assert.equal((await edge.get('/guarded/', { headers: { 'x-api-key': key } })).status, 401);
  }
  assert.equal(edge.origin.requests.length, 1);
  assert.equal(edge.origin.requests[0].headers['x-api-key'], edge.keys.EDGE_KEY);
  assert.ok(!edge.origin.requests[0].url.includes(key));
});

test('a caller whose record the worker keeps opened: changes and revokes count at once', async (t) => {
  const edge = await startEdge(t, { locations: guarded });
  const id = await edge.addConnection();
  const key = await edge.addAgent({ generation: 1, grants: ['token:use'] });
  const write = async (fields) => {
    await edge.redis.set(callerKey(key), await sealCaller(edge.keys.CACHE_KEY, key, fields));
    await edge.redis.publish('nexus:events', { kind: 'agent', id: keyHash(key), generation: fields.generation });
  };
  const ask = async () => (await edge.get('/v1/token/', { headers: { 'x-api-key': key, 'x-nexus-connection': id } })).status;
  const becomes = (status) => waitFor(`status ${status}`, async () => await ask() === status);

  for (let i = 0; i < 3; i++) {
    assert.equal(await ask(), 403);
  }
  await write({ generation: 2, grants: ['token:read'] });
  await becomes(200);
  assert.equal(await ask(), 200);
  await write({ generation: 3, grants: ['token:read'], connections: [randomUUID()] });
  await becomes(404);
  await write({ generation: 4, grants: ['token:read'], connections: Array.from({ length: 300 }, () => randomUUID()).concat(id) });   // too large to be kept
  await becomes(200);
  assert.equal(await ask(), 200);
  await write({ generation: 5, state: 'revoked' });
  await becomes(401);
  assert.equal(await ask(), 401);
});

test('neither Redis nor the control plane: 503 with Retry-After, never a way in', async (t) => {
  const edge = await startEdge(t, {
    locations: guarded,
    controlPlane: (incoming, response) => {
      response.writeHead(503, { 'content-type': 'application/json', 'retry-after': '7' });
      response.end('{"error":"store_unavailable"}');
    },
  });
  const key = newAgentKey();
  const answer = await edge.get('/guarded/', { headers: { 'x-api-key': key } });
  errorBody(assert, answer, 503, 'control_plane_unavailable');
  assert.ok(Number(answer.headers['retry-after']) > 0);
});
