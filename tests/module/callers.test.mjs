// Callers without API keys: a JWT of a trusted issuer, a client certificate, the user at the other end of a Unix socket;
// several ways at one location; and failed attempts per address.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { assertNoSecrets, files } from '../support/canary.mjs';
import { makeCa } from '../support/certificates.mjs';
import { request } from '../support/http.mjs';
import { jwks, makeHmacJwt, makeJwt, newSigningKey } from '../support/jwt.mjs';
import { callerKey, identityKey, issuerHash, issuerKey, jwtHash, keyHash, mtlsHash, newAgentKey, peerHash, sealCaller, sealIdentity, sealIssuer } from '../support/records.mjs';
import { waitFor } from '../support/wait.mjs';
import { errorBody, startEdge } from './edge-fixture.mjs';

const ISSUER = 'https://idp.example';
const RECORD = { 'content-type': 'application/vnd.nexus.record' };

const locations = ({ upstream }) => `
        add_header X-Caller $nexus_caller always;
        add_header X-Method $nexus_auth_method always;
        location /jwt/ { nexus_auth jwt; proxy_pass http://${upstream}; }
        location /both/ { nexus_auth api_key jwt; proxy_pass http://${upstream}; }
        location /open/ { nexus_auth off; proxy_pass http://${upstream}; }
        location /inject/ {
            nexus_auth jwt api_key; nexus_inject auto; nexus_connection $http_x_nexus_connection; nexus_allow_private 127.0.0.0/8;
            proxy_pass http://${upstream};
        }
        location /metrics { nexus_metrics; }`;

/** Makes an agent known by an identity: returns its id. */
async function addIdentity(edge, hash, fields = {}) {
  const agent = fields.agent_id ?? `agent-${hash.slice(0, 8)}`;
  await edge.redis.set(identityKey(hash), await sealIdentity(edge.keys.CACHE_KEY, hash, { agent_id: agent, ...fields }));
  return agent;
}

async function trust(edge, keys, fields = {}) {
  const record = { issuer: ISSUER, jwks: JSON.stringify(jwks(...keys)), ...fields };
  await edge.redis.set(issuerKey(record.issuer), await sealIssuer(edge.keys.CACHE_KEY, record));
}

const bearer = (token) => ({ headers: { authorization: `Bearer ${token}` } });

async function metric(edge, name) {
  const { text } = await edge.get('/metrics');
  return Number(text.split('\n').find((line) => line.startsWith(`${name} `))?.split(' ').pop() ?? 0);
}

test('a JWT of a trusted issuer says who the caller is, and goes no further', async (t) => {
  const edge = await startEdge(t, { locations });
  const keys = ['RS256', 'ES256', 'EdDSA'].map((alg) => newSigningKey(alg, `k-${alg}`));
  await trust(edge, keys);
  const agent = await addIdentity(edge, jwtHash(ISSUER, 'robot'));
  for (const key of keys) {
    const token = makeJwt(key, ISSUER, 'robot');
    for (let i = 0; i < 2; ++i) {
      const answer = await edge.get('/jwt/', bearer(token));
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.headers['x-caller'], agent);
      assert.equal(answer.headers['x-method'], 'jwt');
      assert.equal(edge.upstream.header('authorization'), undefined);
    }
  }
  assert.equal(await metric(edge, 'nexus_auth_total{method="jwt",result="accepted"}'), 6);
});

