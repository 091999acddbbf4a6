// The configurations of conf/, as a starter includes them, in front of a scripted nexusd and a scripted provider.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { randomUUID } from 'node:crypto';
import { makeCa } from '../support/certificates.mjs';
import { cleanup } from '../support/cleanup.mjs';
import { grpcClient, startGrpcServer, stream, unary } from '../support/grpc.mjs';
import { request } from '../support/http.mjs';
import { MODSECURITY } from '../support/ingress.mjs';
import { newKeys } from '../support/keys.mjs';
import { testConfig } from '../support/nginx.mjs';
import { repository } from '../support/paths.mjs';
import { findPort } from '../support/ports.mjs';
import { exchange } from '../support/raw-http.mjs';
import { sealToken } from '../support/records.mjs';
import { waitFor } from '../support/wait.mjs';
import { notFound, startAll } from './conf-fixture.mjs';
import { errorBody } from './edge-fixture.mjs';
import { h2Call, h2Session, startFieldServer } from './grpc-fixture.mjs';

const conf = path.join(repository, 'conf');

test('gateway: refreshes of one connection are limited', async (t) => {
  const { site, key, id } = await startAll(t, (incoming, response) => {
    response.writeHead(400, { 'content-type': 'application/json' });
    response.end('{"error":"no_refresh_token"}');
  });
  const refresh = () => request(`${site.gateway}/v1/refresh/${id}`, { method: 'POST', headers: { 'x-api-key': key } });
  const answers = [];
  for (let i = 0; i < 70; i++) {
    answers.push(await refresh());
  }
  const refused = answers.filter(({ status }) => status === 429);
  assert.ok(refused.length >= 1 && refused.length < 10, `${refused.length}`);   // one more a second
  errorBody(assert, refused[0], 429, 'rate_limited');
  assert.match(refused[0].headers['retry-after'], /^[12]$/);
  assert.equal((await request(`${site.gateway}/v1/token/${id}`, { headers: { 'x-api-key': key } })).status, 200);
});

test('sidecar: to the record\'s own API, with its credential', async (t) => {
  const { site, provider, key, id } = await startAll(t, notFound);
  const answer = await request(`${site.sidecar}/user/repos?per_page=1`, { headers: { 'x-nexus-key': key, 'x-nexus-connection': id } });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.text, 'provider');
  assert.equal(provider.requests[0].url, '/base/user/repos?per_page=1');
  assert.equal(provider.requests[0].headers.authorization, 'Bearer canary-token-1');
  assert.equal((await request(`${site.sidecar}/`)).status, 401);
  const unknown = await request(`${site.sidecar}/`, { headers: { 'x-nexus-key': key, 'x-nexus-connection': randomUUID() } });
  errorBody(assert, unknown, 404, 'connection_not_found');
});

test('sidecar: the connection in the path, what follows as it came', async (t) => {
  const { site, provider, key, id } = await startAll(t, notFound);
  const ask = (target) => request(`${site.sidecar}${target}`, { headers: { 'x-nexus-key': key } });
  for (const [rest, arrived] of [['/a%2Fb/c%20d?x=1&y=%2F', '/base/a%2Fb/c%20d?x=1&y=%2F'], ['/', '/base/'], ['', '/base'], ['?q', '/base?q'], ['//a/b', '/base//a/b']]) {
    const answer = await ask(`/${id}${rest}`);
    assert.equal(answer.status, 200, `${rest}: ${answer.text}`);
    assert.equal(provider.requests.at(-1).url, arrived);
    assert.equal(provider.requests.at(-1).headers.authorization, 'Bearer canary-token-1');
  }
  const before = provider.requests.length;
  for (const odd of [`/%${id.charCodeAt(0).toString(16)}${id.slice(1)}/a`, `//${id}/a`]) {
    assert.equal((await ask(odd)).status, 400, odd);
  }
  errorBody(assert, await ask(`/${randomUUID()}/a`), 404, 'connection_not_found');
  assert.equal(provider.requests.length, before);
});

