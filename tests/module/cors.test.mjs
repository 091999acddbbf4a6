// nexus_cors in a real nginx: who answers preflights and when, what every answer says, and how it lives with the rest of
// nginx. What browsers make of it is cors-model.test.mjs' and cors-browser.test.mjs' business.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http2 from 'node:http2';
import path from 'node:path';
import { test } from 'node:test';
import { randomUUID } from 'node:crypto';
import { testConfig } from '../support/nginx.mjs';
import { repository } from '../support/paths.mjs';
import { waitFor } from '../support/wait.mjs';
import { errorBody, startEdge } from './edge-fixture.mjs';

const APP = 'https://app.example.org';
const EVIL = 'https://evil.example';

const policy = `
        nexus_cors on;
        nexus_cors_origins ${APP} https://*.example.net;
        nexus_cors_methods GET POST PUT DELETE;
        nexus_cors_headers Content-Type X-API-Key X-Grpc-Web X-User-Agent Grpc-Timeout;`;

const preflight = (origin = APP, method = 'PUT', headers = 'content-type,x-api-key') => ({
  method: 'OPTIONS',
  headers: { origin, 'access-control-request-method': method, 'access-control-request-headers': headers },
});

/** The header lines that are CORS's business, as nginx sent them: doubled ones show. */
function corsLines(answer) {
  return Object.fromEntries(Object.entries(answer.headers).filter(([name]) => name.startsWith('access-control-') || name === 'vary'));
}

const readable = (origin = APP) => ({
  'access-control-allow-origin': origin,
  'access-control-expose-headers': 'Retry-After, WWW-Authenticate',
  vary: 'Origin',
});

function assertPreflight(answer, origin = APP) {
  assert.equal(answer.status, 204, answer.text);
  assert.equal(answer.text, '');
  assert.deepEqual(corsLines(answer), {
    'access-control-allow-origin': origin,
    'access-control-allow-methods': 'GET, POST, PUT, DELETE',
    'access-control-allow-headers': 'Content-Type, X-API-Key, X-Grpc-Web, X-User-Agent, Grpc-Timeout',
    'access-control-max-age': '600',
    vary: 'Origin, Access-Control-Request-Method',
  });
}

test('preflights: answered before authentication, in every kind of location', async (t) => {
  const edge = await startEdge(t, {
    server: policy,
    locations: ({ upstream, dir }) => `
        location ~ "^/token/(?<id>[^/]+)$" { nexus_api token; nexus_connection $id; }
        location /pass/ { nexus_api pass; proxy_pass http://${upstream}; }
        location /inject/ { nexus_inject auto; nexus_connection $http_x_nexus_connection; proxy_pass http://${upstream}; }
        location /proxy/ { proxy_pass http://${upstream}; }
        location /basic/ { auth_basic x; auth_basic_user_file ${dir}/none; proxy_pass http://${upstream}; }
        location /denied/ { deny all; }
        location /grpc/ { grpc_pass ${upstream}; }
        location /files/ { root ${dir}; }
        location /return/ { return 200 text; }
        location /gone/ { return 404; }
        location /moved/ { return 301 https://elsewhere.example/; }
        location /rewritten/ { rewrite ^/rewritten(/.*)$ /proxy$1 last; }
        location /off/ { nexus_cors off; proxy_pass http://${upstream}; }`,
  });
  for (const path of [`/token/${randomUUID()}`, '/pass/v1', '/inject/x', '/proxy/x', '/basic/x', '/denied/', '/grpc/s/m',
    '/files/x', '/return/', '/gone/', '/moved/', '/rewritten/x']) {
    assertPreflight(await edge.get(path, preflight()));
  }
  assertPreflight(await edge.get('/grpc/pkg.Service/Method', preflight(APP, 'POST', 'content-type,grpc-timeout,x-grpc-web,x-user-agent')));
  assertPreflight(await edge.get('/proxy/x', preflight('https://a.b.example.net')), 'https://a.b.example.net');
  assertPreflight(await edge.get('/proxy/x', { ...preflight(), body: 'a body that nobody reads' }));
  assert.equal(edge.upstream.requests.length, 0);

  const denied = await edge.get('/proxy/x', preflight(EVIL));
  assert.equal(denied.status, 204);
  assert.deepEqual(corsLines(denied), { vary: 'Origin, Access-Control-Request-Method' });
  assert.equal(edge.upstream.requests.length, 0);

  for (const [name, options] of Object.entries({
    'no Access-Control-Request-Method': { method: 'OPTIONS', headers: { origin: APP } },
    'no Origin': { method: 'OPTIONS', headers: { 'access-control-request-method': 'PUT' } },
  })) {
    const answer = await edge.get('/proxy/x', options);
    assert.equal(answer.text, 'from upstream', name);
  }
  assert.equal((await edge.get('/off/x', preflight())).text, 'from upstream');
  assert.deepEqual(corsLines(await edge.get('/off/x', { headers: { origin: APP } })), {});
});

