// Rules of method and path in a connection's record: what is judged is what is sent.
import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import grpc from '@grpc/grpc-js';
import { grpcClient, startGrpcServer, stream, unary } from '../support/grpc.mjs';
import { errorBody, startEdge } from './edge-fixture.mjs';
import { h2Call, h2Session, startFieldServer } from './grpc-fixture.mjs';

const inject = 'nexus_inject auto; nexus_connection $http_x_nexus_connection; nexus_allow_private 127.0.0.0/8;';
const request_rules = ['GET /repos/*', 'POST /repos/*/issues', '* /open'];

async function start(t, fields = {}) {
  const edge = await startEdge(t, {
    locations: ({ upstream }) => `
        location / { ${inject} proxy_pass http://${upstream}; }
        location /raw/ { ${inject} proxy_pass $nexus_api_base_url$request_uri; }
        location /rewritten/ { ${inject} rewrite ^/rewritten(/.*)$ $1 break; proxy_pass http://${upstream}; }
        location /method/ { ${inject} proxy_method DELETE; proxy_pass http://${upstream}/open; }
        location /method-no/ { ${inject} proxy_method DELETE; proxy_pass http://${upstream}/repos/a; }
        location /base/ { ${inject} proxy_pass http://${upstream}/other/; }`,
  });
  const key = await edge.addAgent();
  const id = await edge.addConnection({ request_rules, api_base_url: `http://127.0.0.1:${edge.upstream.port}`, ...fields });
  return Object.assign(edge, { id, key, headers: { 'x-nexus-key': key, 'x-nexus-connection': id } });
}