test('sidecar: the agent\'s own name of the connection, in the header or in the path', async (t) => {
  const { site, provider, key } = await startAll(t, notFound);
  const ask = (target, headers) => request(`${site.sidecar}${target}`, { headers: { 'x-nexus-key': key, ...headers } });
  for (const [target, headers, arrived] of [['/user?x=1', { 'x-nexus-connection': 'my-api' }, '/base/user?x=1'], ['/my-api/a%2Fb/c?x=%2F', {}, '/base/a%2Fb/c?x=%2F'],
    ['/my-api', {}, '/base'], ['/my-api?q', {}, '/base?q'], ['/my-api/', {}, '/base/'], ['/my-api/x', { 'x-nexus-connection': 'my-api' }, '/base/my-api/x']]) {
    const answer = await ask(target, headers);
    assert.equal(answer.status, 200, `${target}: ${answer.text}`);
    assert.equal(provider.requests.at(-1).url, arrived);
    assert.equal(provider.requests.at(-1).headers.authorization, 'Bearer canary-token-1');
  }
  const before = provider.requests.length;
  for (const odd of ['/your-api/x', '/%6dy-api/x', '//my-api/x', '/my-api%2fx', '/', '/my-api.evil.test/x', '/my-api@evil.test/x']) {
    errorBody(assert, await ask(odd), 400, 'invalid_connection_id');
  }
  assert.equal(provider.requests.length, before);
});

test('sidecar: the root of an API without a base path, the connection in the path', async (t) => {
  const { site, redis, keys, provider, key, id } = await startAll(t, notFound);
  const [name, sealed, options] = await sealToken(keys.CACHE_KEY, {
    connection_id: id, generation: 2, credentials: { access_token: 'canary-token-2' }, allowed_hosts: [],
    api_base_url: `http://127.0.0.1:${provider.server.address().port}`, request_rules: ['GET /'],
  });
  await redis.set(name, sealed, options);
  for (const first of [`/${id}`, '/my-api']) {
    for (const [rest, arrived] of [['', '/'], ['/', '/'], ['?x=1', '/?x=1'], ['/?x=1', '/?x=1']]) {
      const answer = await request(`${site.sidecar}${first}${rest}`, { headers: { 'x-nexus-key': key } });
      assert.equal(answer.status, 200, `${first}${rest}: ${answer.text}`);
      assert.equal(provider.requests.at(-1).url, arrived);
    }
  }
});

test('sidecar: a connection in the header wins over whatever the path begins with', async (t) => {
  const { site, provider, key, id } = await startAll(t, notFound);
  const other = randomUUID();
  for (const [named, target, arrived] of [[id, `/${other}/items`, `/base/${other}/items`], ['my-api', `/${id}/items?x`, `/base/${id}/items?x`],
    [id, '/my-api/items', '/base/my-api/items'], [id, `/${id}/items?x`, '/base/items?x'], [id, `/${id}?x`, '/base?x'], [id, `/${id}x/items`, `/base/${id}x/items`]]) {
    const answer = await request(`${site.sidecar}${target}`, { headers: { 'x-nexus-key': key, 'x-nexus-connection': named } });
    assert.equal(answer.status, 200, `${named} ${target}: ${answer.text}`);
    assert.equal(provider.requests.at(-1).url, arrived);
  }
  const before = provider.requests.length;
  errorBody(assert, await request(`${site.sidecar}/${id}/items`, { headers: { 'x-nexus-key': key, 'x-nexus-connection': other } }), 404, 'connection_not_found');
  assert.equal(provider.requests.length, before);
});

/** A port whose listener takes no connection, and with a full queue: whoever connects hears nothing. */
async function startDeaf(t) {
  const port = await findPort();
  const listener = spawn(process.execPath, ['-e', `require('net').createServer().listen(${port}, '127.0.0.1', 1, () => {
    require('fs').writeSync(1, 'up'); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); })`], { stdio: ['ignore', 'pipe', 'inherit'] });
  cleanup(t, () => listener.kill('SIGKILL'));
  await once(listener.stdout, 'data');
  const waiting = Array.from({ length: 2 }, () => net.connect(port, '127.0.0.1'));
  cleanup(t, () => waiting.forEach((socket) => socket.destroy()));
  await Promise.all(waiting.map((socket) => once(socket, 'connect')));
  return port;
}