test('JWTs that are wrong in one way: 401 with error="invalid_token"', async (t) => {
  const edge = await startEdge(t, { locations, http: 'large_client_header_buffers 4 16k;' });
  const key = newSigningKey('ES256', 'k1');
  const other = newSigningKey('ES256', 'k1');
  const rsa = newSigningKey('RS256', 'k2');
  await trust(edge, [key, rsa]);
  await trust(edge, [key], { issuer: 'https://removed.example', state: 'removed' });
  await trust(edge, [key], { issuer: 'https://other-workspace.example', workspace_id: 'w2' });
  await addIdentity(edge, jwtHash(ISSUER, 'robot'));
  await addIdentity(edge, jwtHash('https://other-workspace.example', 'robot'));
  await addIdentity(edge, jwtHash(ISSUER, 'gone'), { state: 'revoked' });
  const now = Math.floor(Date.now() / 1000);
  const good = makeJwt(key, ISSUER, 'robot');
  const wrong = {
    'another issuer': makeJwt(key, 'https://evil.example', 'robot'),
    'an issuer that is not trusted any more': makeJwt(key, 'https://removed.example', 'robot'),
    'an issuer of another workspace': makeJwt(key, 'https://other-workspace.example', 'robot'),
    'another audience': makeJwt(key, ISSUER, 'robot', { aud: 'api://else' }),
    'no audience': makeJwt(key, ISSUER, 'robot', { aud: undefined }),
    'expired': makeJwt(key, ISSUER, 'robot', { iat: now - 100, exp: now - 10 }),
    'no exp': makeJwt(key, ISSUER, 'robot', { exp: undefined }),
    'not yet valid': makeJwt(key, ISSUER, 'robot', { nbf: now + 60 }),
    'no subject': makeJwt(key, ISSUER, undefined),
    'a subject that no agent has': makeJwt(key, ISSUER, 'nobody'),
    'a revoked agent': makeJwt(key, ISSUER, 'gone'),
    'another key with the same kid': makeJwt(other, ISSUER, 'robot'),
    'alg none': makeJwt({ ...key, sign: () => Buffer.alloc(0) }, ISSUER, 'robot', {}, { alg: 'none' }).replace(/\.$/, '.AA'),
    'HMAC with the public key': makeHmacJwt(rsa, ISSUER, 'robot'),
    'an algorithm of another key': makeJwt(key, ISSUER, 'robot', {}, { alg: 'RS256' }),
    'an algorithm that is not accepted': makeJwt(newSigningKey('PS256', 'k2'), ISSUER, 'robot'),
    'crit': makeJwt(key, ISSUER, 'robot', {}, { crit: ['exp'] }),
    'another type': makeJwt(key, ISSUER, 'robot', {}, { typ: 'dpop+jwt' }),
    'a changed payload': good.replace(/\.[^.]+\./, `.${Buffer.from('{"sub":"admin"}').toString('base64url')}.`),
    'too large': makeJwt(key, ISSUER, 'robot', { more: 'x'.repeat(8192) }),
    'no JWT': 'abc',
    'an API key': await edge.addAgent(),
  };
  for (const [name, token] of Object.entries(wrong)) {
    const answer = await edge.get('/jwt/', bearer(token));
    assert.equal(answer.status, 401, `${name}: ${answer.text}`);
    assert.equal(answer.headers['www-authenticate'], 'Bearer realm="nexus", error="invalid_token"', name);
    assert.ok(['invalid_token', 'invalid_api_key'].includes(answer.json.error), name);
    assert.equal(answer.headers['x-caller'], undefined, name);
  }
  assert.equal(edge.upstream.requests.length, 0);
  errorBody(assert, await edge.get('/jwt/'), 401, 'missing_credentials');
  assert.equal((await edge.get('/jwt/', bearer(good))).status, 200);
});

test('what was verified is not believed beyond its end, nor after its issuer changed', async (t) => {
  const edge = await startEdge(t, { locations, controlPlane: (incoming, response) => { response.writeHead(503); response.end(); } });
  const [before, after] = ['k1', 'k2'].map((kid) => newSigningKey('EdDSA', kid));
  await edge.redis.subscribers('nexus:events');
  await trust(edge, [before], { leeway_s: 0 });
  await addIdentity(edge, jwtHash(ISSUER, 'robot'));
  const now = Math.floor(Date.now() / 1000);
  const short = makeJwt(before, ISSUER, 'robot', { exp: now + 2 });
  const long = makeJwt(before, ISSUER, 'robot');
  assert.equal((await edge.get('/jwt/', bearer(short))).status, 200);
  assert.equal((await edge.get('/jwt/', bearer(long))).status, 200);
  await new Promise((resolve) => setTimeout(resolve, (now + 2) * 1000 + 50 - Date.now()));
  assert.equal((await edge.get('/jwt/', bearer(short))).status, 401);
  assert.equal((await edge.get('/jwt/', bearer(long))).status, 200);

  await trust(edge, [after], { leeway_s: 0, generation: 2 });
  await edge.redis.publish('nexus:events', { kind: 'issuer', id: issuerHash(ISSUER), generation: 2 });
  const deadline = Date.now() + 5000;
  while ((await edge.get('/jwt/', bearer(long))).status !== 401) {
    assert.ok(Date.now() < deadline, 'the old key is believed still');
  }
  assert.equal((await edge.get('/jwt/', bearer(makeJwt(after, ISSUER, 'robot')))).status, 200);
});

