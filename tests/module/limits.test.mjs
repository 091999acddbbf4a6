// nexus_limit in a real nginx: what is counted and when, what callers are told, what a refusal costs, and what survives.
// The arithmetic is tests/unit/shared/ratelimit's business.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import path from 'node:path';
import { test } from 'node:test';
import { randomUUID } from 'node:crypto';
import { newKeys } from '../support/keys.mjs';
import { request } from '../support/http.mjs';
import { startNginx, testConfig } from '../support/nginx.mjs';
import { repository } from '../support/paths.mjs';
import { waitFor } from '../support/wait.mjs';
import { errorBody, startEdge } from './edge-fixture.mjs';

const APP = 'https://app.example.org';
const realip = 'set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP;';

/** The statuses of `count` requests, one after the other. */
async function statuses(count, send) {
  const seen = [];
  for (let i = 0; i < count; i++) {
    seen.push((await send(i)).status);
  }
  return seen;
}

async function metric(edge, name) {
  const { text } = await request(`${edge.nginx.url}/metrics`);
  return Number(text.split('\n').find((line) => line.startsWith(`${name} `))?.split(' ')[1]);
}
const requestsOf = (zone, result) => `nexus_limit_requests_total{zone="${zone}",result="${result}"}`;

test('by address: 429 with Retry-After beyond the burst, and nobody else is touched', async (t) => {
  const edge = await startEdge(t, {
    http: `${realip} nexus_limit_zone callback key=address rate=10r/m burst=9;`,
    locations: ({ upstream }) => `
        location /auth/callback { nexus_limit zone=callback nodelay; proxy_pass http://${upstream}; }
        location /metrics { nexus_metrics; }`,
  });
  const from = (address) => edge.get('/auth/callback?code=x', { headers: { 'x-real-ip': address } });
  assert.deepEqual(await statuses(10, () => from('192.0.2.1')), Array(10).fill(200));
  const refused = await from('192.0.2.1');
  errorBody(assert, refused, 429, 'rate_limited');
  assert.match(refused.headers['retry-after'], /^[1-6]$/);
  assert.equal((await from('192.0.2.2')).status, 200);
  assert.equal((await from('::ffff:192.0.2.1')).status, 429, 'the same address, written as IPv6');
  assert.deepEqual(await statuses(11, (i) => from(`2001:db8:0:1::${i}`)), [...Array(10).fill(200), 429], 'one customer has a /64');
  assert.equal((await from('2001:db8:0:2::1')).status, 200);
  assert.equal(edge.upstream.requests.length, 22);
  assert.equal(await metric(edge, requestsOf('callback', 'allowed')), 22);
  assert.equal(await metric(edge, requestsOf('callback', 'rejected')), 3);
  assert.equal(await metric(edge, 'nexus_refusals_total{code="rate_limited"}'), 3);
});

test('the address is the client\'s from a trusted proxy only', async (t) => {
  const edge = await startEdge(t, {
    http: 'set_real_ip_from 192.0.2.0/24; real_ip_header X-Real-IP; nexus_limit_zone z key=address rate=1r/m;',
    locations: ({ upstream }) => `location / { nexus_limit zone=z nodelay; proxy_pass http://${upstream}; }`,
  });
  assert.deepEqual(await statuses(2, (i) => edge.get('/', { headers: { 'x-real-ip': `198.51.100.${i}` } })), [200, 429]);
});

test('preflights are limited, and a page can read that it was', async (t) => {
  const edge = await startEdge(t, {
    http: 'nexus_limit_zone z key=$uri rate=1r/m;',
    server: `nexus_cors on; nexus_cors_origins ${APP}; nexus_limit zone=z nodelay;`,
    locations: ({ upstream }) => `
        location /proxy { proxy_pass http://${upstream}; }
        location ~ "^/token/(?<id>[^/]+)$" { nexus_api token; nexus_connection $id; }`,
  });
  const preflight = { method: 'OPTIONS', headers: { origin: APP, 'access-control-request-method': 'GET' } };
  for (const path of ['/proxy', `/token/${randomUUID()}`]) {
    assert.equal((await edge.get(path, preflight)).status, 204);
    for (const options of [preflight, { headers: { origin: APP } }]) {
      const refused = await edge.get(path, options);
      errorBody(assert, refused, 429, 'rate_limited');
      assert.equal(refused.headers['access-control-allow-origin'], APP);
      assert.equal(refused.headers['access-control-expose-headers'], options === preflight ? undefined : 'Retry-After, WWW-Authenticate');
      assert.match(refused.headers.vary, /^Origin\b/);
    }
  }
});