/** The record of startAll()'s connection, at an API with another base path. Resolves with the provider's origin. */
async function rebase({ redis, keys, provider, id }, basePath) {
  const origin = `http://127.0.0.1:${provider.server.address().port}`;
  const [name, sealed, options] = await sealToken(keys.CACHE_KEY, {
    connection_id: id, generation: 2, credentials: { access_token: 'canary-token-2' }, allowed_hosts: [], api_base_url: origin + basePath,
  });
  await redis.set(name, sealed, options);
  return origin;
}

for (const basePath of ['', '/base']) {
  test(`sidecar: a provider's redirects within its API come back through the sidecar, others do not (base path "${basePath}")`, async (t) => {
    const all = await startAll(t, notFound);
    const { site, provider, key, id } = all;
    const origin = await rebase(all, basePath);
    const kept = ['https://elsewhere.test/x', `${origin}.elsewhere.test/x`, `${origin}0${basePath}/x`, 'x/y', '?x', '#x', `https://elsewhere.test/?to=${origin}${basePath}/`];
    const outside = basePath === '' ? [] : [['/x', `${origin}/x`], [`${basePath}x/y`, `${origin}${basePath}x/y`], [`${origin}/x`, `${origin}/x`], ['/', `${origin}/`]];
    for (const [before, headers] of [['', { 'x-nexus-connection': id }], [`/${id}`, {}], ['/my-api', {}]]) {
      const own = `${site.sidecar}${before}`;
      for (const [location, expected] of [[`${origin}${basePath}/a%2Fb?x=/`, `${own}/a%2Fb?x=/`], [`${origin}${basePath}/`, `${own}/`], [`${origin}${basePath}//elsewhere.test/`, `${own}//elsewhere.test/`],
        [`${basePath}/a/b?x`, `${own}/a/b?x`], [`${basePath}/`, `${own}/`], ['//elsewhere.test/x', 'http://elsewhere.test/x'], ...outside, ...kept.map((text) => [text, text])]) {
        provider.handler = (incoming, response) => response.writeHead(302, { location }).end();
        const answer = await request(`${own}/from`, { headers: { 'x-nexus-key': key, ...headers } });
        assert.equal(answer.status, 302, answer.text);
        assert.equal(answer.headers.location, expected, `${location} from ${own}`);
      }
    }
  });

  test(`sidecar: a cookie is for the connection that the path names (base path "${basePath}")`, async (t) => {
    const all = await startAll(t, notFound);
    const { site, provider, key, id } = all;
    await rebase(all, basePath);
    const ask = async (before, headers, path) => {
      provider.handler = (incoming, response) => response.writeHead(200, { 'set-cookie': `a=1; Path=${path}; HttpOnly` }).end();
      return (await request(`${site.sidecar}${before}/x`, { headers: { 'x-nexus-key': key, ...headers } })).headers['set-cookie'];
    };
    for (const before of [`/${id}`, '/my-api']) {
      for (const [path, expected] of [['/', `${before}/`], [`${basePath}/`, `${before}/`], [`${basePath}/x`, `${before}/x`], ...(basePath ? [[basePath, before]] : [])]) {
        assert.deepEqual(await ask(before, {}, path), [`a=1; Path=${expected}; HttpOnly`]);
      }
    }
    assert.deepEqual(await ask('', { 'x-nexus-connection': id }, '/'), ['a=1; Path=/; HttpOnly']);
    assert.deepEqual(await ask('', { 'x-nexus-connection': id }, `${basePath}/x`), ['a=1; Path=/x; HttpOnly']);
  });
}