test('an unknown kid: the control plane is asked for newer keys, once in a while only', async (t) => {
  let newer;
  const edge = await startEdge(t, {
    locations,
    controlPlane(incoming, response) {
      if (newer === undefined) {
        response.writeHead(503, { 'content-type': 'application/json', 'retry-after': '1' });
        return response.end('{"error":"store_unavailable"}');
      }
      response.writeHead(200, RECORD);
      return response.end(newer);
    },
  });
  const [old, rotated, third] = ['k1', 'k2', 'k3'].map((kid) => newSigningKey('ES256', kid));
  await trust(edge, [old]);
  await addIdentity(edge, jwtHash(ISSUER, 'robot'));
  newer = await sealIssuer(edge.keys.CACHE_KEY, { issuer: ISSUER, generation: 2, jwks: JSON.stringify(jwks(old, rotated)) });

  assert.equal((await edge.get('/jwt/', bearer(makeJwt(rotated, ISSUER, 'robot')))).status, 200);
  assert.deepEqual(edge.origin.requests.map(({ method, url }) => [method, url]),
    [['POST', `/edge/issuers/${issuerHash(ISSUER)}/refresh?generation=1`]]);
  for (const key of [third, third]) {
    errorBody(assert, await edge.get('/jwt/', bearer(makeJwt(key, ISSUER, 'robot'))), 401, 'invalid_token');
  }
  assert.equal(edge.origin.requests.length, 1);
});

test('keys and tokens at one location; in injecting ones a header of ours decides', async (t) => {
  const edge = await startEdge(t, { locations });
  const signing = newSigningKey('ES256', 'k1');
  await trust(edge, [signing]);
  const agent = await addIdentity(edge, jwtHash(ISSUER, 'robot'));
  const token = makeJwt(signing, ISSUER, 'robot');
  const key = await edge.addAgent({ agent_id: 'by-key' });
  const id = await edge.addConnection();

  assert.equal((await edge.get('/both/', bearer(token))).headers['x-caller'], agent);
  assert.equal((await edge.get('/both/', bearer(key))).headers['x-method'], 'api_key');
  errorBody(assert, await edge.get('/both/', { headers: { 'x-api-key': key, authorization: `Bearer ${token}` } }), 401, 'invalid_token');

  const inject = (headers) => edge.get('/inject/', { headers: { 'x-nexus-connection': id, ...headers } });
  for (const [headers, caller] of [
    [{ authorization: `Bearer ${token}` }, agent],
    [{ 'x-nexus-key': token }, agent],
    [{ 'x-nexus-key': key, authorization: `Bearer ${token}` }, 'by-key'],
    [{ 'x-nexus-key': token, authorization: 'Bearer placeholder' }, agent],
    [{ authorization: `Bearer ${token}`, 'x-api-key': 'sk-placeholder' }, agent],
    [{ authorization: `Bearer ${token}`, 'x-api-key': key }, 'by-key'],
  ]) {
    const answer = await inject(headers);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.headers['x-caller'], caller);
    assert.equal(edge.upstream.header('authorization'), `Bearer at-${id}`);
    assert.equal(edge.upstream.header('x-nexus-key'), undefined);
  }

  // Where tokens are nobody's business here, they are the upstream's.
  assert.equal((await edge.get('/open/', bearer(token))).status, 200);
  assert.equal(edge.upstream.header('authorization'), `Bearer ${token}`);
  assertNoSecrets({ token: token.split('.')[2] }, files(edge.nginx.dir));
});