test('by caller: after authentication, before anything is looked up', async (t) => {
  const edge = await startEdge(t, {
    http: 'nexus_limit_zone callers key=caller rate=2r/m burst=1; nexus_limit_zone spaces key=workspace rate=1r/m burst=3;',
    server: 'nexus_limit zone=callers nodelay; nexus_limit zone=spaces nodelay;',
    locations: ({ upstream }) => `
        location ~ "^/token/(?<id>[^/]+)$" { nexus_api token; nexus_connection $id; }
        location /inject { nexus_inject auto; nexus_connection $http_x_nexus_connection; nexus_allow_private 127.0.0.0/8; proxy_pass http://${upstream}; }
        location /auth { nexus_auth api_key; proxy_pass http://${upstream}; }
        location /open { proxy_pass http://${upstream}; }
        location /metrics { nexus_metrics; }`,
  });
  const [one, two, third] = await Promise.all([1, 2, 3].map((i) => edge.addAgent({ agent_id: `agent-${i}`, workspace_id: 'w', grants: ['token:read', 'token:use'] })));
  const id = await edge.addConnection({ workspace_id: 'w', allowed_hosts: ['127.0.0.1'] });
  const call = (path, key) => edge.get(path, { headers: { 'x-api-key': key, 'x-nexus-connection': id } });

  assert.equal((await call(`/token/${id}`, one)).status, 200);
  assert.equal((await call('/inject', one)).status, 200);
  const asked = edge.origin.requests.length;
  for (const path of [`/token/${randomUUID()}`, '/inject', '/auth']) {
    errorBody(assert, await call(path, one), 429, 'rate_limited');
  }
  assert.equal(edge.origin.requests.length, asked, 'an unknown connection was not looked up');
  assert.equal((await call('/auth', two)).status, 200);
  assert.equal((await call('/auth', two)).status, 200);
  assert.equal((await call('/auth', third)).status, 429, 'the workspace has had its four');
  assert.deepEqual(await statuses(5, () => edge.get('/auth', { headers: { 'x-api-key': 'wrong' } })), Array(5).fill(401));
  assert.deepEqual(await statuses(9, () => edge.get('/open')), Array(9).fill(200), 'where nobody is authenticated there is no caller');
  assert.equal(await metric(edge, 'nexus_requests_total{use="token",result="refused"}'), 1);
});

test('by connection: only those who may have it spend it, a refresh too', async (t) => {
  const edge = await startEdge(t, {
    http: 'nexus_limit_zone c key=connection rate=1r/m burst=1; nexus_limit_zone p key=$nexus_provider:$nexus_workspace rate=1r/m burst=2;',
    server: 'nexus_limit zone=c nodelay; nexus_limit zone=p nodelay;',
    locations: `
        location ~ "^/token/(?<id>[^/]+)$" { nexus_api token; nexus_connection $id; }
        location ~ "^/refresh/(?<id>[^/]+)$" { nexus_api refresh; nexus_connection $id; }`,
  });
  const mine = await edge.addAgent({ workspace_id: 'w', grants: ['token:read', 'connection:refresh'] });
  const foreign = await edge.addAgent({ workspace_id: 'other', grants: ['token:read'] });
  const [id, second] = [await edge.addConnection({ workspace_id: 'w' }), await edge.addConnection({ workspace_id: 'w' })];
  const call = (path, key, method = 'GET') => edge.get(path, { method, headers: { 'x-api-key': key } });

  assert.deepEqual(await statuses(3, () => call(`/token/${id}`, foreign)), [404, 404, 404]);
  assert.deepEqual(await statuses(3, () => call(`/token/${id}`, mine)), [200, 200, 429]);
  const asked = edge.origin.requests.length;
  assert.equal((await call(`/refresh/${id}`, mine, 'POST')).status, 429);
  assert.equal(edge.origin.requests.length, asked);
  assert.deepEqual(await statuses(2, () => call(`/token/${second}`, mine)), [200, 429], 'the provider has had its three');
});

