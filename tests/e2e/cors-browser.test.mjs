// nexus_cors as people meet it: pages of several origins in Chromium call an edge at api.example.org. What the page gets is
// compared with what it should get, and what reached the upstream with what should have.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startChromium } from '../support/chromium.mjs';
import { cleanup, wholeFile } from '../support/cleanup.mjs';
import { serve } from '../support/http.mjs';
import { newKeys } from '../support/keys.mjs';
import { startNginx } from '../support/nginx.mjs';
import { findPort } from '../support/ports.mjs';
import { waitFor } from '../support/wait.mjs';

const file = wholeFile();
let started;

const site = () => (started ??= start());

async function start() {
  const upstream = await startUpstream();
  const nginx = await startEdge(upstream.port);
  const browser = await startChromium(file);
  const [edge, pages] = nginx.ports;
  const opened = new Map();   // a page takes a second to open on a busy machine
  return {
    upstream, nginx,
    api: `http://api.example.org:${edge}`,
    open(host) {
      if (!opened.has(host)) {
        opened.set(host, browser.open(`http://${host}:${pages}/`));
      }
      return opened.get(host);
    },
  };
}

/** Says what it was asked, with CORS headers of its own that contradict the edge's. */
async function startUpstream() {
  const seen = { requests: [] };
  const server = await serve(await findPort(), (incoming, response, body) => {
    seen.requests.push(`${incoming.method} ${incoming.url}`);
    if (incoming.url === '/504') {
      return;
    }
    response.setHeader('Access-Control-Allow-Origin', '*');
    response.setHeader('Retry-After', '7');
    response.setHeader('Grpc-Status', '0');
    response.setHeader('X-Hidden', 'hidden');
    response.end(JSON.stringify({ method: incoming.method, cookie: incoming.headers.cookie, body: body.toString() }));
  });
  cleanup(file, () => server.close());
  return Object.assign(seen, { port: server.port });
}

function startEdge(upstream) {
  const keys = newKeys();
  return startNginx(file, {
    ports: 2,
    logLevel: 'info',
    files: { 'cache.key': keys.CACHE_KEY, 'edge.key': keys.EDGE_KEY },
    config: ({ dir, ports: [edge, pages], globals, http }) => `
${globals}
events {}
http {
    ${http}
    log_format asked '$request_method $uri $nexus_cors';
    nexus_cache zone=nexus:1m;
    nexus_redis unix:${dir}/redis.sock;
    nexus_cache_key file:${dir}/cache.key;
    nexus_control_plane_key file:${dir}/edge.key;
    limit_req_zone $server_name zone=one:1m rate=1r/m;

    nexus_cors_origins http://app.example.org:${pages} http://*.pages.example.net:${pages};
    nexus_cors_methods GET POST PUT;
    nexus_cors_headers Content-Type X-API-Key X-Grpc-Web X-User-Agent;
    nexus_cors_expose Retry-After Grpc-Status;

    server {
        listen 127.0.0.1:${edge};
        server_name api.example.org;
        access_log ${dir}/access.log asked;
        nexus_cors on;
        nexus_control_plane /_nexus;
        limit_req_status 429;

        location / { proxy_pass http://127.0.0.1:${upstream}; }
        location /_nexus/ { internal; proxy_pass http://127.0.0.1:1/; }
        location /401 { nexus_auth api_key; proxy_pass http://127.0.0.1:${upstream}; }
        location /403 { deny all; }
        location /404 { root ${dir}; }
        location /413 { client_max_body_size 10; proxy_pass http://127.0.0.1:${upstream}; }
        location /429 { limit_req zone=one; proxy_pass http://127.0.0.1:${upstream}; }
        location /502 { error_page 502 =503 @unavailable; proxy_pass http://127.0.0.1:1; }
        location /504 { proxy_read_timeout 300ms; proxy_pass http://127.0.0.1:${upstream}; }
        location @unavailable { nexus_cors off; add_header Retry-After 5 always; return 503 '{"error":"unavailable"}'; }
        location /cookies { nexus_cors_credentials on; add_header Set-Cookie "person=alice; Path=/cookies; HttpOnly"; proxy_pass http://127.0.0.1:${upstream}; }
        location /everybody { nexus_cors_origins *; proxy_pass http://127.0.0.1:${upstream}; }
        location /null { nexus_cors_origins null; proxy_pass http://127.0.0.1:${upstream}; }
        location /enforced { nexus_cors enforce; proxy_pass http://127.0.0.1:${upstream}; }
    }
    server {
        listen 127.0.0.1:${pages};
        default_type text/html;
        return 200 '<!doctype html><title>$host</title>';
    }
}`,
  });
}

/** A page's fetch(): {status, json, headers} as the page sees them, or {error}. */
function call(page, url, options = {}) {
  return page.evaluate(async ([address, init]) => {
    try {
      const answer = await fetch(address, init);
      const text = await answer.text();
      let json;
      try {
        json = JSON.parse(text);
      } catch {
        json = undefined;
      }
      return { status: answer.status, type: answer.type, json, headers: Object.fromEntries(answer.headers) };
    } catch (error) {
      return { error: error.name };
    }
  }, [url, options]);
}

/** Runs `act` and returns [what it returned, what reached the upstream meanwhile]. */
async function watching(upstream, act) {
  const before = upstream.requests.length;
  const result = await act();
  return [result, upstream.requests.slice(before)];
}

const blocked = { error: 'TypeError' };
const json = { method: 'PUT', headers: { 'Content-Type': 'application/json', 'X-API-Key': 'k' }, body: '{}' };

