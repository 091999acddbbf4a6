// Secrets stay out of every file that nginx writes, at `error_log ... debug` too, unless somebody says otherwise.
import assert from 'node:assert/strict';
import http2 from 'node:http2';
import net from 'node:net';
import { test } from 'node:test';
import { assertNoSecrets, files } from '../support/canary.mjs';
import { listen } from '../support/listen.mjs';
import { caller, errorBody, startEdge } from './edge-fixture.mjs';
import { h2Fields, h2Frame, startRaw } from './wire-fixture.mjs';

const locations = ({ upstream, dir }) => `
        client_body_buffer_size 1k;
        location /inject/ {
            nexus_inject auto; nexus_connection $http_x_nexus_connection; nexus_allow_private 127.0.0.0/8;
            error_log ${dir}/location.log debug;
            proxy_buffer_size 4k; proxy_buffers 2 4k; proxy_busy_buffers_size 4k; proxy_max_temp_file_size 1m;
            proxy_pass http://${upstream};
        }
        location ~ "^/v1/token/(?<id>[^/]+)$" { nexus_api token; nexus_connection $id; }
        location /pass/ { nexus_api pass; proxy_pass http://${upstream}; }
        location /refused/ { deny all; }`;

async function exercise(t, edge) {
  const canaries = { access: 'canary-access-token-4711', static: 'canary-static-key-4711', password: 'canary-password-4711' };
  const key = await edge.addAgent();
  const connections = [
    await edge.addConnection({ credentials: { access_token: canaries.access } }),
    await edge.addConnection({ strategy: 'query_param', strategy_config: { param_name: 'k' }, credentials: { api_key: canaries.static } }),
    await edge.addConnection({ strategy: 'basic_auth', credentials: { username: 'u', password: canaries.password } }),
  ];
  for (const id of connections) {
    for (const body of [undefined, Buffer.alloc(100_000, 'b')]) {
      const answer = await edge.get('/inject/x?y=1', { body, headers: { 'x-nexus-key': key, 'x-nexus-connection': id, authorization: `Bearer ${key}` } });
      assert.equal(answer.status, 200, answer.text);
    }
    assert.equal((await edge.get(`/v1/token/${id}`, { headers: { authorization: `Bearer ${key}` } })).status, 200);
  }
  assert.equal((await edge.get('/pass/', { headers: { 'x-api-key': key } })).status, 200);
  assert.equal((await edge.get('/refused/', { headers: { 'x-api-key': key } })).status, 403);
  assert.equal((await edge.get('/nowhere', { headers: { 'x-api-key': key } })).status, 404);
  errorBody(assert, await edge.get('/pass/', { headers: { 'x-api-key': `${key.slice(0, -1)}_` } }), 401, 'invalid_api_key');

  const client = http2.connect(edge.h2);
  t.after(() => client.destroy());
  for (const path of [`/v1/token/${connections[0]}`, '/inject/h2']) {
    const status = await new Promise((resolve, reject) => {
      const stream = client.request({ ':path': path, 'x-api-key': key, 'x-nexus-connection': connections[0], 'x-nexus-key': key });
      stream.on('response', (answer) => { stream.resume(); stream.on('end', () => resolve(answer[':status'])); });
      stream.on('error', reject);
      stream.end();
    });
    assert.equal(status, 200);
  }
  return { ...canaries, key, edgeKey: edge.keys.EDGE_KEY, cacheKey: edge.keys.CACHE_KEY };
}

/** The key files are where the keys are meant to be. */
function written(edge) {
  return Object.fromEntries(Object.entries(files(edge.nginx.dir)).filter(([name]) => !/\/(cache|edge)\.key$/.test(name)));
}

test('error_log debug: no secret in any file, and the rest of the debug log is still there', async (t) => {
  const edge = await startEdge(t, { locations, logLevel: 'debug' });
  const secrets = await exercise(t, edge);
  assertNoSecrets(secrets, written(edge));
  assert.match(edge.nginx.errorLog(), /\[debug\]/);
  assert.match(edge.nginx.errorLog(), /\[notice\].*debug_http is masked/);
});