test('every answer of the edge can be read by the page it is for, errors too', async (t) => {
  const edge = await startEdge(t, {
    server: policy,
    http: 'limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m;',
    locations: ({ upstream, dir }) => `
        location ~ "^/token/(?<id>[^/]+)$" { nexus_api token; nexus_connection $id; }
        location ~ "^/refresh/(?<id>[^/]+)$" { nexus_api refresh; nexus_connection $id; }
        location /403 { deny all; }
        location /404 { root ${dir}; }
        location /413 { client_max_body_size 10; proxy_pass http://${upstream}; }
        location /429 { limit_req zone=one; limit_req_status 429; proxy_pass http://${upstream}; }
        location /500 { return 500; }
        location /502 { proxy_pass http://127.0.0.1:1; }
        location /503 { limit_req zone=one; proxy_pass http://${upstream}; }
        location /504 { proxy_read_timeout 200ms; proxy_pass http://${upstream}; }
        location /moved { return 302 /elsewhere; }`,
    upstream: (request, response) => (request.url.startsWith('/504') ? undefined : response.end('from upstream')),
  });
  const key = await edge.addAgent({ grants: ['token:use', 'token:read'] });
  const active = await edge.addConnection();
  const waiting = await edge.addConnection({ state: 'attention', attention_reason: 'consent_revoked', credentials: {} });
  const call = (path, headers = {}, options = {}) => edge.get(path, { headers: { origin: APP, ...headers }, ...options });
  const auth = { 'x-api-key': key };

  await call('/429');   // uses the minute's one request up
  const answers = {
    200: await call(`/token/${active}`, auth),
    302: await call('/moved'),
    400: await call('/token/x', auth),
    401: await call(`/token/${active}`),
    '403 of nginx': await call('/403'),
    403: await call(`/refresh/${active}`, auth, { method: 'POST' }),
    '404 of nginx': await call('/404'),
    404: await call(`/token/${randomUUID()}`, auth),
    405: await call(`/token/${active}`, auth, { method: 'DELETE' }),
    409: await call(`/token/${waiting}`, auth),
    413: await call('/413', {}, { body: 'x'.repeat(11) }),
    '413 of a chunked body': await call('/413', { 'transfer-encoding': 'chunked' }, { body: 'x'.repeat(11) }),
    429: await call('/429'),
    500: await call('/500'),
    502: await call('/502'),
    503: await call('/503'),
    504: await call('/504'),
  };
  for (const [status, answer] of Object.entries(answers)) {
    assert.equal(answer.status, Number.parseInt(status, 10), `${status}: ${answer.text}`);
    assert.deepEqual(corsLines(answer), readable(), status);
  }
  assert.match(answers[401].headers['www-authenticate'], /^Bearer/);
  errorBody(assert, answers[404], 404, 'connection_not_found');

  const evil = await edge.get(`/token/${active}`, { headers: { origin: EVIL, ...auth } });
  assert.equal(evil.status, 200);
  assert.deepEqual(corsLines(evil), { vary: 'Origin' });
});