test('the control plane is away: known issuers go on, unknown ones are 503 and not 401', async (t) => {
  const edge = await startEdge(t, { locations, controlPlane: (incoming, response) => { response.writeHead(503); response.end(); } });
  const key = newSigningKey('EdDSA', 'k1');
  await trust(edge, [key]);
  await addIdentity(edge, jwtHash(ISSUER, 'robot'));
  assert.equal((await edge.get('/jwt/', bearer(makeJwt(key, ISSUER, 'robot')))).status, 200);
  const unknown = await edge.get('/jwt/', bearer(makeJwt(key, 'https://new.example', 'robot')));
  errorBody(assert, unknown, 503, 'control_plane_unavailable');
  assert.ok(Number(unknown.headers['retry-after']) > 0);
});

test('a client certificate says who the caller is by one of its names', async (t) => {
  const ca = await makeCa(t, 'ca');
  const stranger = await makeCa(t, 'stranger');
  const server = await ca.issue('DNS:localhost,IP:127.0.0.1');
  const read = ({ cert, key }) => ({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) });
  const edge = await startEdge(t, {
    server: ({ dir }) => `
        listen unix:${dir}/tls.sock ssl;
        ssl_certificate ${server.cert}; ssl_certificate_key ${server.key};
        ssl_client_certificate ${ca.file}; ssl_verify_client optional;`,
    locations: ({ upstream }) => `
        add_header X-Caller $nexus_caller always;
        location /mtls/ { nexus_auth mtls; proxy_pass http://${upstream}; }
        location /any/ { nexus_auth mtls api_key; proxy_pass http://${upstream}; }`,
  });
  const socketPath = `${edge.nginx.dir}/tls.sock`;
  const get = (path, client = {}, headers = {}) => request(`https://localhost${path}`, { socketPath, ca: fs.readFileSync(ca.file), headers, ...client });
  const spiffe = await addIdentity(edge, mtlsHash('URI:spiffe://example.org/report'), { agent_id: 'spiffe' });
  await addIdentity(edge, mtlsHash('DNS:report.example'), { agent_id: 'dns' });
  await addIdentity(edge, mtlsHash('email:Report@example.org'), { agent_id: 'email' });
  await addIdentity(edge, mtlsHash('DNS:revoked.example'), { state: 'revoked' });

  for (const [names, caller] of [
    ['URI:spiffe://example.org/report', spiffe],
    ['DNS:unknown.example,DNS:REPORT.example', 'dns'],
    ['email:Report@EXAMPLE.org', 'email'],
    ['DNS:revoked.example,email:Report@example.org', 'email'],
    ['DNS:report.example,URI:spiffe://example.org/report', spiffe],
  ]) {
    const answer = await get('/mtls/', read(await ca.issue(names)));
    assert.equal(answer.status, 200, `${names}: ${answer.text}`);
    assert.equal(answer.headers['x-caller'], caller, names);
  }

  errorBody(assert, await get('/mtls/', read(await ca.issue('DNS:unknown.example'))), 401, 'invalid_credentials');
  errorBody(assert, await get('/mtls/', read(await ca.issue('IP:127.0.0.1'))), 401, 'invalid_credentials');
  const none = await get('/mtls/');
  errorBody(assert, none, 401, 'missing_credentials');
  assert.equal(none.headers['www-authenticate'], 'Certificate realm="nexus"');
  // Of another CA: nginx refuses it itself. In a header: nobody looks.
  assert.equal((await get('/mtls/', read(await stranger.issue('DNS:report.example')))).status, 400);
  const forged = { 'x-ssl-client-san': 'DNS:report.example', 'ssl-client-verify': 'SUCCESS', 'x-client-cert': 'DNS:report.example' };
  assert.equal((await get('/mtls/', {}, forged)).status, 401);
  assert.equal((await edge.get('/mtls/', { headers: forged })).status, 401, 'no TLS at all');

  // What is presented in a header decides before the certificate does.
  const key = await edge.addAgent({ agent_id: 'by-key' });
  const client = read(await ca.issue('DNS:report.example'));
  assert.equal((await get('/any/', client)).headers['x-caller'], 'dns');
  assert.equal((await get('/any/', client, { 'x-api-key': key })).headers['x-caller'], 'by-key');
  errorBody(assert, await get('/any/', client, { 'x-api-key': newAgentKey() }), 401, 'invalid_api_key');
});

