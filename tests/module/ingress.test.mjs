// conf/ingress.conf as an HTTP server: what it lets through, whom it believes about addresses, what it limits, what it
// says and logs. Behind it are scripted servers in place of gateway and control plane.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http2 from 'node:http2';
import https from 'node:https';
import path from 'node:path';
import tls from 'node:tls';
import { test } from 'node:test';
import { makeCa } from '../support/certificates.mjs';
import { cleanup } from '../support/cleanup.mjs';
import { get, request, serve } from '../support/http.mjs';
import { MODSECURITY, startIngress } from '../support/ingress.mjs';
import { testConfig } from '../support/nginx.mjs';
import { repository } from '../support/paths.mjs';
import { findPorts } from '../support/ports.mjs';
import { waitFor } from '../support/wait.mjs';

/** An ingress before two servers that note what they are asked. handler: of both, (incoming, response, name) */
async function start(t, { handler = (incoming, response, name) => response.end(name), ...options } = {}) {
  const [front, gateway] = await findPorts(2);
  const seen = { front: [], gateway: [] };
  const servers = {};
  for (const [name, port] of [['front', front], ['gateway', gateway]]) {
    servers[name] = await serve(port, (incoming, response, body) => {
      seen[name].push({ method: incoming.method, url: incoming.url, headers: incoming.headers, body: body.toString() });
      handler(incoming, response, name);
    });
    cleanup(t, () => servers[name].close());
  }
  const ingress = await startIngress(t, { waf: false, front, gateway, ...options });
  const ask = (path, more = {}) => request(ingress.url + path, { ca: ingress.trust, ...more });
  return { ingress, seen, servers, ask };
}

/** A TLS connection that says `text`, then `drip` every 200 ms. ended: resolves to all that came, at the server's end. */
function say(t, ingress, text, drip) {
  const socket = tls.connect({ host: '127.0.0.1', port: ingress.port, servername: 'localhost', ca: ingress.trust });
  cleanup(t, () => socket.destroy());
  let received = '';
  let timer;
  socket.setEncoding('utf8').on('data', (data) => { received += data; }).on('error', () => {});
  socket.once('secureConnect', () => {
    socket.write(text);
    timer = drip && setInterval(() => socket.write(drip), 200);
  });
  return new Promise((resolve) => {
    socket.once('close', () => {
      clearInterval(timer);
      resolve(received);
    });
  });
}

const statusOf = (text) => Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]);

const CALLBACK = '/auth/callback?code=canary-code&state=canary-state';

test('public are the callback, the links for people and the gateway API', async (t) => {
  const { seen, ask } = await start(t);
  for (const [path, options, name] of [
    [CALLBACK, {}, 'front'], ['/auth/callback/7c2e-1', { method: 'HEAD' }, 'front'],
    ['/connect/some-ticket.x_y', {}, 'front'], ['/connect/some-ticket', { body: 'a=b' }, 'front'],
    ['/v1/token/x?auto_refresh=true', {}, 'gateway'], ['/v1/refresh/x', { method: 'POST' }, 'gateway'],
    ['/v1/providers/x', { method: 'DELETE' }, 'gateway'],
  ]) {
    const before = seen[name].length;
    const answer = await ask(path, options);
    assert.equal(answer.status, 200, path);
    assert.equal(seen[name].length, before + 1, path);
    assert.equal(seen[name].at(-1).url, path);
    assert.equal(answer.headers['strict-transport-security'], 'max-age=63072000');
    assert.equal(answer.headers['x-content-type-options'], 'nosniff');
    assert.equal(answer.headers['retry-after'], undefined);
  }
});