test('bad requests, as far as nginx has read them', async (t) => {
  const edge = await startEdge(t, { server: policy });
  const bad = await edge.get('/', { headers: { origin: APP, host: 'a b' } });
  assert.equal(bad.status, 400);
  assert.deepEqual(corsLines(bad), readable());
  const large = await edge.get('/', { headers: { origin: APP, 'x-large': 'x'.repeat(40000) } });
  assert.equal(large.status, 400);
  assert.equal(large.headers.vary, 'Origin');
});

test('preflights count for limits, and a limited one stays limited', async (t) => {
  const edge = await startEdge(t, {
    http: 'limit_req_zone $uri zone=one:1m rate=1r/m;',
    server: `${policy} limit_req_status 429;`,
    locations: ({ upstream, dir }) => `
        location /plain/ { limit_req zone=one; proxy_pass http://${upstream}; }
        location /named/ { limit_req zone=one; error_page 429 @limited; proxy_pass http://${upstream}; }
        location /page/ { limit_req zone=one; error_page 429 =503 /limited.txt; proxy_pass http://${upstream}; }
        location /fallback/ { limit_req zone=one; error_page 429 = @busy; proxy_pass http://${upstream}; }
        location /off/ { nexus_cors off; limit_req zone=one; error_page 429 @busy; proxy_pass http://${upstream}; }
        location @limited { return 429 '{"error":"limited"}'; }
        location @busy { proxy_pass http://${upstream}; }
        location = /limited.txt { root ${dir}; }`,
    files: { 'limited.txt': 'limited' },
    upstream: (request, response) => response.writeHead(request.url === '/fallback/' ? 429 : 200).end('upstream'),
  });
  for (const [path, status] of [['/plain/', 429], ['/named/', 429], ['/page/', 503], ['/fallback/', 429]]) {
    assertPreflight(await edge.get(path, preflight()));
    const limited = await edge.get(path, preflight());
    assert.equal(limited.status, status, path);
    assert.equal(limited.headers['access-control-allow-origin'], APP, path);
    assert.equal((await edge.get(path, { headers: { origin: APP } })).status, status, path);
  }
  assert.equal((await edge.get('/off/', preflight())).status, 200);
  const handedOn = await edge.get('/off/', preflight());
  assert.deepEqual([handedOn.status, handedOn.text], [429, 'upstream']);
});

test('what upstreams and add_header say of it is replaced, Vary is kept', async (t) => {
  const edge = await startEdge(t, {
    server: policy,
    locations: ({ upstream }) => `
        location /proxy/ { proxy_pass http://${upstream}; }
        location /added/ {
            add_header Access-Control-Allow-Origin * always;
            add_header access-control-allow-credentials true always;
            add_header Vary Accept always;
            proxy_pass http://${upstream};
        }
        location /off/ { nexus_cors off; proxy_pass http://${upstream}; }`,
    upstream: (request, response) => {
      const vary = decodeURIComponent(/vary=([^&]*)/.exec(request.url)?.[1] ?? '');
      for (const [name, value] of Object.entries({
        'Access-Control-Allow-Origin': '*', 'access-control-allow-credentials': 'true', 'Access-Control-Expose-Headers': 'X-Secret',
        'Access-Control-Allow-Methods': 'PATCH', 'Access-Control-Allow-Headers': '*', 'Access-Control-Max-Age': '1',
        'Access-Control-Allow-Private-Network': 'true', 'X-Kept': 'yes', ...(vary ? { Vary: vary.split('|') } : {}),
      })) {
        response.setHeader(name, value);
      }
      response.end('from upstream');
    },
  });
  const app = { headers: { origin: APP } };
  for (const [path, vary] of [['/proxy/', 'Origin'], ['/proxy/?vary=Accept-Encoding', 'Accept-Encoding, Origin'], ['/proxy/?vary=origin', 'origin'],
    ['/proxy/?vary=accept,%20ORIGIN', 'accept, ORIGIN'], ['/proxy/?vary=*', '*'], ['/added/', 'Accept, Origin'],
    ['/proxy/?vary=A|B', 'A, B, Origin'], ['/proxy/?vary=Origin|B', 'Origin, B']]) {
    const answer = await edge.get(path, app);
    assert.deepEqual(corsLines(answer), { ...readable(), vary }, path);
    assert.equal(answer.headers['x-kept'], 'yes');
  }
  for (const [path, options] of [['/proxy/', {}], ['/proxy/', { headers: { origin: EVIL } }], ['/added/', { headers: { origin: 'null' } }]]) {
    assert.deepEqual(corsLines(await edge.get(path, options)), { vary: path === '/added/' ? 'Accept, Origin' : 'Origin' }, path);
  }
  assert.equal((await edge.get('/off/', app)).headers['access-control-allow-origin'], '*');
});

