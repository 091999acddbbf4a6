// gRPC through the edge: a real client and server (@grpc/grpc-js), and a server that shows the header fields as HPACK
// brought them (node's http2). NEXUS_GRPC_REQUESTS says how many random header sections are sent (200).
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import grpc from '@grpc/grpc-js';
import { seededRandom } from '../refresh/random.mjs';
import { assertNoSecrets, files } from '../support/canary.mjs';
import { makeCa } from '../support/certificates.mjs';
import { startDns } from '../support/dns.mjs';
import { grpcClient, metadata, startGrpcServer, stream, unary } from '../support/grpc.mjs';
import { findPort } from '../support/ports.mjs';
import { caller, errorBody, startEdge } from './edge-fixture.mjs';
import { h2Call, h2Session, startFieldServer } from './grpc-fixture.mjs';

const REQUESTS = Number(process.env.NEXUS_GRPC_REQUESTS ?? 200);
const { status } = grpc;
const inject = 'nexus_inject auto; nexus_connection $http_x_nexus_connection; nexus_allow_private 127.0.0.0/8;';

test('calls and streams in either direction carry the credential', async (t) => {
  const server = await startGrpcServer(t);
  const edge = await startEdge(t, {
    http: `upstream kept { server 127.0.0.1:${server.port}; keepalive 2; }`,
    locations: `
        location / { ${inject} nexus_retry_unauthorized on; grpc_pass grpc://127.0.0.1:${server.port}; }`,
  });
  const { id, key, headers } = await caller(edge);
  const client = grpcClient(t, edge.h2);
  const own = { ...headers, authorization: 'Bearer mine', 'x-kept': ['one', 'two'], 'kept-bin': Buffer.from([0, 255, 13, 10]) };

  assert.equal(String(await unary(client, own)), 'hello');
  const large = Buffer.alloc(1_000_000, 'x');
  assert.ok((await unary(client, own, large)).equals(large));
  assert.equal(String(Buffer.concat(await stream(client, 'serverStream', own, [Buffer.from('stream')]))), 'stream');
  const messages = Array.from({ length: 50 }, (_, i) => Buffer.alloc(i * 500, i));
  assert.ok((await stream(client, 'clientStream', own, messages))[0].equals(Buffer.concat(messages)));
  assert.deepEqual(await stream(client, 'bidi', own, messages), messages);

  assert.equal(server.calls.length, 5);
  for (const call of server.calls) {
    assert.deepEqual(call.get('authorization'), [`Bearer at-${id}`]);
    assert.equal(call.get('x-kept').join(', '), 'one, two');
    assert.deepEqual(call.get('kept-bin'), [Buffer.from([0, 255, 13, 10])]);
    assert.deepEqual(call.get('x-nexus-key'), []);
    assert.deepEqual(call.get('x-nexus-connection'), []);
  }
  assertNoSecrets({ token: `at-${id}`, key }, files(edge.nginx.dir));
});

test('a bidirectional stream answers while it is sent', async (t) => {
  const server = await startGrpcServer(t);
  const edge = await startEdge(t, { locations: `location / { ${inject} grpc_pass 127.0.0.1:${server.port}; }` });
  const { headers } = await caller(edge);
  const client = grpcClient(t, edge.h2);
  const call = client.bidi(metadata(headers));
  for (const word of ['one', 'two', 'three']) {
    const echo = new Promise((resolve, reject) => {
      call.once('data', resolve);
      call.once('error', reject);
    });
    call.write(Buffer.from(word));
    assert.equal(String(await echo), word);
  }
  const over = new Promise((resolve) => { call.on('status', resolve); });
  call.end();
  assert.equal((await over).code, status.OK);
});