test('the user at the other end of a Unix socket', async (t) => {
  const edge = await startEdge(t, {
    server: ({ dir }) => `listen unix:${dir}/edge.sock;`,
    locations: ({ upstream }) => `
        add_header X-Caller $nexus_caller always;
        location /peer/ { nexus_auth peer; proxy_pass http://${upstream}; }
        location /any/ { nexus_auth api_key peer; proxy_pass http://${upstream}; }`,
  });
  const get = (path, headers = {}) => request(`http://localhost${path}`, { socketPath: `${edge.nginx.dir}/edge.sock`, headers });
  errorBody(assert, await get('/peer/'), 401, 'invalid_credentials');

  const agent = await addIdentity(edge, peerHash(process.getuid()));
  await edge.redis.subscribers('nexus:events');
  await edge.redis.publish('nexus:events', { kind: 'agent', id: peerHash(process.getuid()), generation: 1 });
  const deadline = Date.now() + 10000;
  let answer = await get('/peer/');
  while (answer.status !== 200 && Date.now() < deadline) {
    answer = await get('/peer/');
  }
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.headers['x-caller'], agent);

  const tcp = await edge.get('/peer/');
  errorBody(assert, tcp, 401, 'missing_credentials');
  assert.equal(tcp.headers['www-authenticate'], 'Peer realm="nexus"');
  const either = await edge.get('/any/');
  assert.equal(either.headers['www-authenticate'], 'Bearer realm="nexus", Peer realm="nexus"');
  errorBody(assert, await get('/any/', { 'x-api-key': newAgentKey() }), 401, 'invalid_api_key');
  assert.equal((await get('/any/')).status, 200);
});

test('too many failed attempts: 429 before anything is looked up, but who is known goes on', async (t) => {
  const edge = await startEdge(t, {
    http: 'set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP;',
    locations: ({ upstream }) => `
        location /limited/ { nexus_auth api_key jwt; nexus_auth_failures rate=1r/m burst=2; proxy_pass http://${upstream}; }
        location /off/ { nexus_auth api_key; nexus_auth_failures off; proxy_pass http://${upstream}; }
        location /metrics { nexus_metrics; }`,
  });
  const signing = newSigningKey('ES256', 'k1');
  await trust(edge, [signing]);
  await addIdentity(edge, jwtHash(ISSUER, 'robot'));
  const token = makeJwt(signing, ISSUER, 'robot');
  const known = await edge.addAgent();
  const fresh = await edge.addAgent();
  const from = (address, headers) => edge.get('/limited/', { headers: { 'x-real-ip': address, ...headers } });
  assert.equal((await from('192.0.2.1', { 'x-api-key': known })).status, 200);
  assert.equal((await from('192.0.2.1', { authorization: `Bearer ${token}` })).status, 200);

  for (let i = 0; i < 3; ++i) {
    assert.equal((await from('192.0.2.1', { 'x-api-key': newAgentKey() })).status, 401);
  }
  const asked = edge.origin.requests.length;
  for (const headers of [{ 'x-api-key': newAgentKey() }, { 'x-api-key': 'abc' }, { 'x-api-key': fresh }, { authorization: `Bearer ${makeJwt(signing, ISSUER, 'robot')}x` }]) {
    const answer = await from('192.0.2.1', headers);
    errorBody(assert, answer, 429, 'too_many_failed_attempts');
    assert.ok(Number(answer.headers['retry-after']) >= 50, answer.headers['retry-after']);
  }
  assert.equal(edge.origin.requests.length, asked, 'nobody was asked');
  assert.equal((await from('192.0.2.1', { 'x-api-key': known })).status, 200);
  assert.equal((await from('192.0.2.1', { authorization: `Bearer ${token}` })).status, 200);
  assert.equal((await from('192.0.2.1', {})).status, 401, 'without a credential nothing is tried');

  // Others are not touched: IPv4 one by one, IPv6 by /64.
  assert.equal((await from('192.0.2.2', { 'x-api-key': newAgentKey() })).status, 401);
  for (let i = 0; i < 3; ++i) {
    await from(`2001:db8:0:1::${i + 1}`, { 'x-api-key': newAgentKey() });
  }
  assert.equal((await from('2001:db8:0:1:ffff::1', { 'x-api-key': newAgentKey() })).status, 429);
  assert.equal((await from('2001:db8:0:2::1', { 'x-api-key': newAgentKey() })).status, 401);
  for (let i = 0; i < 5; ++i) {
    assert.equal((await edge.get('/off/', { headers: { 'x-api-key': newAgentKey() } })).status, 401);
  }
  assert.ok(await metric(edge, 'nexus_auth_total{method="none",result="limited"}') >= 5);

  await edge.nginx.reload();
  assert.equal((await from('192.0.2.1', { 'x-api-key': newAgentKey() })).status, 429, 'a reload forgets nothing');
});