test('an answer stands for the location it was asked of, through internal redirects', async (t) => {
  const edge = await startEdge(t, {
    locations: ({ upstream, dir }) => `
        location /api/ {
            ${policy}
            error_page 502 503 @unavailable;
            error_page 404 /errors/404.txt;
            location /api/refused/ { proxy_pass http://127.0.0.1:1; }
            location /api/missing/ { root ${dir}; }
            location /api/returned/ { return 404; }
            location /api/intercepted/ { proxy_intercept_errors on; proxy_pass http://${upstream}; }
        }
        location @unavailable { return 503 '{"error":"unavailable"}'; }
        location /errors/ { internal; root ${dir}; }
        location /tried/ { try_files /none @app; }
        location @app { nexus_cors on; nexus_cors_origins ${APP}; nexus_cors_methods PUT; proxy_pass http://${upstream}; }
        location /old/ { nexus_cors on; nexus_cors_origins ${EVIL}; rewrite ^/old/(.*)$ /new/$1 last; }
        location /new/ { ${policy} proxy_pass http://${upstream}; }
        location /leaves/ { nexus_cors on; nexus_cors_origins ${APP}; rewrite ^ /plain/ last; }
        location /plain/ { proxy_pass http://${upstream}; }
        location /handed/ { ${policy} proxy_pass http://${upstream}; }
        location /inside/ { internal; nexus_cors on; nexus_cors_origins ${EVIL}; proxy_pass http://${upstream}; }`,
    files: { 'errors/404.txt': 'not found' },
    upstream: (request, response) => {
      if (request.url.startsWith('/handed/')) {
        response.setHeader('x-accel-redirect', '/inside/x');
      }
      response.writeHead(request.url.includes('intercepted') ? 404 : 200);
      response.end('from upstream');
    },
  });
  const app = { headers: { origin: APP } };
  for (const [path, status] of [['/api/refused/', 502], ['/api/missing/x', 404], ['/api/returned/', 404], ['/api/intercepted/', 404], ['/handed/', 200]]) {
    const answer = await edge.get(path, app);
    assert.equal(answer.status, status, path);
    assert.deepEqual(corsLines(answer), readable(), path);
    assert.deepEqual(corsLines(await edge.get(path)), { vary: 'Origin' }, path);
    assert.deepEqual(corsLines(await edge.get(path, { headers: { origin: EVIL } })), { vary: 'Origin' }, path);
  }
  assert.deepEqual(corsLines(await edge.get('/tried/x', app)), readable());
  assert.equal((await edge.get('/tried/x', preflight())).headers['access-control-allow-methods'], 'PUT');
  assert.deepEqual(corsLines(await edge.get('/old/x', app)), readable());
  assertPreflight(await edge.get('/old/x', preflight()));
  assert.deepEqual(corsLines(await edge.get('/old/x', { headers: { origin: EVIL } })), { vary: 'Origin' });
  assert.deepEqual(corsLines(await edge.get('/leaves/', app)), {});
});