test('sidecar: no upgrade goes on but to WebSocket', async (t) => {
  const { site, provider, key, id } = await startAll(t, notFound);
  provider.server.on('upgrade', (incoming, socket) => {
    provider.requests.push(incoming);
    socket.end(`HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: ${incoming.headers.upgrade}\r\n\r\n`);
  });
  const ask = (lines) => exchange(Number(new URL(site.sidecar).port), Buffer.from(
    `GET /a HTTP/1.1\r\nHost: x\r\nX-Nexus-Key: ${key}\r\nX-Nexus-Connection: ${id}\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`));
  for (const upgrade of ['h2c', 'h2c, websocket', 'websocket2', 'TLS/1.0']) {
    const { answers } = await ask(['Connection: Upgrade, HTTP2-Settings', `Upgrade: ${upgrade}`, 'HTTP2-Settings: AAMAAABk']);
    assert.equal(answers[0].status, 200, upgrade);
    const { headers } = provider.requests.at(-1);
    assert.deepEqual([headers.connection, headers.upgrade, headers['http2-settings']], [undefined, undefined, undefined], upgrade);
  }
  for (const upgrade of ['websocket', 'WebSocket']) {
    await ask(['Connection: Upgrade', `Upgrade: ${upgrade}`]);
    const { headers } = provider.requests.at(-1);
    assert.deepEqual([headers.connection, headers.upgrade], ['upgrade', 'websocket']);
  }
});

test('sidecar: a provider\'s answer cannot steer nginx', async (t) => {
  const { site, provider, key, id } = await startAll(t, notFound);
  provider.headers = { 'x-accel-redirect': `/_nexus/edge/tokens/${id}` };
  const answer = await request(`${site.sidecar}/`, { headers: { 'x-nexus-key': key, 'x-nexus-connection': id } });
  assert.equal(answer.status, 200);
  assert.equal(answer.text, 'provider');
});

test('sidecar: header fields with _ or . arrive where a site says so, and nowhere else', async (t) => {
  for (const [allowed, arrived] of [['', []], ['underscores_in_headers on;\n', ['client_id']], ['underscores_in_headers on;\nignore_invalid_headers off;\n', ['client_id', 'x.y']]]) {
    const { site, provider, key, id } = await startAll(t, notFound, {}, { 'sidecar-listen.conf': allowed });
    const answer = await request(`${site.sidecar}/x`, { headers: { 'x-nexus-key': key, 'x-nexus-connection': id, client_id: '1', 'x.y': '2' } });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(Object.keys(provider.requests[0].headers).filter((name) => ['client_id', 'x.y'].includes(name)), arrived);
  }
});

test('an answer\'s head of 12 KiB is passed on by each of them', async (t) => {
  const large = 'x'.repeat(12_000);
  const { site, provider, key, id } = await startAll(t, (incoming, response) => response.writeHead(302, { location: `https://elsewhere.test/${large}` }).end());
  provider.handler = (incoming, response) => response.writeHead(201, { 'content-security-policy': large }).end('created');
  const created = await request(`${site.sidecar}/x`, { headers: { 'x-nexus-key': key, 'x-nexus-connection': id }, json: {} });
  assert.deepEqual([created.status, created.text, created.headers['content-security-policy']], [201, 'created', large]);
  assert.equal((await request(`${site.front}/connect/t`)).headers.location.length, large.length + 23);
  assert.equal((await request(`${site.gateway}/v1/request-connection`, { headers: { 'x-api-key': key }, json: {} })).headers.location.length, large.length + 23);
});

test('sidecar: errors of nginx itself have the API\'s shape, those of the provider are its own', async (t) => {
  const { site, redis, keys, provider, key, id } = await startAll(t, notFound);
  const port = Number(new URL(site.sidecar).port);
  const headers = { 'x-nexus-key': key, 'x-nexus-connection': id };
  const add = async (url) => {
    const other = randomUUID();
    const [name, sealed, options] = await sealToken(keys.CACHE_KEY, { connection_id: other, credentials: { access_token: 'canary-token-2' }, allowed_hosts: [], api_base_url: url });
    await redis.set(name, sealed, options);
    return { ...headers, 'x-nexus-connection': other };
  };
  for (const status of [400, 404, 405, 414, 500, 501, 502, 504]) {
    provider.handler = (incoming, response) => response.writeHead(status, { 'content-type': 'text/html' }).end('<p>the provider\'s</p>');
    const answer = await request(`${site.sidecar}/x`, { headers });
    assert.deepEqual([answer.status, answer.text, answer.headers['content-type']], [status, '<p>the provider\'s</p>', 'text/html']);
  }

  errorBody(assert, await request(`${site.sidecar}/x`, { headers: await add('http://127.0.0.1:9') }), 502, 'upstream_error');
  errorBody(assert, await request(`${site.sidecar}/x`, { headers: await add('http://127.0.0.1:9'), json: {} }), 502, 'upstream_error');
  errorBody(assert, await request(`${site.sidecar}/_nexus/edge`, { headers }), 404, 'not_found');
  const trace = await request(`${site.sidecar}/x`, { headers, method: 'TRACE' });
  errorBody(assert, trace, 405, 'method_not_allowed');
  assert.match(trace.headers.allow, /PATCH/);
  for (const head of ['GET /a%zz HTTP/1.1\r\nHost: x', 'GET /a HTTP/1.1', `GET /a HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(40000)}`, `GET /${'a'.repeat(40000)} HTTP/1.1\r\nHost: x`, 'GET /a HTTP/3.0\r\nHost: x',
    'POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip']) {
    const { answers } = await exchange(port, Buffer.from(`${head}\r\n\r\n`));
    errorBody(assert, answers[0], 400, 'invalid_request');
  }
});