test('method and path: what fits a rule is sent, with the credential, and nothing else', async (t) => {
  const edge = await start(t);
  for (const [method, path] of [['GET', '/repos/a'], ['GET', '/repos/a/b?x=/../y'], ['POST', '/repos/a/issues'], ['PATCH', '/open'], ['HEAD', '/open'],
    ['GET', '/rewritten/repos/x'], ['GET', '/method/'], ['GET', '/repos/caf%C3%A9'], ['GET', '/%72epos/a']]) {
    edge.upstream.requests.length = 0;
    const answer = await edge.get(path, { method, headers: edge.headers });
    assert.equal(answer.status, 200, `${method} ${path} ${answer.text}`);
    assert.equal(edge.upstream.header('authorization'), `Bearer at-${edge.id}`);
  }
  edge.upstream.requests.length = 0;
  for (const [method, path] of [['POST', '/repos/a'], ['HEAD', '/repos/a'], ['GET', '/'], ['GET', '/repos'], ['GET', '/Repos/a'], ['POST', '/repos/a/b/issues'], ['DELETE', '/repos/a'],
    ['GET', '/rewritten/'], ['GET', '/method-no/'], ['GET', '/base/repos/a'], ['GET', '/user?/repos/a']]) {
    const answer = await edge.get(path, { method, headers: edge.headers });
    assert.equal(answer.status, 403, `${method} ${path}`);
    if (method !== 'HEAD') {
      errorBody(assert, answer, 403, 'access_denied');
    }
  }
  assert.equal(edge.upstream.requests.length, 0);
  assert.match(edge.nginx.errorLog(), /the connection's rules do not allow this method and path/);
});

test('a body that was read, an agent without rules, and many rules', async (t) => {
  const edge = await start(t);
  errorBody(assert, await edge.get('/repos/a', { body: Buffer.alloc(200_000), headers: edge.headers }), 403, 'access_denied');
  const free = await edge.addConnection({});
  assert.equal((await edge.get('/anything', { method: 'DELETE', headers: { ...edge.headers, 'x-nexus-connection': free } })).status, 200);
  const many = await edge.addConnection({ request_rules: Array.from({ length: 64 }, (_, i) => `GET /${'x'.repeat(100)}/${i}`) });
  assert.equal((await edge.get(`/${'x'.repeat(100)}/63`, { headers: { ...edge.headers, 'x-nexus-connection': many } })).status, 200);
});

test('paths that somebody could read differently, and methods and paths said elsewhere', async (t) => {
  const edge = await start(t, { request_rules: ['GET /raw/repos/*'] });
  const targets = ['/raw/repos/../user', '/raw/repos/%2e%2e/user', '/raw/repos/.%2E/user', '/raw/repos/..%2fuser', '/raw/repos/a%2f..%2f..%2fuser', '/raw/repos//a', '//raw/repos/a',
    '/raw/./repos/a', '/raw/repos/a\\..\\user', '/raw/repos/a%5c..%5cuser', '/raw/repos/a;/../user', '/raw/repos/a%3b', '/raw/repos/%252e%252e/user', '/raw/repos/a%25', '/raw/repos/a%00b',
    '/raw/repos/%c0%ae%c0%ae/user', '/raw/repos/%e0%80%ae./user', '/raw/repos/caf%e9', '/raw/repos/a%0d%0aX:%20y', '/raw/repos/a%zz', '/raw/%72epos/%2e', '/raw/repos/a#/../x', 'http://x/raw/repos/../user'];
  for (const target of targets) {
    const text = await raw(edge.port, `GET ${target} HTTP/1.1\r\nHost: x\r\nX-Nexus-Key: ${edge.key}\r\nX-Nexus-Connection: ${edge.id}\r\nConnection: close\r\n\r\n`);
    const status = Number(text.slice(9, 12));
    if (target.includes('#')) {   // nginx cuts a fragment off
      assert.ok([200, 403, 400].includes(status), `${target} ${status}`);
    } else {
      assert.ok([400, 403].includes(status), `${target} ${status}`);
    }
  }
  assert.ok(edge.upstream.requests.every(({ url }) => url.startsWith('/raw/repos/a')), JSON.stringify(edge.upstream.requests.map(({ url }) => url)));
  edge.upstream.requests.length = 0;
  for (const [name, value] of [['X-HTTP-Method-Override', 'DELETE'], ['x-http-method', 'DELETE'], ['X-Method-Override', 'DELETE'],
    ['X-Original-URL', '/admin'], ['x-rewrite-url', '/admin'], ['X-Amz-Copy-Source', '/private/a'], ['x-amz-copy-source-if-match', 'x'], ['X-Goog-Copy-Source', '/private/a'],
    ['x-ms-copy-source', 'https://x/private/a'], ['X-Oss-Copy-Source', '/private/a'], ['X-Copy-From', '/private/a'], ['X-Ms-Rename-Source', '/private/a'],
    ['X-Amz-Rename-Source', '/private/a'], ['Destination', '/public/a']]) {
    errorBody(assert, await edge.get('/raw/repos/a', { headers: { ...edge.headers, [name]: value } }), 403, 'access_denied');
  }
  for (const query of ['_method=DELETE', 'a=b&_method=DELETE', '%5fmethod=DELETE', '.method=DELETE', '+_method=DELETE', '_method%00=DELETE',
    '_HttpMethod=DELETE', '_httpmethod=DELETE', 'a&%5FHTTPMETHOD=DELETE', '_Method=DELETE']) {
    errorBody(assert, await edge.get(`/raw/repos/a?${query}`, { headers: edge.headers }), 403, 'access_denied');
  }
  assert.equal(edge.upstream.requests.length, 0);
  assert.equal((await edge.get('/raw/repos/a?method=x&my_method=y&q=_method&httpMethod=z', { headers: edge.headers })).status, 200);
  assert.equal((await edge.get('/raw/repos/a', { headers: { ...edge.headers, 'x-amz-meta-source': 'x', 'x-destination': '/b', 'copy-source': 'x' } })).status, 200);
  assert.equal((await edge.get('/raw/repos/a%20b', { headers: edge.headers })).status, 200);
  assert.equal(edge.upstream.last().url, '/raw/repos/a%20b', 'sent as it came');
});

test('a name with underscores, where such are let in, is the one with hyphens', async (t) => {
  const edge = await startEdge(t, { server: 'underscores_in_headers on;', locations: ({ upstream }) => `location / { ${inject} proxy_pass http://${upstream}; }` });
  const key = await edge.addAgent();
  const headersOf = async (fields) => ({ 'x-nexus-key': key, 'x-nexus-connection': await edge.addConnection(fields) });
  const [ruled, free] = [await headersOf({ request_rules: ['GET /repos/*'] }), await headersOf({})];
  for (const name of ['X_HTTP_Method_Override', 'x_original-url', 'X_Amz_Copy_Source', 'X-Copy_From']) {
    errorBody(assert, await edge.get('/repos/a', { headers: { ...ruled, [name]: '/private/a' } }), 403, 'access_denied');
    assert.equal((await edge.get('/repos/a', { headers: { ...free, [name]: '/private/a' } })).status, 200, 'without rules');
    assert.equal(edge.upstream.header(name.toLowerCase()), '/private/a');
  }
  assert.equal((await edge.get('/repos/a', { headers: { ...ruled, my_name: 'x' } })).status, 200);
});

test('signing and other strategies are judged, too', async (t) => {
  const edge = await start(t, { strategy: 'query_param', strategy_config: { param_name: 'key' }, credentials: { api_key: 'k-123456' } });
  assert.equal((await edge.get('/repos/a?x=1', { headers: edge.headers })).status, 200);
  assert.equal(edge.upstream.last().url, '/repos/a?x=1&key=k-123456');
  errorBody(assert, await edge.get('/user', { headers: edge.headers }), 403, 'access_denied');
});

test('gRPC: methods are paths', async (t) => {
  const server = await startGrpcServer(t);
  const edge = await startEdge(t, { locations: `location / { ${inject} grpc_pass grpc://127.0.0.1:${server.port}; }` });
  const headers = { 'x-nexus-key': await edge.addAgent(), 'x-nexus-connection': await edge.addConnection({ request_rules: ['POST /test.Echo/unary'] }) };
  const client = grpcClient(t, edge.h2);
  assert.equal(String(await unary(client, headers)), 'hello');
  await assert.rejects(stream(client, 'serverStream', headers, [Buffer.from('x')]), { code: grpc.status.PERMISSION_DENIED });
  assert.equal(server.calls.length, 1);
});

test('gRPC: the method is the caller\'s, and judged', async (t) => {
  const server = await startFieldServer(t);
  const edge = await startEdge(t, { locations: `location / { ${inject} grpc_pass grpc://127.0.0.1:${server.port}; }` });
  const headers = { 'x-nexus-key': await edge.addAgent(), 'x-nexus-connection': await edge.addConnection({ request_rules: ['POST /v1/items'] }) };
  const session = await h2Session(t, edge.h2);
  await h2Call(session, '/v1/items', headers);
  assert.equal(server.seen.length, 1);
  for (const more of [{ ':method': 'DELETE' }, { ':method': 'GET' }, { 'x-http-method-override': 'DELETE' }, { 'x-http-method': '' }, { 'x-original-url': '/admin' },
    { 'x-goog-copy-source': '/private/a' }, { destination: '' }]) {
    await h2Call(session, '/v1/items', { ...headers, ...more }, { empty: ':method' in more });
    assert.equal(server.seen.length, 1, JSON.stringify(more));
  }
  await edge.get('/v1/items', { method: 'DELETE', headers });
  assert.equal(server.seen.length, 1, 'DELETE over HTTP/1.1');
});

test('an empty override does not hide the next one', async (t) => {
  const edge = await startEdge(t, { locations: ({ upstream }) => `location / { ${inject} proxy_pass http://${upstream}; }` });
  const id = await edge.addConnection({ request_rules: ['POST /repos/*'] });
  const lines = `Host: x\r\nX-Nexus-Key: ${await edge.addAgent()}\r\nX-Nexus-Connection: ${id}\r\nContent-Length: 0\r\nConnection: close\r\n`;
  for (const override of ['X-HTTP-Method-Override: DELETE\r\n', 'X-HTTP-Method-Override:\r\n', 'X-HTTP-Method-Override:\r\nX-HTTP-Method-Override: DELETE\r\n']) {
    assert.match(await raw(edge.port, `POST /repos/a HTTP/1.1\r\n${lines}${override}\r\n`), /^HTTP\/1\.1 403 /, override);
  }
  assert.equal(edge.upstream.requests.length, 0);
  assert.match(await raw(edge.port, `POST /repos/a HTTP/1.1\r\n${lines}\r\n`), /^HTTP\/1\.1 200 /);
});

function raw(port, bytes) {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = net.connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.setTimeout(10000, () => socket.destroy(new Error('no end of the answer')));
    socket.on('data', (data) => { text += data; });
    socket.on('end', () => resolve(text));
    socket.on('error', reject);
  });
}