test('an allowed page: preflight, request, readable answer, one preflight for several requests', async () => {
  const { api, open, upstream, nginx } = await site();
  const page = await open('app.example.org');
  const [answer, reached] = await watching(upstream, () => call(page, `${api}/allowed`, json));
  assert.equal(answer.status, 200);
  assert.deepEqual(answer.json, { method: 'PUT', body: '{}' });
  assert.equal(answer.headers['retry-after'], '7');
  assert.equal(answer.headers['x-hidden'], undefined);
  assert.deepEqual(reached, ['PUT /allowed']);
  assert.equal((await call(page, `${api}/allowed`, json)).status, 200);
  const asked = () => nginx.accessLog().split('\n').filter((line) => line.includes(' /allowed '));
  await waitFor('the access log', () => asked().length >= 3);
  assert.deepEqual(asked(), ['OPTIONS /allowed preflight', 'PUT /allowed simple', 'PUT /allowed simple']);
});

test('a denied page: reads nothing, and sends nothing that needs a preflight', async () => {
  const { api, open, upstream } = await site();
  for (const host of ['evil.example', 'example.net', 'pages.example.net', 'app.example.org.evil.example']) {
    const page = await open(host);
    assert.deepEqual(await watching(upstream, () => call(page, `${api}/denied`)), [blocked, ['GET /denied']], host);
    assert.deepEqual(await watching(upstream, () => call(page, `${api}/denied`, json)), [blocked, []], host);
  }
});

test('subdomains, one label or several', async () => {
  const { api, open } = await site();
  for (const host of ['a.pages.example.net', 'x.y.pages.example.net']) {
    assert.equal((await call(await open(host), `${api}/sub`, json)).status, 200, host);
  }
});

test('what the policy does not list is not sent', async () => {
  const { api, open, upstream } = await site();
  const page = await open('app.example.org');
  for (const options of [{ method: 'DELETE' }, { method: 'put-it' }, { headers: { 'X-Other': '1' } }, { headers: { Authorization: 'Basic x' } }]) {
    assert.deepEqual(await watching(upstream, () => call(page, `${api}/unlisted`, options)), [blocked, []], JSON.stringify(options));
  }
});

test('errors are read by the page, with their status and headers', async () => {
  const { api, open } = await site();
  const page = await open('app.example.org');
  await call(page, `${api}/429`);
  for (const [path, status, options] of [['/401', 401], ['/401', 401, json], ['/403', 403, json], ['/404', 404],
    ['/413', 413, { method: 'POST', body: 'more than ten bytes' }], ['/429', 429], ['/502', 503, json], ['/504', 504]]) {
    const answer = await call(page, api + path, options);
    assert.equal(answer.status, status, `${path} ${JSON.stringify(answer)}`);
    assert.equal(answer.type, 'cors');
  }
  assert.equal((await call(page, `${api}/401`)).json.error, 'missing_api_key');
  assert.equal((await call(page, `${api}/502`)).headers['retry-after'], '5');
  assert.deepEqual(await call(page, `${api}/429`, json), blocked, 'a preflight that is limited');
});

test('cookies go with credentials, and only where they are allowed', async () => {
  const { api, open } = await site();
  const page = await open('app.example.org');
  const include = { credentials: 'include' };
  assert.equal((await call(page, `${api}/cookies`, include)).json.cookie, undefined);
  assert.equal((await call(page, `${api}/cookies`, include)).json.cookie, 'person=alice');
  assert.equal((await call(page, `${api}/cookies`, { ...json, ...include })).json.cookie, 'person=alice');
  assert.equal((await call(page, `${api}/cookies`)).json.cookie, undefined);
  assert.deepEqual(await call(page, `${api}/allowed`, include), blocked);
  assert.deepEqual(await call(page, `${api}/everybody`, include), blocked);
  assert.equal((await call(await open('evil.example'), `${api}/everybody`)).status, 200);
  assert.deepEqual(await call(await open('evil.example'), `${api}/cookies`, include), blocked);
});

test('gRPC-Web', async () => {
  const { api, open } = await site();
  const answer = await call(await open('app.example.org'), `${api}/pkg.Service/Method`, {
    method: 'POST', headers: { 'Content-Type': 'application/grpc-web+proto', 'X-Grpc-Web': '1', 'X-User-Agent': 'grpc-web-javascript/0.1' }, body: '',
  });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers['grpc-status'], '0');
});

test('a sandboxed frame has the origin null', async () => {
  const { api, open } = await site();
  const page = await open('app.example.org');
  await page.setContent('<iframe sandbox="allow-scripts" srcdoc="<p>sandboxed</p>"></iframe>');
  const frame = await waitFor('the frame', () => page.frames()[1]);
  await frame.waitForSelector('p');
  assert.deepEqual(await call(frame, `${api}/allowed`), blocked);
  assert.equal((await call(frame, `${api}/null`)).status, 200);
  assert.deepEqual(await call(page, `${api}/null`), blocked);
});

test('enforce: a form of another origin changes nothing', async () => {
  const { api, open, upstream } = await site();
  const form = { method: 'POST', mode: 'no-cors', body: new URLSearchParams({ amount: '1' }).toString(), headers: { 'Content-Type': 'application/x-www-form-urlencoded' } };
  const evil = await open('evil.example');
  const [, reached] = await watching(upstream, () => call(evil, `${api}/enforced`, form));
  assert.deepEqual(reached, []);
  assert.deepEqual((await watching(upstream, () => call(evil, `${api}/elsewhere`, form)))[1], ['POST /elsewhere']);
  const app = await open('app.example.org');
  assert.equal((await call(app, `${api}/enforced`, { ...form, mode: 'cors' })).status, 200);
});