test('each strategy that sets a field, once and never indexed, whatever the configuration or the caller say', async (t) => {
  const server = await startFieldServer(t);
  const edge = await startEdge(t, {
    http: `upstream kept { server 127.0.0.1:${server.port}; keepalive 2; }`,
    locations: `
        location / { ${inject} grpc_pass 127.0.0.1:${server.port}; }
        location /set/ { ${inject} grpc_set_header Authorization configured; grpc_set_header Cookie configured=1; grpc_set_header X-Nexus-Agent forged; grpc_pass grpc://127.0.0.1:${server.port}; }
        location /kept/ { ${inject} nexus_allow_hosts kept; grpc_pass grpc://kept; }
        location /variable/ { ${inject} set $to 127.0.0.1:${server.port}; grpc_pass grpc://$to; }
        location /rewritten/ { ${inject} rewrite ^/rewritten/(.*)$ /new/$1?x=1 break; grpc_pass 127.0.0.1:${server.port}; }`,
  });
  const session = await h2Session(t, edge.h2);
  const own = { authorization: 'Bearer mine', 'x-provider-key': 'mine', cookie: 'a=1; session=mine; b=2', 'x-nexus-agent': 'forged' };
  const cases = [
    [{}, 'authorization', (id) => `Bearer at-${id}`],
    [{ strategy: 'header', strategy_config: { header_name: 'X-Provider-Key', value_prefix: 'Key ' }, credentials: { api_key: 'secret-api-key' } }, 'x-provider-key', () => 'Key secret-api-key'],
    [{
      strategy: 'header', credentials: { app: 'secret-app', key: 'secret-key' },
      strategy_config: { header_name: 'X-App', credential_field: 'app', header_name_2: 'X-Provider-Key', credential_field_2: 'key' },
    }, 'x-provider-key', () => 'secret-key'],
    [{ strategy: 'basic_auth', credentials: { username: 'u', password: 'p:q' } }, 'authorization', () => 'Basic dTpwOnE='],
    [{ strategy: 'cookie', strategy_config: { cookie_name: 'session' }, credentials: { api_key: 'secret-session' } }, 'cookie', () => 'a=1; b=2; session=secret-session'],
  ];
  for (const [fields, name, value] of cases) {
    const { id, headers } = await caller(edge, fields);
    for (const path of ['/s/m', '/set/m', '/kept/m', '/kept/again', '/variable/m', '/rewritten/m']) {
      const answer = await h2Call(session, path, { ...headers, ...own });
      assert.equal(answer['grpc-status'], '0', `${path} ${JSON.stringify(answer)}`);
      const got = server.last();
      const expected = path === '/set/m' && name === 'cookie' ? 'configured=1; session=secret-session' : value(id);
      assert.deepEqual(got.all(name), [expected], path);
      assert.ok(got.never.includes(name), path);
      assert.deepEqual(got.fields.filter(([field]) => field.startsWith('x-nexus')), [], path);
      assert.deepEqual(got.all(':path'), [path.startsWith('/rewritten/') ? '/new/m?x=1' : path]);
      assert.equal(got.all('te')[0], 'trailers');
    }
  }
});

test('header sections of several frames, and random ones, arrive as they were sent', async (t) => {
  const server = await startFieldServer(t);
  const edge = await startEdge(t, {
    logLevel: 'info',
    http: `upstream kept { server 127.0.0.1:${server.port}; keepalive 2; } large_client_header_buffers 16 16k; keepalive_requests 10000000;`,
    locations: `location / { ${inject} nexus_allow_hosts kept; grpc_pass grpc://kept; }`,
  });
  const { id, headers } = await caller(edge);
  const session = await h2Session(t, edge.h2);
  const random = seededRandom(7541);
  const pick = (most) => Math.floor(random() * most);
  const text = (alphabet, length) => Array.from({ length }, () => alphabet[pick(alphabet.length)]).join('');
  const visible = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join('');

  for (let i = 0; i < REQUESTS; i++) {
    const sent = {};
    const fields = i % 10 === 0 ? 1 + pick(12) : pick(5);
    for (let k = 0; k < fields; k++) {
      const length = i % 10 === 0 ? pick(9000) : [0, 1, 126, 127, 128, 129, 254, 255, pick(600)][pick(9)];
      sent[`f${k}-${text('abcdefghijklmnopqrstuvwxyz0123456789-', pick(40))}`] = text([visible, '{}<>|^~', 'aeiost', '0123456789'][pick(4)], length).trim();
    }
    const own = pick(2) === 0 ? { authorization: text(visible, pick(300)).trim() } : {};
    const answer = await h2Call(session, '/s/m', { ...headers, ...own, ...sent });
    assert.equal(answer['grpc-status'], '0', JSON.stringify(answer));
    const got = server.last();
    assert.deepEqual(got.all('authorization'), [`Bearer at-${id}`]);
    const arrived = Object.fromEntries(got.fields.filter(([name]) => /^f\d/.test(name)));
    assert.ok(isDeepStrictEqual(arrived, sent), `request ${i}`);
  }
  assert.equal(server.seen.length, REQUESTS);
  assert.ok(server.sessions.size <= 2, 'the connection to the upstream is kept');
});