test('several limits: a refused request costs none of them, and is told the longest wait', async (t) => {
  const edge = await startEdge(t, {
    http: `
    nexus_limit_zone minute key=all rate=1r/m burst=4;
    nexus_limit_zone hour key=$arg_who rate=1r/h burst=1;`,
    locations: ({ upstream }) => `location / { nexus_limit zone=minute nodelay; nexus_limit zone=hour nodelay; proxy_pass http://${upstream}; }`,
  });
  const call = (who) => edge.get(`/?who=${who}`);
  assert.deepEqual(await statuses(4, () => call('a')), [200, 200, 429, 429]);
  const [, again] = [await call('a'), await call('a')];
  assert.ok(Number(again.headers['retry-after']) > 3000, again.headers['retry-after']);
  assert.deepEqual(await statuses(3, (i) => call(`b${i}`)), [200, 200, 200], 'the minute still had three');
  const both = await call('a');
  assert.ok(Number(both.headers['retry-after']) > 3000, 'a minute would not help');
  assert.equal((await call('c')).status, 429);
  assert.ok(Number((await call('c')).headers['retry-after']) <= 60);
  assert.equal((await call('')).status, 429, 'without a key for the one, the other counts');
});

test('rates and bursts of plans', async (t) => {
  const edge = await startEdge(t, {
    allow: /does not limit this request/,
    http: `
    map $arg_plan $rate { free 1r/m; pro 5r/h; off off; broken 5; huge 1r/d; default ""; }
    map $arg_plan $burst { pro 3; huge 1000000; default ""; }
    nexus_limit_zone plans key=$arg_who rate=$rate burst=$burst;`,
    locations: ({ upstream }) => `
        location / { nexus_limit zone=plans nodelay; proxy_pass http://${upstream}; }
        location /metrics { nexus_metrics; }`,
  });
  const of = (plan, count) => statuses(count, () => edge.get(`/?who=${plan}&plan=${plan}`));
  assert.deepEqual(await of('free', 2), [200, 429]);
  assert.deepEqual(await of('pro', 5), [200, 200, 200, 200, 429]);
  assert.deepEqual(await of('off', 3), [200, 200, 200]);
  assert.deepEqual(await of('none', 3), [200, 200, 200]);
  assert.deepEqual(await of('broken', 2), [200, 200]);
  assert.deepEqual(await of('huge', 2), [200, 200]);
  assert.equal(await metric(edge, requestsOf('plans', 'unreadable')), 2);
  assert.match(edge.nginx.errorLog(), /zone "plans" does not limit this request: its rate is "5"/);
});

test('costs', async (t) => {
  const edge = await startEdge(t, {
    http: 'nexus_limit_zone z key=$arg_who rate=1r/m burst=9;',
    locations: ({ upstream }) => `
        location /by { nexus_limit zone=z cost=$arg_cost nodelay; proxy_pass http://${upstream}; }
        location /five { nexus_limit zone=z cost=5 nodelay; proxy_pass http://${upstream}; }
        location /nothing { nexus_limit zone=z cost=0 nodelay; proxy_pass http://${upstream}; }`,
  });
  assert.deepEqual(await statuses(15, () => edge.get('/nothing?who=a')), Array(15).fill(200), 'nothing is used up');
  assert.deepEqual(await statuses(3, () => edge.get('/five?who=a')), [200, 200, 429]);
  assert.equal((await edge.get('/nothing?who=a')).status, 429, 'but it has to fit');
  assert.deepEqual(await statuses(4, (i) => edge.get(`/by?who=b&cost=${[4, 6, 0, 1][i]}`)), [200, 200, 429, 429]);
  assert.deepEqual(await statuses(11, () => edge.get('/by?who=c&cost=x')), [...Array(10).fill(200), 429], 'what is no cost counts as one');
  const hopeless = await edge.get('/by?who=d&cost=11');
  errorBody(assert, hopeless, 429, 'rate_limited');
  assert.equal(hopeless.headers['retry-after'], undefined);
});