test('sidecar: a provider that does not answer in time is a 504 of the API\'s shape', async (t) => {
  const { site, redis, keys, key } = await startAll(t, notFound);
  const port = await startDeaf(t);
  const id = randomUUID();
  const [name, sealed, options] = await sealToken(keys.CACHE_KEY, { connection_id: id, credentials: { access_token: 'canary-token-2' }, allowed_hosts: [], api_base_url: `http://127.0.0.1:${port}` });
  await redis.set(name, sealed, options);
  errorBody(assert, await request(`${site.sidecar}/x`, { headers: { 'x-nexus-key': key, 'x-nexus-connection': id } }), 504, 'upstream_error');
});

test('gateway: answered at the edge, or passed with who the caller is', async (t) => {
  const { site, nexusd, key, id, keys } = await startAll(t, (incoming, response) => {
    if (incoming.url.startsWith('/edge/')) {
      return notFound(incoming, response);
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end('{"passed":true}');
  });
  const headers = { 'x-api-key': key };
  assert.equal((await request(`${site.gateway}/v1/token/${id}`, { headers })).json.access_token, 'canary-token-1');
  assert.deepEqual((await request(`${site.gateway}/v1/check-connection/${id}`, { headers })).json, { status: 'active' });
  assert.equal(nexusd.requests.length, 0);

  const passed = await request(`${site.gateway}/v1/request-connection`, { headers, json: { user_id: 'u' } });
  assert.deepEqual(passed.json, { passed: true });
  const seen = nexusd.requests.at(-1);
  assert.equal(seen.url, '/v1/request-connection');
  assert.equal(seen.headers['x-api-key'], keys.EDGE_KEY);
  assert.equal(seen.headers['x-nexus-agent'], 'agent-1');
  assert.equal(seen.headers.connection, 'keep-alive');
  assert.equal(seen.headers['x-real-ip'], '127.0.0.1');

  assert.equal((await request(`${site.gateway}/v1/token/${randomUUID()}`, { headers })).status, 404);
  assert.match(nexusd.requests.at(-1).url, /^\/edge\/tokens\//);
  assert.equal((await request(`${site.gateway}/_nexus/edge/tokens/${id}`, { headers })).status, 404);
  assert.equal((await request(`${site.gateway}/health`)).json.status, 'healthy');
  assert.match((await request(`${site.gateway}/metrics`)).text, /nexus_requests_total/);
  for (const path of ['/nothing', '/_nexus/edge/x', '/_nexus_errors/bad_request']) {
    const { status, json } = await request(`${site.gateway}${path}`);
    assert.deepEqual([status, json?.error], [404, 'not_found'], path);
  }
});

test('gateway: pages call it from CORS_ALLOWED_ORIGINS only', async (t) => {
  const { site, key, id } = await startAll(t, notFound, { CORS_ALLOWED_ORIGINS: 'https://app.example.org, https://*.example.net' });
  const origin = 'https://a.example.net';
  const preflight = { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'GET', 'access-control-request-headers': 'x-api-key' } };
  const allowed = await request(`${site.gateway}/v1/token/${id}`, preflight);
  assert.equal(allowed.status, 204);
  assert.equal(allowed.headers['access-control-allow-origin'], origin);
  for (const [path, headers, status] of [[`/v1/token/${id}`, { 'x-api-key': key }, 200], [`/v1/token/${id}`, {}, 401], ['/v1/nothing', {}, 404],
    [`/v1/check-connection/${randomUUID()}`, { 'x-api-key': key }, 404]]) {
    const answer = await request(`${site.gateway}${path}`, { headers: { origin, ...headers } });
    assert.equal(answer.status, status);
    assert.equal(answer.headers['access-control-allow-origin'], origin, path);
  }
  const denied = await request(`${site.gateway}/v1/token/${id}`, { headers: { origin: 'https://evil.example', 'x-api-key': key } });
  assert.equal(denied.headers['access-control-allow-origin'], undefined);
  assert.equal(denied.headers.vary, 'Origin');
});

test('gateway: no page may call it where nobody has said so', async (t) => {
  const { site, key, id } = await startAll(t, notFound);
  const answer = await request(`${site.gateway}/v1/token/${id}`, { headers: { origin: 'https://app.example.org', 'x-api-key': key } });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers['access-control-allow-origin'], undefined);
  assert.equal(answer.headers.vary, 'Origin');
});