test('what nginx itself quotes is redacted: queries of failed requests, headers it could not read', async (t) => {
  for (const logLevel of ['info', 'debug']) {
    const edge = await startEdge(t, {
      logLevel,
      locations: () => 'location /auth/callback { proxy_pass http://127.0.0.1:1; } location /guarded/ { nexus_auth api_key; return 204; }',
    });
    const key = await edge.addAgent();
    const answer = await edge.get('/auth/callback?state=canary-state-0815&code=canary-code-0815', {
      headers: { 'X_API_Key': key, referer: 'https://a.example/?r=canary-referrer-0815' },
    });
    assert.equal(answer.status, 502);
    assert.match(edge.nginx.errorLog(), /\[error\].*connect\(\) failed.*state=\*+&code=\*+ HTTP\/1\.1/);
    assert.match(edge.nginx.errorLog(), /invalid header line: "X_API_Key:\*+"/i);
    const errorLog = { 'error.log': edge.nginx.errorLog() };
    assertNoSecrets({ state: 'canary-state-0815', code: 'canary-code-0815', referrer: 'canary-referrer-0815', secret: key.slice(-43) }, errorLog);
  }
});

test('what nginx could not read of a head is not quoted: neither an echoed credential nor a caller\'s own', async (t) => {
  const token = 'canary-echoed-token-4711';
  const raw = await startRaw(t, (head) => [{
    '/line': `HTTP/1.1 200 OK\r\nX-Echo: Bearer ${token}\0\r\n\r\n`,
    '/name': `HTTP/1.1 200 OK\r\n${token}\0: x\r\n\r\n`,
  }[head.split(' ')[1]], null]);
  const grpc = await listen(t, net.createServer((socket) => {
    socket.on('error', () => {});
    socket.write(h2Frame(4, 0, 0, Buffer.alloc(0)));
    socket.once('data', () => socket.write(h2Frame(1, 0x5, 1, h2Fields([[':status', '200'], ['X-Echo', `Bearer ${token}`]]))));
  }));
  const inject = 'nexus_inject auto; nexus_connection $http_x_nexus_connection; nexus_allow_private 127.0.0.0/8; nexus_scrub_response on;';
  const edge = await startEdge(t, {
    logLevel: 'info',
    locations: `location / { ${inject} proxy_pass http://127.0.0.1:${raw}; } location /rpc/ { ${inject} grpc_pass grpc://127.0.0.1:${grpc}; }`,
  });
  const { headers } = await caller(edge, { credentials: { access_token: token } });
  for (const path of ['/line', '/name', '/rpc/call']) {
    assert.equal((await edge.get(path, { headers: { ...headers, X_Nexus_Key: 'canary.caller.jwt-4711' } })).status, 502, path);
  }
  const log = edge.nginx.errorLog();
  assert.equal(log.match(/\[error\].* upstream sent invalid header: "\*+" while reading response header from upstream, client: /g).length, 3, log);
  assert.match(log, /client sent invalid header line: "X_Nexus_Key:\*+"/);
  assertNoSecrets({ token, jwt: 'canary.caller.jwt-4711' }, { log });
});

test('after a reload the mask is there again', async (t) => {
  const edge = await startEdge(t, { locations, logLevel: 'debug' });
  await edge.nginx.reload();
  assertNoSecrets(await exercise(t, edge), written(edge));
});

test('error_log debug_http alone still logs errors', async (t) => {
  const edge = await startEdge(t, { locations, logLevel: 'debug_http' });
  assertNoSecrets(await exercise(t, edge), written(edge));
  assert.match(edge.nginx.errorLog(), /\[error\].*access forbidden by rule/);
});

test('nexus_debug_http on lets the headers through, the injected credential never', async (t) => {
  const edge = await startEdge(t, { locations, logLevel: 'debug', server: 'nexus_debug_http on;' });
  const { access, password, key, edgeKey, cacheKey } = await exercise(t, edge);
  assert.ok(edge.nginx.errorLog().includes(key), 'the test can tell');
  assertNoSecrets({ access, password, edgeKey, cacheKey }, written(edge));
});