test('another try takes the same credential to the next server', async (t) => {
  const server = await startFieldServer(t);
  const nobody = await findPort();
  const edge = await startEdge(t, {
    http: `upstream two { server 127.0.0.1:${nobody} max_fails=0; server 127.0.0.1:${server.port} max_fails=0; }`,
    locations: `location / { ${inject} nexus_allow_hosts two; grpc_pass grpc://two; }`,
  });
  const { id, headers } = await caller(edge);
  const session = await h2Session(t, edge.h2);
  for (let i = 0; i < 4; i++) {
    assert.equal((await h2Call(session, '/s/m', headers))['grpc-status'], '0');
    assert.deepEqual(server.last().all('authorization'), [`Bearer at-${id}`]);
  }
});

test('refusals are gRPC statuses for callers of RPCs, and error bodies for others', async (t) => {
  const server = await startGrpcServer(t);
  const edge = await startEdge(t, {
    http: 'nexus_limit_zone slow key=caller rate=1r/d burst=0;',
    locations: `
        location / { ${inject} grpc_pass 127.0.0.1:${server.port}; }
        location /elsewhere/ { ${inject} grpc_set_header Host elsewhere.example; grpc_pass 127.0.0.1:${server.port}; }
        location /both/ { ${inject} grpc_set_header :authority elsewhere.example; grpc_pass 127.0.0.1:${server.port}; }
        location /unnamed/ { nexus_inject auto; nexus_connection $http_x_nexus_connection; grpc_pass 127.0.0.1:${server.port}; }
        location /limited/ { ${inject} nexus_limit zone=slow; grpc_pass 127.0.0.1:${server.port}; }`,
  });
  const good = await caller(edge);
  const client = grpcClient(t, edge.h2);
  const refusal = (headers) => unary(client, headers).then(() => assert.fail('was not refused'), (error) => error);
  const attention = await caller(edge, { state: 'attention', expires_at: 0, attention_reason: 'invalid_grant', reconnect_url: 'https://nexus.example/reconnect/1' });

  const cases = {
    'no key': [{}, status.UNAUTHENTICATED, 'missing_api_key'],
    'a wrong key': [{ ...good.headers, 'x-nexus-key': 'nxa_wrong' }, status.UNAUTHENTICATED, 'invalid_api_key'],
    'no grant': [(await caller(edge, {}, { grants: ['token:read'] })).headers, status.PERMISSION_DENIED, 'insufficient_grant'],
    'another workspace': [(await caller(edge, {}, { workspace_id: 'w2' })).headers, status.NOT_FOUND, 'connection_not_found'],
    'no id': [{ 'x-nexus-key': good.key, 'x-nexus-connection': 'x' }, status.INVALID_ARGUMENT, 'invalid_connection_id'],
    revoked: [(await caller(edge, { state: 'revoked', expires_at: 0 })).headers, status.PERMISSION_DENIED, 'connection_revoked'],
    'another host': [(await caller(edge, { allowed_hosts: ['elsewhere.example'] })).headers, status.PERMISSION_DENIED, 'host_not_allowed'],
    attention: [attention.headers, status.FAILED_PRECONDITION, 'attention_required'],
    'in the query': [(await caller(edge, { strategy: 'query_param', strategy_config: { param_name: 'key' }, credentials: { api_key: 'k' } })).headers, status.INTERNAL, 'internal_error'],
    signed: [(await caller(edge, { strategy: 'aws_sigv4', strategy_config: { service: 's3' }, credentials: { access_key: 'a', secret_key: 's' } })).headers, status.INTERNAL, 'internal_error'],
  };
  for (const [name, [headers, code, error]] of Object.entries(cases)) {
    const got = await refusal(headers);
    assert.equal(got.code, code, `${name}: ${got.message}`);
    assert.deepEqual(got.metadata.get('x-nexus-error'), [error], name);
    assert.match(got.metadata.get('x-nexus-request-id')[0], /^[0-9a-f]{32}$/, name);
    assert.ok(got.details.length > 10, name);
  }
  const reconnect = await refusal(attention.headers);
  assert.deepEqual(reconnect.metadata.get('x-nexus-reconnect-url'), ['https://nexus.example/reconnect/1']);
  assert.deepEqual(reconnect.metadata.get('x-nexus-reason'), ['invalid_grant']);
  assert.match(edge.nginx.errorLog(), /is not for grpc_pass, the request is not sent/);
  await assert.rejects(stream(client, 'bidi', {}, [Buffer.from('a'), Buffer.alloc(100_000)]), { code: status.UNAUTHENTICATED });

  const session = await h2Session(t, edge.h2);
  for (const path of ['/elsewhere/', '/both/', '/unnamed/']) {
    const answer = await h2Call(session, path, good.headers);
    assert.deepEqual([answer[':status'], answer['grpc-status'], answer['x-nexus-error']], [200, '7', 'host_not_allowed'], path);
  }
  await h2Call(session, '/limited/', good.headers);
  const limited = await h2Call(session, '/limited/', good.headers);
  assert.deepEqual([limited[':status'], limited['grpc-status'], limited['x-nexus-error']], [200, '8', 'rate_limited']);
  assert.ok(Number(limited['retry-after']) > 0);

  for (const type of ['application/grpc+proto', 'application/grpc;charset=x', 'APPLICATION/GRPC']) {
    assert.equal((await h2Call(session, '/s/m', { 'content-type': type }))['grpc-status'], '16', type);
  }
  for (const type of ['application/grpc-web', 'application/grpcx', 'application/json']) {
    assert.equal((await h2Call(session, '/s/m', { 'content-type': type }))[':status'], 401, type);
  }
  errorBody(assert, await edge.get('/s/m', { headers: { 'content-type': 'application/grpc' }, method: 'POST' }), 401, 'missing_api_key');
  assert.equal(server.calls.length, 0);
});