test('errors of nginx itself have the API\'s shape: too large, nexusd away', async (t) => {
  const { site, key, server } = await startAll(t, notFound);
  const headers = { 'x-api-key': key };
  const big = Buffer.alloc(10 * 1024 * 1024, 'x');
  for (const url of [`${site.gateway}/v1/request-connection`, `${site.gateway}/v1/token/x`, `${site.front}/v1/request-connection`]) {
    const answer = await request(url, { headers, body: big });
    assert.equal(answer.status, 413, url);
    assert.equal(answer.json.error, 'payload_too_large');
  }
  await server.close();
  for (const url of [`${site.gateway}/v1/request-connection`, `${site.front}/connections`]) {
    const answer = await request(url, { headers, json: {} });
    assert.equal(answer.status, 503, answer.text);
    assert.equal(answer.json.error, 'control_plane_unavailable');
    assert.equal(answer.headers['retry-after'], '5');
  }
  const token = await request(`${site.gateway}/v1/token/${randomUUID()}`, { headers });
  errorBody(assert, token, 503, 'token_unavailable');
});

test('the front lets through nexusd\'s own routes only, and logs no query', async (t) => {
  const { site, nexusd } = await startAll(t, (incoming, response) => response.end('{}'));
  for (const route of ['/providers', '/metadata', '/auth/callback?state=canary-state-77&code=canary-code-77', '/connections/x', '/connect/t', '/audit', '/admin/agents', '/edge/tokens/x', '/v1/providers', '/health', '/ready', '/metrics']) {
    assert.equal((await request(`${site.front}${route}`)).status, 200, route);
  }
  const before = nexusd.requests.length;
  for (const route of ['/', '/favicon.ico', '/.env', '/providersx', '/authx']) {
    assert.equal((await request(`${site.front}${route}`)).json.error, 'not_found', route);
  }
  assert.equal(nexusd.requests.length, before);
  assert.equal((await request(`${site.front}/auth/callback?state=canary-state-77`)).status, 200);
  assert.doesNotMatch(site.errorLog(), /canary-state-77/);

  const earlier = nexusd.requests.length;
  assert.equal((await request(`${site.front}/connect/canary-link-77?x=1`)).status, 200);
  assert.equal(nexusd.requests.length, earlier + 1);
  await waitFor('the access log', () => /"GET \/connect\/\*\?x=\* HTTP\/1\.1" 200/.test(site.accessLog()));
  assert.doesNotMatch(site.accessLog(), /canary-/);
});

// With the test's own places for what a package would have installed, and ports that need no root.
function shipped(name, { dir, globals, http }) {
  return fs.readFileSync(path.join(conf, name), 'utf8').replace(/^(pid|error_log) .*$/gm, '').replace(/^load_module .*nexus.*$/m, globals)
    .replace('modules/ngx_http_modsecurity_module.so', MODSECURITY)
    .replaceAll('/usr/share/nexus-edge/conf', conf).replaceAll('/etc/nexus/', `${dir}/`).replace(/^ *access_log .*$/m, `    ${http.replace('access.log;', 'access.log nexus_json;')}`)
    .replace(/^listen \[::\].*$/gm, '').replace(/^listen (443|80)\b/gm, (line, port) => `listen 127.0.0.1:${8000 + Number(port)}`);
}