// An address over its limit, and three callers that were known before it was: by key, by key, by JWT. ask() is from that address.
async function startLockedOut(t, options) {
  const edge = await startEdge(t, {
    http: 'set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP;',
    locations: ({ upstream }) => `
        location /limited/ { nexus_auth api_key jwt; nexus_auth_failures rate=1r/h burst=2; proxy_pass http://${upstream}; }`,
    ...options,
  });
  await edge.redis.subscribers('nexus:events');
  const signing = newSigningKey('ES256', 'k1');
  await trust(edge, [signing]);
  await addIdentity(edge, jwtHash(ISSUER, 'robot'));
  const keys = [await edge.addAgent(), await edge.addAgent()];
  const ask = (headers) => edge.get('/limited/', { headers: { 'x-real-ip': '192.0.2.1', ...headers } });
  const callers = [...keys.map((key) => ({ 'x-api-key': key })), bearer(makeJwt(signing, ISSUER, 'robot')).headers];
  for (const headers of callers) {
    assert.equal((await ask(headers)).status, 200);
  }
  for (let i = 0; i < 3; ++i) {
    assert.equal((await ask({ 'x-api-key': newAgentKey() })).status, 401);
  }
  assert.equal((await ask({ 'x-api-key': newAgentKey() })).status, 429);
  return { edge, ask, keys, callers };
}

test('over the limit of failed attempts, what is known is verified as ever: with Redis away', async (t) => {
  const sealed = {};
  const { edge, ask, keys: [revoked, kept], callers: [, , token] } = await startLockedOut(t, {
    cache: 'max_ttl=1s',
    controlPlane(incoming, response) {
      const record = sealed[incoming.url];
      if (record === undefined) {
        response.writeHead(404, { 'content-type': 'application/json' });
        return response.end(JSON.stringify({ error: incoming.url.includes('/issuers/') ? 'issuer_not_found' : 'invalid_api_key' }));
      }
      response.writeHead(200, RECORD);
      return response.end(record);
    },
  });
  sealed[`/edge/agents/${keyHash(revoked)}`] = await sealCaller(edge.keys.CACHE_KEY, revoked, { state: 'revoked', generation: 2 });
  for (const hash of [keyHash(kept), jwtHash(ISSUER, 'robot')]) {
    sealed[`/edge/agents/${hash}`] = await edge.redis.get(identityKey(hash));
  }
  await edge.redis.kill();

  for (const headers of [{ 'x-api-key': revoked }, token]) {
    await waitFor('the revoke to be noticed', async () => (await ask(headers)).status === 429);
  }
  assert.equal((await ask({ 'x-api-key': kept })).status, 200);
});

test('over the limit of failed attempts, what is known is verified as ever: after events that nobody heard', async (t) => {
  const { edge, ask, keys: [revoked, kept], callers: [, , token] } = await startLockedOut(t);
  await edge.redis.restart();
  await edge.redis.set(callerKey(revoked), await sealCaller(edge.keys.CACHE_KEY, revoked, { state: 'revoked', generation: 2 }));
  await edge.redis.set(callerKey(kept), await sealCaller(edge.keys.CACHE_KEY, kept));
  await addIdentity(edge, jwtHash(ISSUER, 'robot'));
  await edge.redis.set(issuerKey(ISSUER), await sealIssuer(edge.keys.CACHE_KEY, { issuer: ISSUER, jwks: JSON.stringify(jwks()), state: 'removed', generation: 2 }));

  for (const headers of [{ 'x-api-key': revoked }, token]) {
    await waitFor('the revoke to be noticed', async () => (await ask(headers)).status === 429);
  }
  assert.equal((await ask({ 'x-api-key': kept })).status, 200);
});