test('a cost that no limit could hold is refused, whatever its size', async (t) => {
  const edge = await startEdge(t, {
    http: 'nexus_limit_zone z key=$arg_who rate=1r/m burst=9; nexus_limit_zone wide key=$arg_who rate=1000r/s burst=1000000;',
    server: 'client_max_body_size 2m;',
    locations: ({ upstream }) => `
        location /by { nexus_limit zone=z cost=$arg_cost nodelay; proxy_pass http://${upstream}; }
        location /wide { nexus_limit zone=wide cost=$arg_cost nodelay; proxy_pass http://${upstream}; }
        location /body { nexus_limit zone=z cost=$content_length nodelay; proxy_pass http://${upstream}; }`,
  });
  for (const cost of ['1000000', '1000001', '9223372036854775808', '9'.repeat(40)]) {
    const refused = await edge.get(`/by?who=a&cost=${cost}`);
    errorBody(assert, refused, 429, 'rate_limited');
    assert.equal(refused.headers['retry-after'], undefined, cost);
  }
  assert.equal((await edge.get('/wide?who=a&cost=1000001')).status, 429);
  assert.deepEqual(await statuses(2, (i) => edge.get(`/wide?who=a&cost=${[1000000, '000000000000000000000001'][i]}`)), [200, 200]);
  assert.equal((await edge.get('/body?who=a', { method: 'POST', body: 'x'.repeat(1_000_001) })).status, 429);
  assert.deepEqual(await statuses(11, () => edge.get('/by?who=a&cost=-5')), [...Array(10).fill(200), 429], 'none of it was charged, and what is no number is 1');
});

test('delays: requests beyond the rate come at its pace', async (t) => {
  const edge = await startEdge(t, {
    http: 'nexus_limit_zone z key=$arg_who rate=5r/s burst=4;',
    server: 'add_header X-Limit $nexus_limit_status always;',
    locations: ({ upstream }) => `
        location /all { nexus_limit zone=z; proxy_pass http://${upstream}; }
        location /some { nexus_limit zone=z delay=3; proxy_pass http://${upstream}; }
        location /api { nexus_api pass; nexus_limit zone=z; proxy_pass http://${upstream}; }
        location /metrics { nexus_metrics; }`,
  });
  const key = await edge.addAgent();
  for (const [path, delayed] of [['/all?who=a', 4], ['/some?who=b', 1], ['/api?who=c', 4]]) {
    const start = Date.now();
    const answers = await Promise.all(Array.from({ length: 6 }, () => edge.get(path, { headers: { 'x-api-key': key } })));
    const took = Date.now() - start;
    const of = (status) => answers.filter((answer) => answer.headers['x-limit'] === status);
    assert.equal(of('delayed').length, delayed, path);
    assert.ok(of('delayed').every(({ status }) => status === 200));
    assert.equal(of('passed').length, 5 - delayed);
    assert.equal(of('rejected').length, 1);
    assert.ok(took >= delayed * 200 - 20, `${path}: ${took} ms`);   // nothing can be too slow
  }
  assert.equal(await metric(edge, requestsOf('z', 'delayed')), 9);
});

test('clients that leave while they wait, over HTTP/1.1 and HTTP/2', async (t) => {
  const edge = await startEdge(t, {
    http: 'nexus_limit_zone z key=$server_port rate=1r/m burst=1; log_format status "status=$status";',
    locations: ({ upstream }) => `
        location / { access_log access.log status; nexus_limit zone=z; proxy_pass http://${upstream}; }
        location /metrics { nexus_metrics; }`,
  });
  const waiting = (count) => waitFor('it to wait', async () => await metric(edge, requestsOf('z', 'delayed')) === count);
  const left = (count) => waitFor('nginx to notice', () => edge.nginx.accessLog().match(/status=499/g)?.length === count);
  assert.equal((await edge.get('/')).status, 200);
  const outgoing = http.get(`${edge.nginx.url}/`, { agent: false }).on('error', () => {});
  await waiting(1);
  outgoing.destroy();
  await left(1);

  const session = http2.connect(edge.h2).on('error', () => {});
  const send = () => session.request({ ':path': '/' }).on('error', () => {}).resume();
  await new Promise((resolve) => send().on('response', resolve));
  const stream = send();
  await waiting(2);
  stream.close(http2.constants.NGHTTP2_CANCEL);
  await left(2);
  session.destroy();
  assert.equal((await edge.get('/')).status, 429, 'it is alive');
  assert.equal(edge.upstream.requests.length, 2);
});