test('sidecar-grpc: a call goes to the host of the base URL, with the credential', async (t) => {
  const { keys, redis, site, key, grpcUrl } = await startAll(t, notFound);
  const server = await startGrpcServer(t);
  const add = async (fields) => {
    const id = randomUUID();
    const [name, sealed, options] = await sealToken(keys.CACHE_KEY, { connection_id: id, credentials: { access_token: 'canary-token-2' }, allowed_hosts: [], ...fields });
    await redis.set(name, sealed, options);
    return { 'x-nexus-key': key, 'x-nexus-connection': id };
  };
  const client = grpcClient(t, grpcUrl);
  const headers = await add({ api_base_url: `http://127.0.0.1:${server.port}` });
  assert.equal(String(await unary(client, headers)), 'hello');
  assert.deepEqual((await stream(client, 'bidi', headers, [Buffer.from('a'), Buffer.from('b')])).map(String), ['a', 'b']);
  assert.deepEqual(server.calls.map((call) => call.get('authorization')), [['Bearer canary-token-2'], ['Bearer canary-token-2']]);

  await assert.rejects(unary(client, await add({ api_base_url: `http://127.0.0.1:${server.port}/base` })));
  await assert.rejects(unary(client, { ...headers, 'x-nexus-connection': randomUUID() }), { code: 5 });
  assert.equal(server.calls.length, 2);
  assert.ok(!site.errorLog().includes('canary-token'));
});

test('sidecar-grpc: an answer\'s head of 12 KiB is passed on', async (t) => {
  const { keys, redis, key, grpcUrl } = await startAll(t, notFound);
  const large = 'x'.repeat(12_000);
  const server = await startFieldServer(t, undefined, { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '0', 'x-large': large });
  const id = randomUUID();
  const [name, sealed, options] = await sealToken(keys.CACHE_KEY, { connection_id: id, credentials: { access_token: 'canary-token-2' }, allowed_hosts: [], api_base_url: `http://127.0.0.1:${server.port}` });
  await redis.set(name, sealed, options);
  const answer = await h2Call(await h2Session(t, grpcUrl), '/test.Echo/unary', { 'x-nexus-key': key, 'x-nexus-connection': id });
  assert.deepEqual([answer['grpc-status'], answer['x-large']], ['0', large]);
});

test('whoever names a resolver says how long it is waited for', () => {
  const files = [...fs.readdirSync(path.join(conf, 'nexus.d')).map((name) => `conf/nexus.d/${name}`), 'conf/kubernetes/sidecar/sidecar-egress.conf', 'scripts/quickstart'];
  const named = files.map((name) => [name, fs.readFileSync(path.join(repository, name), 'utf8')]).filter(([, text]) => /\bresolver /.test(text));
  assert.equal(named.length, 5);
  for (const [name, text] of named) {
    assert.match(text, /\bresolver_timeout 5s;/, name);
  }
});

for (const main of ['nginx.conf', 'nginx-ingress.conf']) {
  test(`${main} and nexus.d/ as they are shipped`, async (t) => {
    const names = fs.readdirSync(path.join(conf, 'nexus.d'));
    const { cert, key } = await (await makeCa(t)).issue('DNS:edge.example.org');
    const [fullchain, privkey] = [cert, key].map((file) => fs.readFileSync(file, 'utf8'));
    const { ok, message } = await testConfig(t, {
      files: {
        'cache.key': newKeys().CACHE_KEY, 'edge.key': newKeys().EDGE_KEY,
        'tls/live/fullchain.pem': fullchain, 'tls/live/chain.pem': fullchain, 'tls/live/privkey.pem': privkey,
      },
      config: (given) => {
        fs.mkdirSync(path.join(given.dir, 'nexus.d'));
        for (const name of names) {
          fs.writeFileSync(path.join(given.dir, 'nexus.d', name), shipped(`nexus.d/${name}`, given));
        }
        return shipped(main, given);
      },
    });
    assert.equal(ok, true, message);
  });
}