test('every origin: said to everybody, and nothing depends on who asks', async (t) => {
  const edge = await startEdge(t, {
    server: 'nexus_cors on; nexus_cors_origins *; nexus_cors_expose *;',
    locations: ({ upstream }) => `location / { proxy_pass http://${upstream}; }`,
  });
  for (const headers of [{}, { origin: EVIL }, { origin: 'null' }]) {
    assert.deepEqual(corsLines(await edge.get('/', { headers })), { 'access-control-allow-origin': '*', 'access-control-expose-headers': '*' });
  }
  assert.equal((await edge.get('/', preflight(EVIL, 'POST'))).headers['access-control-allow-origin'], '*');
});

test('enforce: what changes something is refused to pages of other origins, before anybody looks at the caller', async (t) => {
  const edge = await startEdge(t, {
    server: policy.replace('nexus_cors on', 'nexus_cors enforce'),
    locations: ({ upstream }) => `
        location / { proxy_pass http://${upstream}; }
        location /pass/ { nexus_api pass; proxy_pass http://${upstream}; }`,
  });
  const at = (origin, more = {}) => ({ method: 'POST', headers: { origin, ...more } });
  for (const [name, path, options] of [
    ['another origin', '/', at(EVIL)],
    ['null', '/', at('null')],
    ['a subdomain that is not one', '/', at('https://badexample.net')],
    ['a method not listed', '/', { ...at(APP), method: 'PATCH' }],
    ['a WebSocket', '/', { headers: { origin: EVIL, connection: 'upgrade', upgrade: 'websocket' } }],
    ['before authentication', '/pass/', at(EVIL)],
    ['what the browser says counts', '/', at(edge.url, { 'sec-fetch-site': 'cross-site' })],
  ]) {
    const answer = await edge.get(path, options);
    errorBody(assert, answer, 403, 'access_denied');
    assert.equal(answer.headers['access-control-allow-origin'], options.headers.origin === APP ? APP : undefined, name);
    assert.equal(answer.headers.vary, 'Origin', name);
  }
  assert.equal(edge.upstream.requests.length, 0);

  for (const [name, options] of [
    ['an allowed origin', at(APP)],
    ['no browser', { method: 'POST' }],
    ['a read', { headers: { origin: EVIL } }],
    ['the page\'s own server', at(edge.url)],
    ['so says the browser', at('null', { 'sec-fetch-site': 'same-origin' })],
  ]) {
    assert.equal((await edge.get('/', options)).status, 200, name);
  }
  assert.equal((await edge.get('/pass/', at(APP))).status, 401);
  assert.equal((await edge.get('/', preflight(EVIL))).status, 204);
});

test('enforce: an error page that leads to an upstream is no way around it', async (t) => {
  const edge = await startEdge(t, {
    http: 'limit_req_zone $uri zone=one:1m rate=1r/m;',
    server: policy.replace('nexus_cors on', 'nexus_cors enforce'),
    locations: ({ upstream, dir }) => `
        location /routed/ { error_page 418 = @app; if ($request_method = POST) { return 418; } proxy_pass http://${upstream}; }
        location /limited/ { limit_req zone=one; error_page 503 = @app; proxy_pass http://${upstream}; }
        location /missing/ { root ${dir}; error_page 403 404 405 = @app; }
        location /try/ { root ${dir}; try_files $uri @app; }
        location /off/ { nexus_cors off; error_page 418 = @app; return 418; }
        location @app { proxy_pass http://${upstream}; }`,
  });
  const post = (origin) => ({ method: 'POST', body: 'x', headers: { origin, 'sec-fetch-site': 'cross-site' } });
  await edge.get('/limited/');
  edge.upstream.requests.length = 0;
  for (const path of ['/routed/', '/limited/', '/missing/x', '/try/x', '/off/']) {
    const refused = await edge.get(path, post(EVIL));
    errorBody(assert, refused, 403, 'access_denied');
    assert.equal(edge.upstream.requests.length, 0, path);
  }
  for (const path of ['/routed/', '/limited/', '/missing/x', '/try/x', '/off/']) {
    const answer = await edge.get(path, post(APP));
    assert.deepEqual([answer.status, answer.headers['access-control-allow-origin']], [200, APP], path);
  }
});