test('dry run: counted and told, never refused', async (t) => {
  const edge = await startEdge(t, {
    http: 'nexus_limit_zone dry key=all rate=1r/m; nexus_limit_zone slow key=all rate=1r/m burst=1;',
    server: 'add_header X-Limit $nexus_limit_status always; nexus_limit_headers ietf;',
    locations: ({ upstream }) => `
        location /dry { nexus_limit zone=dry dry_run; proxy_pass http://${upstream}; }
        location /slow { nexus_limit zone=slow dry_run; proxy_pass http://${upstream}; }
        location /none { proxy_pass http://${upstream}; }
        location /metrics { nexus_metrics; }`,
  });
  const seen = async (path, count) => {
    const told = [];
    for (let i = 0; i < count; i++) {
      const answer = await edge.get(path);
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.ratelimit, undefined);
      told.push(answer.headers['x-limit'] ?? '');
    }
    return told;
  };
  assert.deepEqual(await seen('/dry', 3), ['passed', 'rejected_dry_run', 'rejected_dry_run']);
  assert.deepEqual(await seen('/slow', 3), ['passed', 'delayed_dry_run', 'rejected_dry_run']);
  assert.deepEqual(await seen('/none', 1), ['']);
  assert.equal(await metric(edge, requestsOf('dry', 'rejected_dry_run')), 2);
  assert.equal(await metric(edge, requestsOf('slow', 'delayed_dry_run')), 1);
});

test('headers, by choice', async (t) => {
  const edge = await startEdge(t, {
    http: 'nexus_limit_zone small key=$arg_who rate=1r/m burst=1; nexus_limit_zone big key=$arg_who rate=100r/h burst=99;',
    server: 'nexus_limit zone=small nodelay; nexus_limit zone=big nodelay;',
    locations: ({ upstream }) => `
        location /ietf { nexus_limit_headers ietf; proxy_pass http://${upstream}; }
        location /x { nexus_limit_headers x; proxy_pass http://${upstream}; }
        location /off { proxy_pass http://${upstream}; }`,
    upstream: (incoming, response) => response.writeHead(200, { 'x-ratelimit-limit': '7', ratelimit: '"theirs";r=3' }).end('ok'),
  });
  const ietf = await edge.get('/ietf?who=a');
  assert.equal(ietf.headers['ratelimit-policy'], '"big";q=100;w=3600, "small";q=2;w=120');
  assert.equal(ietf.headers.ratelimit, '"theirs";r=3, "big";r=99;t=36, "small";r=1;t=60');
  await edge.get('/ietf?who=a');
  const refused = await edge.get('/ietf?who=a');
  assert.equal(refused.status, 429);
  assert.equal(refused.headers.ratelimit, `"big";r=98;t=72, "small";r=0;t=${refused.headers['retry-after']}`);

  const x = await edge.get('/x?who=b');
  assert.deepEqual(['limit', 'remaining', 'reset'].map((name) => x.headers[`x-ratelimit-${name}`]), ['2', '1', '60']);
  assert.equal(x.headers.ratelimit, '"theirs";r=3');
  const off = await edge.get('/off?who=c');
  assert.equal(off.headers['x-ratelimit-limit'], '7');
  assert.equal(off.headers['ratelimit-policy'], undefined);
});