test('nothing else of the control plane is', async (t) => {
  const { ingress, seen } = await start(t);
  for (const path of [
    '/', '/providers', '/providers/x', '/metadata', '/connections', '/connections/x/token', '/audit', '/admin/agents', '/admin/keys', '/edge/tokens/x',
    '/auth/consent-spec', '/auth/capture-schema', '/auth/capture-credential', '/auth/callback/', '/auth/callback/a/b', '/auth/callbackx', '/auth',
    '/connect', '/connect/', '/connect/a/b', '/connect/a%2fb', '/ready', '/metrics', '/v1', '/.env', '/_nexus_errors/refused',
    // What nginx makes of it counts: one slash, no dots, once decoded.
    '//providers', '/v1/../providers', '/connect/..%2fproviders/x', '/auth/callback/../../admin/agents', '/%61dmin/agents',
  ]) {
    const text = await say(t, ingress, `GET ${path} HTTP/1.1\r\nHost: ${ingress.host}\r\nConnection: close\r\n\r\n`);
    assert.equal(statusOf(text), 404, path);
    assert.match(text, /"error":"not_found"/);
  }
  for (const [method, path] of [['POST', '/auth/callback'], ['PUT', '/connect/x'], ['DELETE', '/connect/x'], ['OPTIONS', '/auth/callback'], ['TRACE', '/connect/x']]) {
    const text = await say(t, ingress, `${method} ${path} HTTP/1.1\r\nHost: ${ingress.host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
    assert.equal(statusOf(text), 405, `${method} ${path}`);
    assert.match(text, /"error":"method_not_allowed"/);
  }
  assert.deepEqual([...seen.front, ...seen.gateway], []);
});

test('the client\'s address is the connection\'s, whatever its headers say', async (t) => {
  const { seen, ask } = await start(t);
  await ask(CALLBACK, { headers: { 'x-forwarded-for': '198.51.100.7', 'x-real-ip': '198.51.100.7', 'x-forwarded-proto': 'http', forwarded: 'for=198.51.100.7' } });
  const { headers } = seen.front[0];
  assert.equal(headers['x-forwarded-for'], '127.0.0.1');
  assert.equal(headers['x-real-ip'], '127.0.0.1');
  assert.equal(headers['x-forwarded-proto'], 'https');
});

test('behind a trusted load balancer it is the last one that is not trusted', async (t) => {
  const { seen, ask } = await start(t, { proxies: ['127.0.0.1', '10.0.0.0/8'] });
  await ask(CALLBACK, { headers: { 'x-forwarded-for': '203.0.113.9, 198.51.100.7, 10.1.2.3' } });
  assert.equal(seen.front[0].headers['x-forwarded-for'], '198.51.100.7');
  await ask(CALLBACK, { headers: { 'x-forwarded-for': '2001:db8::7' } });
  assert.equal(seen.front[1].headers['x-forwarded-for'], '2001:db8::7');
});

async function callbacks(ask, count, options) {
  const answers = [];
  for (let i = 0; i < count; i++) {
    answers.push(await ask(CALLBACK, typeof options === 'function' ? options(i) : options));
  }
  return answers;
}

test('/auth/callback: ten a minute from one address; another is not concerned', async (t) => {
  const { ingress, seen, ask } = await start(t);
  const answers = await callbacks(ask, 11, (i) => ({ headers: { 'x-forwarded-for': `198.51.100.${i}` } }));   // believed by nobody
  assert.deepEqual(answers.map(({ status }) => status), [...Array(10).fill(200), 429]);
  assert.equal(seen.front.length, 10);
  const refused = answers.at(-1);
  assert.equal(refused.json.error, 'rate_limited');
  assert.match(refused.headers['retry-after'], /^[1-9]\d*$/);
  assert.ok(Number(refused.headers['retry-after']) <= 60);
  assert.equal(refused.headers['strict-transport-security'], 'max-age=63072000');

  const other = new https.Agent({ ca: ingress.trust, localAddress: '127.0.0.2' });
  assert.equal((await request(`https://localhost:${ingress.port}${CALLBACK}`, { agent: other })).status, 200);
  assert.equal((await ask('/connect/ticket')).status, 200);
  assert.equal((await ask('/v1/token/x')).status, 200);
  assert.equal((await ask(CALLBACK)).status, 429);
});

test('/auth/callback: behind a trusted load balancer its clients are counted', async (t) => {
  const { ask } = await start(t, { proxies: ['127.0.0.1'] });
  const from = (address) => ({ headers: { 'x-forwarded-for': address } });
  const answers = await callbacks(ask, 11, (i) => from(`203.0.113.${i}, 198.51.100.7`));
  assert.deepEqual(answers.map(({ status }) => status), [...Array(10).fill(200), 429]);
  assert.equal((await ask(CALLBACK, from('198.51.100.8'))).status, 200);
});

test('sizes: heads and bodies have their limits', async (t) => {
  const { ask, seen } = await start(t);
  assert.equal((await ask(`/auth/callback?code=${'c'.repeat(8000)}&state=s`)).status, 200);
  for (const [path, options, status, error] of [
    [`/auth/callback?code=${'c'.repeat(20000)}`, {}, 400, 'invalid_request'],
    ['/v1/token/x', { headers: { 'x-large': 'x'.repeat(20000) } }, 400, 'invalid_request'],
    ['/connect/ticket', { body: 'a'.repeat(70000) }, 413, 'payload_too_large'],
    ['/v1/request-connection', { body: 'a'.repeat(1100000) }, 413, 'payload_too_large'],
  ]) {
    const before = seen.front.length + seen.gateway.length;
    const answer = await ask(path, options);
    assert.equal(answer.status, status, path.slice(0, 40));
    assert.equal(answer.json.error, error);
    assert.equal(seen.front.length + seen.gateway.length, before);
  }
});

test('slow clients are cut', async (t) => {
  const { ingress, seen } = await start(t);
  const head = `POST /connect/ticket HTTP/1.1\r\nHost: ${ingress.host}\r\n`;
  const [slowHead, slowBody, silentBody] = await Promise.all([
    say(t, ingress, head, 'X-A: b\r\n'),
    say(t, ingress, `${head}Content-Length: 10000\r\n\r\n`, 'a'),
    say(t, ingress, `${head}Content-Length: 10000\r\n\r\nabc`),
  ]);
  for (const text of [slowHead, slowBody, silentBody]) {
    assert.ok([NaN, 408].includes(statusOf(text)), text);
  }
  assert.equal(seen.front.length, 0, 'no part of it went on');
});

test('one address has so many requests under way, over HTTP/2 as well', async (t) => {
  const waiting = [];
  const { ingress } = await start(t, { handler: (incoming, response) => (incoming.url === '/v1/wait' ? waiting.push(response) : response.end()) });
  const sessions = [1, 2].map(() => http2.connect(`https://localhost:${ingress.port}`, { ca: ingress.trust }));
  cleanup(t, () => sessions.forEach((session) => session.destroy()));
  const send = (session, path) => new Promise((resolve, reject) => {
    const stream = session.request({ ':path': path });
    stream.once('response', (headers) => {
      stream.resume();
      resolve({ status: headers[':status'], headers });
    });
    stream.once('error', reject);
  });
  const pending = Array.from({ length: 100 }, (_, i) => send(sessions[i % 2], '/v1/wait'));
  await waitFor('a hundred requests at the gateway', () => waiting.length === 100);
  const refused = await send(sessions[0], '/v1/one-more');
  assert.equal(refused.status, 429);
  assert.equal(refused.headers['retry-after'], '6');
  waiting.forEach((response) => response.end());
  assert.ok((await Promise.all(pending)).every(({ status }) => status === 200));
  assert.equal((await send(sessions[1], '/v1/one-more')).status, 200);
});

test('what stands behind is away, or says itself when to come back', async (t) => {
  const { servers, ask } = await start(t, {
    env: { CORS_ALLOWED_ORIGINS: 'https://app.example.org' },
    handler: (incoming, response) => {
      response.writeHead(503, {
        'retry-after': '77', 'content-type': 'application/json', 'strict-transport-security': 'max-age=1', 'x-content-type-options': 'nosniff',
        'access-control-allow-origin': '*',
      });
      response.end('{"error":"token_unavailable"}');
    },
  });
  const headers = { origin: 'https://app.example.org' };
  const busy = await ask('/v1/token/x', { headers });
  assert.deepEqual([busy.status, busy.json.error, busy.headers['retry-after']], [503, 'token_unavailable', '77']);
  assert.equal(busy.headers['strict-transport-security'], 'max-age=63072000');
  assert.equal(busy.headers['x-content-type-options'], 'nosniff');
  assert.equal(busy.headers['access-control-allow-origin'], 'https://app.example.org');

  await Promise.all([servers.front.close(), servers.gateway.close()]);
  for (const path of [CALLBACK, '/connect/ticket', '/v1/token/x']) {
    const away = await ask(path, { headers });
    assert.deepEqual([away.status, away.json.error, away.headers['retry-after']], [503, 'control_plane_unavailable', '5'], path);
    assert.equal(away.headers['access-control-allow-origin'], path.startsWith('/v1') ? 'https://app.example.org' : undefined);
  }
  assert.equal((await ask('/health')).json.status, 'healthy');
});

test('the log is JSON, and holds neither codes nor links', async (t) => {
  const { ingress, ask } = await start(t);
  await ask(CALLBACK);
  await ask('/connect/canary-ticket');
  await say(t, ingress, `GET /auth/callback?code=canary"x HTTP/1.1\r\nHost: ${ingress.host}\r\nContent-Length: canary\r\n\r\n`);
  await callbacks(ask, 11);
  const lines = await waitFor('the log', () => {
    const all = ingress.accessLog().trim().split('\n');
    return all.length >= 14 && all;
  });
  const parsed = lines.map((line) => JSON.parse(line));
  assert.equal(parsed[0].path, '/auth/callback');
  assert.equal(parsed[0].status, 200);
  assert.equal(parsed[0].remote_addr, '127.0.0.1');
  assert.equal(parsed[1].path, '/connect/*');
  assert.equal(parsed.at(-1).status, 429);
  assert.doesNotMatch(ingress.accessLog() + ingress.errorLog(), /canary/);
});

test('without TLS: ACME\'s challenges, a way to https for people, and a refusal for keys', async (t) => {
  const { ingress, seen } = await start(t);
  assert.equal((await get(`${ingress.plainUrl}/.well-known/acme-challenge/token-1`)).text, 'token-1.thumbprint');
  assert.equal((await get(`${ingress.plainUrl}/.well-known/acme-challenge/other`)).status, 404);
  const led = await get(`${ingress.plainUrl}/connect/x?y=z`);
  assert.deepEqual([led.status, led.headers.location], [308, 'https://127.0.0.1/connect/x?y=z']);
  const refused = await get(`${ingress.plainUrl}/v1/token/x`, { headers: { 'x-api-key': 'nxa_a_b' } });
  assert.equal(refused.status, 403);
  assert.match(refused.json.message, /https only/);
  assert.deepEqual([...seen.front, ...seen.gateway], []);
});

test('probes and metrics have an address of their own', async (t) => {
  const { ingress } = await start(t);
  assert.equal((await get(`${ingress.statusUrl}/health`)).json.status, 'healthy');
  assert.match((await get(`${ingress.statusUrl}/metrics`)).text, /^# (HELP|TYPE) nexus_/m);
  assert.equal((await get(`${ingress.statusUrl}/v1/token/x`)).status, 404);
});

test('the configurations of docs/ingress.md load', async (t) => {
  const shown = [...fs.readFileSync(path.join(repository, 'docs/ingress.md'), 'utf8').matchAll(/^```nginx\n(.*?)^```$/gms)].map(([, text]) => text);
  assert.equal(shown.length, 5);
  const { cert, key } = await (await makeCa(t)).issue('DNS:localhost');
  const [fullchain, privkey] = [cert, key].map((name) => fs.readFileSync(name, 'utf8'));
  for (const text of shown) {
    const { ok, message } = await testConfig(t, {
      files: { 'tls/live/fullchain.pem': fullchain, 'tls/live/chain.pem': fullchain, 'tls/live/privkey.pem': privkey },
      config: ({ dir, globals, http }) => {
        const block = text.startsWith('http') ? text.replace(/^http \{\n([^]*)\}\n$/, '$1') : text;
        return `${globals}\nload_module ${MODSECURITY};\nevents {}\nhttp {\n${http}\n${
          block.replaceAll('/etc/nexus/', `${dir}/`).replaceAll('/usr/share/nexus-edge', repository)}}`;
      },
    });
    assert.ok(ok, `${text}\n${message}`);
  }
});