test('shadow: counted and said in the log, and nothing else', async (t) => {
  const edge = await startEdge(t, {
    server: `${policy.replace('nexus_cors on', 'nexus_cors shadow')} add_header X-Cors $nexus_cors always;`,
    locations: ({ upstream }) => `
        location = /metrics { nexus_metrics; }
        location = /live { nexus_cors on; return 200; }
        location / { proxy_pass http://${upstream}; }`,
    upstream: (request, response) => {
      response.setHeader('access-control-allow-origin', '*');
      response.end(`upstream ${request.method}`);
    },
  });
  const seen = [];
  for (const options of [{}, { headers: { origin: APP } }, { headers: { origin: EVIL } }, { method: 'POST', headers: { origin: EVIL } }, preflight(), preflight(EVIL)]) {
    const answer = await edge.get('/', options);
    assert.deepEqual(corsLines(answer), { 'access-control-allow-origin': '*' });
    assert.equal(answer.text, `upstream ${options.method ?? 'GET'}`);
    seen.push(answer.headers['x-cors']);
  }
  assert.deepEqual(seen, ['none', 'simple', 'denied', 'denied', 'preflight', 'denied']);
  await edge.get('/live', { headers: { origin: APP } });
  await edge.get('/live', preflight(APP, 'PATCH'));
  const { text } = await edge.get('/metrics');
  const counted = Object.fromEntries([...text.matchAll(/^nexus_cors_total\{mode="(\w+)",result="(\w+)"\} (\d+)$/gm)]
    .map(([, mode, result, value]) => [`${mode} ${result}`, Number(value)]));
  assert.deepEqual(counted, {
    'live simple': 1, 'live preflight': 0, 'live denied': 1, 'live refused': 0,
    'shadow simple': 1, 'shadow preflight': 1, 'shadow denied': 2, 'shadow refused': 1,
  });
});

test('credentials, private network, reflected headers, what is not listed', async (t) => {
  const edge = await startEdge(t, {
    server: `nexus_cors on; nexus_cors_origins ${APP};`,
    locations: ({ upstream }) => `
        location /cookies/ { nexus_cors_credentials on; nexus_cors_headers reflect; nexus_cors_max_age 0; proxy_pass http://${upstream}; }
        location /private/ { nexus_cors_private_network on; nexus_cors_methods ""; nexus_cors_headers ""; nexus_cors_expose ""; proxy_pass http://${upstream}; }
        location / { proxy_pass http://${upstream}; }`,
  });
  const cookies = await edge.get('/cookies/', preflight(APP, 'POST', 'x-b,x-a'));
  assert.deepEqual(corsLines(cookies), {
    'access-control-allow-origin': APP, 'access-control-allow-credentials': 'true', 'access-control-allow-methods': 'GET, HEAD, POST',
    'access-control-allow-headers': 'x-b,x-a', 'access-control-max-age': '0',
    vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
  });
  assert.deepEqual(corsLines(await edge.get('/cookies/', { headers: { origin: APP } })), { ...readable(), 'access-control-allow-credentials': 'true' });

  const asked = preflight(APP, 'GET', 'x-a');
  asked.headers['access-control-request-private-network'] = 'true';
  assert.deepEqual(corsLines(await edge.get('/private/', asked)), {
    'access-control-allow-origin': APP, 'access-control-max-age': '600', 'access-control-allow-private-network': 'true',
    vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Private-Network',
  });
  assert.deepEqual(corsLines(await edge.get('/private/', { headers: { origin: APP } })), { 'access-control-allow-origin': APP, vary: 'Origin' });
  assert.equal((await edge.get('/', preflight())).headers['access-control-allow-headers'],
    'Authorization, Content-Type, X-API-Key, X-Nexus-Connection, X-Nexus-Key');
});