test('a provider over TLS is verified before it gets anything', async (t) => {
  const ca = await makeCa(t);
  const right = await ca.issue('DNS:api.provider.test');
  const wrong = await ca.issue('DNS:other.test');
  const [trusted, untrusted] = await Promise.all([right, wrong].map((files) => startFieldServer(t, { key: fs.readFileSync(files.key), cert: fs.readFileSync(files.cert) })));
  const dns = await startDns(t, { 'api.provider.test': '127.0.0.1' });
  const edge = await startEdge(t, {
    server: `resolver 127.0.0.1:${dns.port} ipv6=off; grpc_ssl_server_name on; grpc_ssl_verify on; grpc_ssl_trusted_certificate ${ca.file};`,
    locations: `
        location / { ${inject} nexus_allow_hosts api.provider.test; set $to grpcs://api.provider.test:$http_x_port; grpc_pass $to; }`,
  });
  const { id, headers } = await caller(edge);
  const session = await h2Session(t, edge.h2);
  assert.equal((await h2Call(session, '/s/m', { ...headers, 'x-port': String(trusted.port) }))['grpc-status'], '0');
  assert.deepEqual(trusted.last().all('authorization'), [`Bearer at-${id}`]);
  assert.deepEqual(trusted.last().all(':scheme'), ['https']);
  assert.equal((await h2Call(session, '/s/m', { ...headers, 'x-port': String(untrusted.port) }))['grpc-status'], '14');
  assert.equal(untrusted.seen.length, 0);
});

test('a 401 of the provider is the answer; a provider that is away is UNAVAILABLE', async (t) => {
  const server = await startFieldServer(t, undefined, { ':status': 401, 'content-type': 'text/plain' });
  const edge = await startEdge(t, {
    locations: `
        location / { ${inject} nexus_retry_unauthorized on; grpc_pass 127.0.0.1:${server.port}; }
        location /test.Echo/serverStream { ${inject} grpc_pass 127.0.0.1:${await findPort()}; }`,
  });
  const { headers } = await caller(edge);
  const client = grpcClient(t, edge.h2);
  await assert.rejects(unary(client, headers), { code: status.UNAUTHENTICATED });
  assert.equal(server.seen.length, 1);
  await assert.rejects(stream(client, 'serverStream', headers, [Buffer.from('a')]), { code: status.UNAVAILABLE });
});