test('a request is counted once, whatever nginx does with it inside', async (t) => {
  const edge = await startEdge(t, {
    http: 'nexus_limit_zone z key=$arg_who rate=1r/m burst=1; nexus_limit_zone other key=$arg_who rate=1r/m;',
    server: 'nexus_limit zone=z nodelay;',
    locations: ({ upstream, dir }) => `
        location /try { root ${dir}; try_files $uri /there; }
        location /there { proxy_pass http://${upstream}; }
        location /stricter { root ${dir}; try_files $uri /strict?$args; }
        location /strict { nexus_limit zone=z nodelay; nexus_limit zone=other nodelay; proxy_pass http://${upstream}; }
        location /fails { error_page 404 /page; return 404; }
        location /page { nexus_limit zone=other nodelay; return 404 "no such thing"; }
        location /included { ssi on; proxy_pass http://${upstream}; }
        location /unlimited { nexus_limit off; proxy_pass http://${upstream}; }`,
    upstream: (incoming, response) => {
      response.setHeader('content-type', 'text/html');
      response.end(incoming.url.startsWith('/included') ? '<!--# include virtual="/there?who=s" --><!--# include virtual="/there?who=s" -->' : 'there');
    },
  });
  const calls = (path, count) => statuses(count, () => edge.get(path));
  assert.deepEqual(await calls('/try?who=a', 3), [200, 200, 429]);
  assert.deepEqual(await calls('/stricter?who=b', 2), [200, 429]);
  assert.deepEqual(await calls('/fails?who=c', 4), [404, 404, 404, 404]);
  assert.equal((await edge.get('/included?who=s')).text, 'therethere');
  assert.equal((await edge.get('/there?who=s')).status, 200, 'parts of a page are no requests');
  assert.deepEqual(await calls('/unlimited?who=d', 4), [200, 200, 200, 200]);
});

test('what a dry run has counted holds behind an internal redirect', async (t) => {
  const edge = await startEdge(t, {
    http: `
    nexus_limit_zone z key=$arg_who rate=1r/m burst=3;
    nexus_limit_zone one key=$arg_who rate=1r/m;
    nexus_limit_zone slow key=all rate=1r/m burst=1;`,
    server: 'add_header X-Limit $nexus_limit_status always;',
    locations: ({ upstream, dir }) => `
        root ${dir};
        location /dry { nexus_limit zone=z nodelay dry_run; try_files /none /enforced?$args; }
        location /enforced { nexus_limit_headers ietf; nexus_limit zone=z nodelay; proxy_pass http://${upstream}; }
        location /again { nexus_limit zone=z nodelay dry_run; try_files /none /dry?$args; }
        location /both { nexus_limit zone=z nodelay dry_run; try_files /none /stricter?$args; }
        location /stricter { nexus_limit zone=z nodelay; nexus_limit zone=one nodelay; proxy_pass http://${upstream}; }
        location /straight { nexus_limit zone=slow dry_run; try_files /none /held?$args; }
        location /held { nexus_limit zone=slow; proxy_pass http://${upstream}; }
        location /metrics { nexus_metrics; }`,
  });
  assert.deepEqual(await statuses(6, () => edge.get('/dry?who=a')), [200, 200, 200, 200, 429, 429]);
  const refused = await edge.get('/dry?who=a');
  errorBody(assert, refused, 429, 'rate_limited');
  assert.equal(refused.headers['x-limit'], 'rejected');
  assert.equal(refused.headers.ratelimit, `"z";r=0;t=${refused.headers['retry-after']}`);
  assert.equal((await edge.get('/enforced?who=a')).status, 429);
  assert.equal((await edge.get('/enforced?who=b')).status, 200);
  assert.equal((await edge.get('/again?who=c')).headers.ratelimit, '"z";r=3;t=60', 'counted once, over three locations');
  assert.equal(await metric(edge, requestsOf('z', 'allowed')), 6);
  assert.equal(await metric(edge, requestsOf('z', 'rejected')), 4);

  assert.deepEqual(await statuses(6, () => edge.get('/both?who=d')), [200, ...Array(5).fill(429)], 'the other limit');
  assert.match((await edge.get('/enforced?who=d')).headers.ratelimit, /^"z";r=2;t=/, 'whose refusals were given back');

  assert.equal((await edge.get('/straight')).status, 200);
  const outgoing = http.get(`${edge.nginx.url}/straight`, { agent: false }).on('error', () => {});
  await waitFor('it to be held', async () => await metric(edge, requestsOf('slow', 'delayed')) === 1);
  outgoing.destroy();
});