test('origins from the environment, read at the start', async (t) => {
  const edge = await startEdge(t, {
    server: 'nexus_cors on; nexus_cors_origins env:TEST_ORIGINS https://also.example env:TEST_NO_ORIGINS;',
    env: { TEST_ORIGINS: `${APP}, https://*.example.net,,null` },
    locations: 'location / { return 200; }',
  });
  for (const [origin, allowed] of [[APP, true], ['https://x.example.net', true], ['null', true], ['https://also.example', true], [EVIL, false]]) {
    assert.equal((await edge.get('/', { headers: { origin } })).headers['access-control-allow-origin'], allowed ? origin : undefined);
  }
  await edge.nginx.reload();
  assert.equal((await edge.get('/', { headers: { origin: APP } })).headers['access-control-allow-origin'], APP);
});

test('304 and HTTP/2', async (t) => {
  const edge = await startEdge(t, {
    server: policy,
    locations: ({ dir }) => `location /files/ { root ${dir}; }`,
    files: { 'files/a.txt': 'text' },
  });
  const file = await edge.get('/files/a.txt', { headers: { origin: APP } });
  const again = await edge.get('/files/a.txt', { headers: { origin: APP, 'if-none-match': file.headers.etag } });
  assert.equal(again.status, 304);
  assert.deepEqual(corsLines(again), readable());

  const session = http2.connect(edge.h2);
  t.after(() => session.close());
  const answer = (headers) => new Promise((resolve, reject) => {
    const stream = session.request(headers);
    stream.on('response', resolve).on('error', reject).resume().end();
  });
  const asked = await answer({ ':path': '/files/a.txt', ':method': 'OPTIONS', origin: APP, 'access-control-request-method': 'PUT' });
  assert.equal(asked[':status'], 204);
  assert.equal(asked['access-control-allow-origin'], APP);
  const read = await answer({ ':path': '/files/a.txt', origin: APP });
  assert.equal(read[':status'], 200);
  assert.equal(read['access-control-allow-origin'], APP);
  assert.equal(read.vary, 'Origin');
});

test('$nexus_cors in the access log; two Origin lines are nobody\'s', async (t) => {
  const edge = await startEdge(t, {
    http: 'log_format cors "$request_method $uri $nexus_cors";',
    server: `${policy} access_log logs/cors.log cors;`,
    files: { 'logs/cors.log': '' },
    locations: 'location / { return 200; } location /off { nexus_cors off; return 200; }',
  });
  await edge.get('/off', { headers: { origin: APP } });
  await edge.get('/', { headers: { origin: APP } });
  await edge.get('/', preflight());
  const twice = await edge.get('/', { headers: { origin: [APP, APP] } });
  assert.deepEqual(corsLines(twice), { vary: 'Origin' });
  const lines = () => fs.readFileSync(`${edge.nginx.dir}/logs/cors.log`, 'utf8').trim().split('\n');
  await waitFor('the access log', () => lines().length === 4);
  assert.deepEqual(lines(), ['GET /off none', 'GET / simple', 'OPTIONS / preflight', 'GET / denied']);
});

test('the configurations of docs/cors.md load', async (t) => {
  const manual = fs.readFileSync(path.join(repository, 'docs/cors.md'), 'utf8');
  const shown = [...manual.matchAll(/^```nginx\n(.*?)^```$/gms)].map(([, text]) => text);
  assert.equal(shown.length, 5);
  for (const text of shown) {
    const { ok, message } = await testConfig(t, {
      config: ({ dir, globals, http }) => {
        const block = text.startsWith('http') ? text.replace(/^http \{\n([^]*)\}\n$/, '$1') : text;
        return `${globals}\nevents {}\nhttp {\n${http}\n${block.replace('/var/log/nginx/', `${dir}/`)}}`;
      },
    });
    assert.ok(ok, `${text}\n${message}`);
  }
});