test('error pages are no requests, whomever a limit counts', async (t) => {
  const edge = await startEdge(t, {
    http: `
    nexus_limit_zone address key=address rate=1r/m;
    nexus_limit_zone caller key=caller rate=1r/m;
    nexus_limit_zone connection key=connection rate=1r/m;`,
    server: 'nexus_auth api_key; nexus_connection $http_x_nexus_connection; client_max_body_size 1k; nexus_allow_private 127.0.0.0/8;',
    locations: ({ upstream }) => `
        error_page 413 /e413;
        location = /e413 {
            nexus_limit zone=address nodelay; nexus_limit zone=caller nodelay; nexus_limit zone=connection nodelay;
            nexus_inject auto; proxy_pass http://${upstream};
        }
        location / { proxy_pass http://${upstream}; }`,
  });
  const key = await edge.addAgent({ workspace_id: 'w', grants: ['token:use'] });
  const id = await edge.addConnection({ workspace_id: 'w', allowed_hosts: ['127.0.0.1'] });
  const headers = { 'x-api-key': key, 'x-nexus-connection': id };
  assert.deepEqual(await statuses(3, () => edge.get('/', { method: 'POST', body: 'x'.repeat(2000), headers })), [413, 413, 413]);
  assert.equal(edge.upstream.requests.length, 3, 'it is the page that was sent');
  assert.deepEqual(await statuses(2, () => edge.get('/e413', { headers })), [200, 429], 'asked for by itself it is one');
});

test('variables in capitals are the same variables', async (t) => {
  const edge = await startEdge(t, {
    http: 'nexus_limit_zone z key=$Nexus_Caller rate=1r/m; nexus_limit_zone c key=x${NEXUS_CONNECTION} rate=1r/m;',
    locations: ({ upstream }) => `
        location /caller { nexus_auth api_key; nexus_limit zone=z nodelay; proxy_pass http://${upstream}; }
        location ~ "^/token/(?<id>[^/]+)$" { nexus_api token; nexus_connection $id; nexus_limit zone=c nodelay; }`,
  });
  const key = await edge.addAgent({ workspace_id: 'w', grants: ['token:read'] });
  const [one, two] = [await edge.addConnection({ workspace_id: 'w' }), await edge.addConnection({ workspace_id: 'w' })];
  const call = (path) => edge.get(path, { headers: { 'x-api-key': key } });
  assert.deepEqual(await statuses(2, () => call('/caller')), [200, 429]);
  assert.deepEqual(await statuses(3, (i) => call(`/token/${[one, one, two][i]}`)), [200, 429, 200]);
});

/** An nginx of its own, whose configuration can change: text({rate, burst, size, key}) */
async function startChangeable(t, options = {}) {
  let current;
  const nginx = await startNginx(t, {
    ...options,
    config: ({ port, globals, http: common }) => {
      current = ({ rate = '1r/h', burst = 1, size = '1m', key = '$arg_who' } = {}) => `
${globals}
worker_processes 2;
events { worker_connections 64; }
http {
    ${common}
    nexus_limit_zone z key=${key} rate=${rate} burst=${burst} size=${size};
    server {
        listen 127.0.0.1:${port};
        location / { nexus_limit zone=z nodelay; root html; try_files /none =204; }
        location /metrics { nexus_metrics; }
    }
}`;
      return current();
    },
  });
  const send = (who) => request(`${nginx.url}/?who=${who}`);
  await request(`${nginx.url}/metrics`);   // the master listens before it has workers, which a reload waits for
  return { nginx, send, calls: (who, count) => statuses(count, () => send(who)), reload: (changes) => nginx.reload({ config: current(changes) }) };
}

test('reloads keep what keys owe, changed limits included', async (t) => {
  const { nginx, send, calls, reload } = await startChangeable(t);
  assert.deepEqual(await calls('a', 3), [204, 204, 429]);
  await reload();
  assert.equal((await send('a')).status, 429);
  await reload({ size: '4m' });
  assert.equal((await send('a')).status, 429, 'a larger zone has what the smaller one had');
  await reload({ size: '64k' });
  assert.equal((await send('a')).status, 429, 'and a smaller one');
  await reload({ size: '64k', burst: 2 });
  assert.deepEqual(await calls('a', 2), [204, 429], 'one more is allowed, and no more');
  await reload({ size: '64k', rate: '3600r/h', burst: 0 });
  const refused = await send('a');
  assert.ok(refused.status === 204 || refused.headers['retry-after'] === '1', 'nobody owes more than the limit can ask for');
  await reload({ size: '64k', key: '$arg_who$arg_x' });
  assert.deepEqual(await calls('a', 3), [204, 204, 429], 'another key is another count');
  assert.ok(await metric({ nginx }, requestsOf('z', 'allowed')) >= 5, 'counters go on');
});

test('a binary upgrade keeps what keys owe', async (t) => {
  const { nginx, calls } = await startChangeable(t, { daemon: true });
  assert.deepEqual(await calls('a', 3), [204, 204, 429]);
  assert.deepEqual(await calls('b', 1), [204]);
  await nginx.upgrade();
  assert.deepEqual(await calls('a', 1), [429]);
  assert.deepEqual(await calls('b', 2), [204, 429]);
  assert.ok(await metric({ nginx }, requestsOf('z', 'rejected')) >= 3);
});

test('a full zone forgets those who owe least, and says so', async (t) => {
  const { nginx, send, calls, reload } = await startChangeable(t);
  await reload({ size: '32k', rate: '1r/m', burst: 1 });
  assert.deepEqual(await calls('heavy', 3), [204, 204, 429]);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
  await Promise.all(Array.from({ length: 2000 }, (_, i) => request(`${nginx.url}/?who=light${i}`, { agent })));
  agent.destroy();
  assert.equal((await send('heavy')).status, 429);
  assert.ok(await metric({ nginx }, 'nexus_limit_forgotten_keys_total{zone="z"}') > 100);
});

test('workers share one count', async (t) => {
  const edge = await startEdge(t, {
    workers: 4,
    http: 'nexus_limit_zone z key=all rate=1r/h burst=99;',
    locations: ({ upstream }) => `location / { nexus_limit zone=z nodelay; proxy_pass http://${upstream}; }`,
  });
  const answers = await Promise.all(Array.from({ length: 300 }, () => edge.get('/')));
  assert.equal(answers.filter(({ status }) => status === 200).length, 100);
  assert.equal(answers.filter(({ status }) => status === 429).length, 200);
});

test('failed attempts survive a binary upgrade', async (t) => {
  const keys = newKeys();
  const nginx = await startNginx(t, {
    daemon: true,
    files: { 'cache.key': keys.CACHE_KEY, 'edge.key': keys.EDGE_KEY },
    config: ({ dir, port, globals, http: common }) => `
${globals}
events {}
http {
    ${common}
    nexus_cache zone=nexus:4m;
    nexus_redis unix:${dir}/no-redis.sock;
    nexus_cache_key file:${dir}/cache.key;
    nexus_control_plane_key file:${dir}/edge.key;
    server {
        listen 127.0.0.1:${port};
        nexus_control_plane /_nexus;
        location /_nexus/ { internal; return 404 '{"error":"invalid_api_key"}'; }
        location / { nexus_auth api_key; nexus_auth_failures rate=1r/h burst=1; }
    }
}`,
  });
  const attempt = () => request(nginx.url, { headers: { 'x-api-key': 'no such key' } });
  assert.deepEqual(await statuses(3, attempt), [401, 401, 429]);
  await nginx.upgrade();
  assert.equal((await attempt()).status, 429);
});

test('the configurations of docs/rate-limits.md load', async (t) => {
  const manual = fs.readFileSync(path.join(repository, 'docs/rate-limits.md'), 'utf8');
  const shown = [...manual.matchAll(/^```nginx\nhttp \{\n(.*?)^\}\n```$/gms)].map(([, text]) => text);
  assert.equal(shown.length, 5);
  for (const text of shown) {
    const { ok, message } = await testConfig(t, {
      files: { 'cache.key': newKeys().CACHE_KEY },
      config: ({ dir, globals, http: common }) => `${globals}\nevents {}\nhttp {\n${common}\n${
        text.replaceAll('/var/log/nginx/', `${dir}/`).replaceAll('/etc/nexus/', `${dir}/`)}}`,
    });
    assert.ok(ok, `${text}\n${message}`);
  }
});
