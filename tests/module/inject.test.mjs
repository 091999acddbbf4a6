// nexus_inject: the credential reaches the upstream once, wherever the upstream comes from, and nothing else sees it.
import assert from 'node:assert/strict';
import http from 'node:http';
import http2 from 'node:http2';
import { test } from 'node:test';
import { request } from '../support/http.mjs';
import { waitFor } from '../support/wait.mjs';
import { caller, errorBody, startEdge } from './edge-fixture.mjs';

const inject = 'nexus_inject auto; nexus_connection $http_x_nexus_connection; nexus_allow_private 127.0.0.0/8;';

/** Headers of a caller of its own with one connection. */

function countOf(upstream, name) {
  return upstream.last().raw.filter((word, i) => i % 2 === 0 && word.toLowerCase() === name).length;
}

const upstreamKinds = ({ upstream, second }) => `
        location /literal/ { ${inject} proxy_pass http://${upstream}; }
        location /block/ { ${inject} nexus_allow_hosts backend; proxy_set_header Host 127.0.0.1; proxy_pass http://backend; }
        location /variable-name/ { ${inject} nexus_allow_hosts backend; set $name backend; proxy_set_header Host 127.0.0.1; proxy_pass http://$name; }
        location /variable-address/ { ${inject} set $address ${upstream}; proxy_pass http://$address; }
        location /unbuffered/ { ${inject} proxy_http_version 1.1; proxy_request_buffering off; proxy_pass http://${upstream}; }
        location /temp-file/ { ${inject} client_body_buffer_size 1k; proxy_pass http://${upstream}; }
        location /http10/ { ${inject} proxy_http_version 1.0; proxy_pass http://${upstream}; }
        location /rewrite/ { ${inject} rewrite ^/rewrite/(.*)$ /to/$1?y=2 break; proxy_pass http://${upstream}; }
        location /set-body/ { ${inject} proxy_set_body "own body"; proxy_pass http://${upstream}; }`;
const backend = ({ upstream }) => `upstream backend { server ${upstream}; keepalive 4; }`;

test('every kind of upstream, every kind of body: the credential is there once, the caller\'s headers are not', async (t) => {
  const edge = await startEdge(t, { locations: upstreamKinds, http: backend, server: 'client_max_body_size 0;' });
  const { id, headers } = await caller(edge);
  const bodies = { none: undefined, small: Buffer.from('hello'), large: Buffer.alloc(3 * 1024 * 1024, 'z') };
  for (const kind of ['literal', 'block', 'variable-name', 'variable-address', 'unbuffered', 'temp-file', 'http10', 'rewrite', 'set-body']) {
    for (const [size, body] of Object.entries(bodies)) {
      const answer = await edge.get(`/${kind}/a%2Fb?x=1`, {
        method: body ? 'POST' : 'GET', body, headers: { ...headers, authorization: 'Bearer placeholder', 'x-api-key': headers['x-nexus-key'] },
      });
      const where = `${kind}, ${size}: ${answer.text}`;
      assert.equal(answer.status, 200, where);
      assert.equal(edge.upstream.header('authorization'), `Bearer at-${id}`, where);
      assert.equal(countOf(edge.upstream, 'authorization'), 1, where);
      for (const name of ['x-api-key', 'x-nexus-key', 'x-nexus-connection', 'x-nexus-agent']) {
        assert.equal(edge.upstream.header(name), undefined, where);
      }
      const expected = kind === 'set-body' ? Buffer.from('own body') : (body ?? Buffer.alloc(0));
      assert.ok(edge.upstream.last().body.equals(expected), `${where}: body of ${edge.upstream.last().body.length}`);
    }
    const target = edge.upstream.last().url;
    assert.equal(target, kind === 'rewrite' ? '/to/a/b?y=2&x=1' : `/${kind}/a%2Fb?x=1`);
  }
});

test('chunked bodies from HTTP/1.1 clients, and HTTP/2 clients', async (t) => {
  const edge = await startEdge(t, { locations: upstreamKinds, http: backend, server: 'client_max_body_size 0;' });
  const { id, headers } = await caller(edge);
  const body = Buffer.alloc(300_000, 'c');
  for (const kind of ['literal', 'unbuffered', 'temp-file']) {
    const answer = await edge.get(`/${kind}/`, { method: 'PUT', body, headers: { ...headers, 'transfer-encoding': 'chunked' } });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(edge.upstream.header('authorization'), `Bearer at-${id}`);
    assert.ok(edge.upstream.last().body.equals(body));
  }

  const client = http2.connect(edge.h2);
  t.after(() => client.destroy());
  for (const [kind, sent] of [['literal', undefined], ['literal', body], ['unbuffered', body], ['variable-address', body]]) {
    const status = await new Promise((resolve, reject) => {
      const stream = client.request({ ':path': `/${kind}/`, ':method': sent ? 'POST' : 'GET', ...headers, authorization: 'Bearer placeholder' });
      stream.on('response', (answer) => { stream.resume(); stream.on('end', () => resolve(answer[':status'])); });
      stream.on('error', reject);
      stream.end(sent);
    });
    assert.equal(status, 200);
    assert.equal(edge.upstream.header('authorization'), `Bearer at-${id}`);
    assert.equal(edge.upstream.header('x-nexus-key'), undefined);
    assert.ok(edge.upstream.last().body.equals(sent ?? Buffer.alloc(0)), `${kind}: ${edge.upstream.last().body.length}`);
  }
});

test('strategies: header, query_param, basic_auth', async (t) => {
  const edge = await startEdge(t, {
    locations: ({ upstream }) => `
        location / { ${inject} proxy_pass http://${upstream}; }
        location /only-header/ { nexus_inject header; ${inject.replace('nexus_inject auto;', '')} proxy_pass http://${upstream}; }`,
  });
  const header = await caller(edge, {
    strategy: 'header', strategy_config: { header_name: 'X-API-Key', value_prefix: 'K ' }, credentials: { api_key: 'static-key-1' },
  });
  assert.equal((await edge.get('/', { headers: { ...header.headers, 'x-api-key': header.key } })).status, 200);
  assert.equal(edge.upstream.header('x-api-key'), 'K static-key-1');
  assert.equal(edge.upstream.header('authorization'), undefined);
  assert.equal((await edge.get('/only-header/', { headers: header.headers })).status, 200);

  const two = await caller(edge, {
    strategy: 'header', credentials: { app: 'application-1', key: 'key-1' },
    strategy_config: { header_name: 'X-App-Id', credential_field: 'app', header_name_2: 'Authorization', credential_field_2: 'key', value_prefix_2: 'Key ' },
  });
  assert.equal((await edge.get('/', { headers: { ...two.headers, 'x-app-id': 'mine', authorization: 'mine' } })).status, 200);
  assert.deepEqual([edge.upstream.header('x-app-id'), edge.upstream.header('authorization')], ['application-1', 'Key key-1']);
  assert.equal(countOf(edge.upstream, 'authorization'), 1);
  const half = await caller(edge, {
    strategy: 'header', credentials: { app: 'application-1' },
    strategy_config: { header_name: 'X-App-Id', credential_field: 'app', header_name_2: 'Authorization', credential_field_2: 'key' },
  });
  assert.equal((await edge.get('/', { headers: half.headers })).status, 500, 'half of a credential is none');

  const query = await caller(edge, { strategy: 'query_param', strategy_config: { param_name: 'api key' }, credentials: { api_key: 's&c=t' } });
  assert.equal((await edge.get('/a?b=1&api%20key=mine&c=2', { headers: query.headers })).status, 200);
  assert.equal(edge.upstream.last().url, '/a?b=1&c=2&api%20key=s%26c%3Dt');
  assert.equal((await edge.get('/only-header/', { headers: query.headers })).status, 500);

  const basic = await caller(edge, { strategy: 'basic_auth', credentials: { username: 'u', password: 'p:q' } });
  assert.equal((await edge.get('/', { headers: basic.headers })).status, 200);
  assert.equal(edge.upstream.header('authorization'), `Basic ${Buffer.from('u:p:q').toString('base64')}`);
});

test('proxy_set_header cannot win over the credential', async (t) => {
  const edge = await startEdge(t, {
    locations: ({ upstream }) => `location / { ${inject} proxy_set_header Authorization "Bearer from-the-configuration"; proxy_pass http://${upstream}; }`,
  });
  const { id, headers } = await caller(edge);
  assert.equal((await edge.get('/', { headers })).status, 200);
  assert.equal(edge.upstream.header('authorization'), `Bearer at-${id}`);
  assert.equal(countOf(edge.upstream, 'authorization'), 1);
});

test('retries send the same request again, body and credential included', async (t) => {
  let failures = 0;
  const edge = await startEdge(t, {
    upstream: (incoming, response) => {
      if (failures > 0) {
        failures -= 1;
        incoming.socket.destroy();
        return;
      }
      response.end('ok');
    },
    http: ({ upstream }) => `upstream two { server ${upstream} max_fails=0; server ${upstream} max_fails=0; keepalive 4; }`,
    locations: () => `
        location / {
            ${inject} nexus_allow_hosts two; proxy_set_header Host 127.0.0.1; proxy_http_version 1.1; proxy_set_header Connection "";
            client_body_buffer_size 1k; proxy_next_upstream error timeout non_idempotent; proxy_pass http://two;
        }`,
    server: 'client_max_body_size 0;',
  });
  const { id, headers } = await caller(edge);
  for (const body of [undefined, Buffer.alloc(100_000, 'r')]) {
    failures = 1;
    const before = edge.upstream.requests.length;
    const answer = await edge.get('/', { method: body ? 'POST' : 'GET', body, headers });
    assert.equal(answer.status, 200, answer.text);
    const attempts = edge.upstream.requests.slice(before);
    assert.equal(attempts.length, 2);
    for (const attempt of attempts) {
      assert.equal(attempt.headers.authorization, `Bearer at-${id}`);
      assert.ok(attempt.body.equals(body ?? Buffer.alloc(0)));
    }
    assert.deepEqual(attempts[0].raw, attempts[1].raw);
  }
});

test('keep-alive: connection after connection, each request has its own credential', async (t) => {
  const edge = await startEdge(t, { locations: ({ upstream }) => `location / { ${inject} proxy_pass http://${upstream}; }` });
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const callers = [await caller(edge), await caller(edge)];
  for (const { id, headers } of [...callers, ...callers]) {
    const answer = await edge.get('/', { headers, agent });
    assert.equal(answer.status, 200);
    assert.equal(edge.upstream.header('authorization'), `Bearer at-${id}`);
  }
  assert.equal((await edge.get('/', { agent })).status, 401);
});

test('subrequests get no credential, and bring a provider nothing of the caller\'s', async (t) => {
  const edge = await startEdge(t, {
    locations: ({ upstream }) => `
        location / { ${inject} mirror /mirror; proxy_pass http://${upstream}; }
        location = /mirror { internal; proxy_pass http://${upstream}/mirrored; }
        location /mirrored-to-a-provider/ { ${inject} mirror /provider; proxy_pass http://${upstream}; }
        location /asks-a-provider/ { auth_request /provider; proxy_pass http://${upstream}; }
        location = /provider { internal; ${inject} proxy_pass http://${upstream}; }`,
  });
  const { id, key, headers } = await caller(edge);
  assert.equal((await edge.get('/a', { headers, body: 'x' })).status, 200);
  await waitFor('the mirror', () => edge.upstream.requests.length === 2);
  const mirrored = edge.upstream.requests.find((one) => one.url === '/mirrored');
  assert.equal(mirrored.headers.authorization, undefined);
  assert.ok(!JSON.stringify(mirrored.raw).includes(key));
  assert.ok(!JSON.stringify(mirrored.raw).includes(id));

  edge.upstream.requests.length = 0;
  assert.equal((await edge.get('/asks-a-provider/', { headers: { ...headers, authorization: 'Basic own' } })).status, 403);
  assert.equal(edge.upstream.requests.length, 0);
  assert.equal((await edge.get('/mirrored-to-a-provider/', { headers })).status, 200);
  await waitFor('both refusals in the log', () => edge.nginx.errorLog().split('a subrequest (auth_request, mirror, SSI) to a location with "nexus_inject" is not sent').length === 3);
  assert.equal(edge.upstream.requests.length, 1);
});

test('hosts: a credential goes where the record or the location says, and nowhere else', async (t) => {
  const edge = await startEdge(t, {
    http: ({ upstream }) => `upstream elsewhere { server ${upstream}; }`,
    locations: ({ upstream }) => `
        location /literal/ { ${inject} proxy_pass http://${upstream}; }
        location /extra/ { ${inject} nexus_allow_hosts 127.0.0.1; proxy_pass http://${upstream}; }
        location /block/ { ${inject} proxy_set_header Host 127.0.0.1; proxy_pass http://elsewhere; }
        location /host-line/ { ${inject} proxy_set_header Host $http_x_host; proxy_pass http://${upstream}; }
        location /variable/ { ${inject} proxy_pass http://$http_x_to; }`,
  });
  const nowhere = await caller(edge, { allowed_hosts: [], api_base_url: '' });
  errorBody(assert, await edge.get('/literal/', { headers: nowhere.headers }), 403, 'host_not_allowed');
  assert.equal((await edge.get('/extra/', { headers: nowhere.headers })).status, 200);

  const here = await caller(edge, { allowed_hosts: ['127.0.0.1', 'api.example.com'] });
  assert.equal((await edge.get('/literal/', { headers: here.headers })).status, 200);
  errorBody(assert, await edge.get('/block/', { headers: here.headers }), 403, 'host_not_allowed');
  errorBody(assert, await edge.get('/host-line/', { headers: { ...here.headers, 'x-host': 'evil.example' } }), 403, 'host_not_allowed');
  errorBody(assert, await edge.get('/host-line/', { headers: here.headers }), 403, 'host_not_allowed');
  assert.equal((await edge.get('/host-line/', { headers: { ...here.headers, 'x-host': 'api.example.com' } })).status, 200);
  errorBody(assert, await edge.get('/variable/', { headers: { ...here.headers, 'x-to': '127.0.0.2:1' } }), 403, 'host_not_allowed');
  errorBody(assert, await edge.get('/variable/', { headers: { ...here.headers, 'x-to': 'evil.example' } }), 403, 'host_not_allowed');

  const base = await caller(edge, { allowed_hosts: [], api_base_url: `http://127.0.0.1:${edge.upstream.port}/v1` });
  assert.equal((await edge.get('/literal/', { headers: base.headers })).status, 200);
  const otherPort = await caller(edge, { allowed_hosts: [], api_base_url: 'http://127.0.0.1/v1' });
  errorBody(assert, await edge.get('/literal/', { headers: otherPort.headers }), 403, 'host_not_allowed');
});

test('private addresses are refused unless named, by literal, block and resolved name', async (t) => {
  const open = inject.replace(/nexus_allow_private [^;]*;/, '');
  const edge = await startEdge(t, {
    http: ({ upstream }) => `upstream block { server ${upstream}; }`,
    locations: ({ upstream }) => `
        location /literal/ { ${open} proxy_pass http://${upstream}; }
        location /block/ { ${open} nexus_allow_hosts block; proxy_set_header Host 127.0.0.1; proxy_pass http://block; }
        location /named/ { ${open} nexus_allow_private 127.0.0.1; proxy_pass http://${upstream}; }
        location /other/ { ${open} nexus_allow_private 10.0.0.0/8 unix:; proxy_pass http://${upstream}; }
        location /name/ { ${open} nexus_allow_hosts localhost; proxy_pass http://localhost:${upstream.split(':')[1]}; }
        location /variable/ { ${open} set $address ${upstream}; proxy_pass http://$address; }`,
  });
  const { headers } = await caller(edge);
  for (const path of ['/literal/', '/block/', '/other/', '/variable/']) {
    errorBody(assert, await edge.get(path, { headers }), 403, 'host_not_allowed');
  }
  const byName = await edge.get('/name/', { headers });
  assert.equal(byName.status, 502);   // the address is known only when nginx has chosen the peer
  assert.match(edge.nginx.errorLog(), /the peer's address is not one that a credential may be sent to/);
  assert.equal(edge.upstream.requests.length, 0);
  assert.equal((await edge.get('/named/', { headers })).status, 200);
});

test('upstreams whose requests cannot be edited are refused', async (t) => {
  const edge = await startEdge(t, {
    locations: ({ upstream }) => `
        location /fastcgi/ { ${inject} fastcgi_pass ${upstream}; }
        location /static/ { ${inject} root /nonexistent; }`,
  });
  const { headers } = await caller(edge);
  errorBody(assert, await edge.get('/fastcgi/', { headers }), 500, 'internal_error');
  assert.equal((await edge.get('/static/', { headers })).status, 404);
  assert.equal(edge.upstream.requests.length, 0);
  assert.match(edge.nginx.errorLog(), /\[crit\].*only proxy_pass and grpc_pass can be given a credential/);
});

test('states and grants hold for injection too', async (t) => {
  const edge = await startEdge(t, { locations: ({ upstream }) => `location / { ${inject} proxy_pass http://${upstream}; }` });
  const reader = await caller(edge, {}, { grants: ['token:read'] });
  errorBody(assert, await edge.get('/', { headers: reader.headers }), 403, 'insufficient_grant');
  const revoked = await caller(edge, { state: 'revoked', expires_at: 0 });
  errorBody(assert, await edge.get('/', { headers: revoked.headers }), 403, 'connection_revoked');
  const stranger = await caller(edge, {}, { workspace_id: 'w2' });
  errorBody(assert, await edge.get('/', { headers: stranger.headers }), 404, 'connection_not_found');
  errorBody(assert, await edge.get('/', { headers: { 'x-nexus-key': stranger.key } }), 400, 'invalid_connection_id');
  assert.equal(edge.upstream.requests.length, 0);
});

test('the base URL of the record leads to the provider, path and query as they came', async (t) => {
  const edge = await startEdge(t, {
    locations: () => `location / { ${inject} proxy_pass $nexus_api_base_url$request_uri; }`,
  });
  const { id, headers } = await caller(edge, { allowed_hosts: [], api_base_url: `http://127.0.0.1:${edge.upstream.port}/v1.0/` });
  const answer = await edge.get('/me/a%2Fb//c?x=%20&y', { headers });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(edge.upstream.last().url, '/v1.0/me/a%2Fb//c?x=%20&y');
  assert.equal(edge.upstream.header('authorization'), `Bearer at-${id}`);
  assert.equal(edge.upstream.header('host'), `127.0.0.1:${edge.upstream.port}`);

  for (const api_base_url of ['', 'ftp://127.0.0.1/', 'http://user@127.0.0.1/', 'http://127.0.0.1/?a', 'http:///x', 'http://a b/']) {
    const odd = await caller(edge, { allowed_hosts: ['127.0.0.1'], api_base_url });
    errorBody(assert, await edge.get('/x', { headers: odd.headers }), 403, 'host_not_allowed');
  }
  const clear = await caller(edge, { api_base_url: 'http://192.0.2.1/' });
  errorBody(assert, await edge.get('/x', { headers: clear.headers }), 403, 'host_not_allowed');
});

test('a location that an internal redirect leads to knows the caller and the connection that it has named', async (t) => {
  const edge = await startEdge(t, {
    locations: ({ upstream, dir }) => `
        location /tried/ { nexus_auth api_key; root ${dir}; try_files $uri @provider; }
        location /missing/ { nexus_auth api_key; root ${dir}; log_not_found off; error_page 404 = @provider; }
        location /another/ {
            nexus_inject auto; nexus_connection 00000000-0000-4000-8000-000000000000; nexus_allow_private 127.0.0.0/8;
            proxy_pass http://127.0.0.1:1; error_page 404 502 = @provider; recursive_error_pages on;
        }
        location /failing/ { nexus_auth api_key; proxy_pass http://127.0.0.1:1; error_page 502 = @provider; }
        location @provider { ${inject} proxy_pass http://${upstream}; }`,
  });
  const { id, key } = await caller(edge);
  await edge.addConnection({ connection_id: '00000000-0000-4000-8000-000000000000' });
  for (const path of ['/tried/x', '/missing/x', '/another/x', '/failing/x']) {
    const answer = await edge.get(path, { headers: { 'x-api-key': key, 'x-nexus-connection': id } });
    assert.equal(answer.status, 200, `${path}: ${answer.text}`);
    assert.equal(edge.upstream.header('authorization'), `Bearer at-${id}`, path);
    assert.equal(edge.upstream.header('x-nexus-connection'), undefined, path);
    assert.equal(edge.upstream.header('x-api-key'), undefined, path);
  }
});

test('an error_page fallback is resolved for itself', async (t) => {
  const edge = await startEdge(t, {
    locations: ({ upstream }) => `
        location /a/ { ${inject} proxy_pass http://127.0.0.1:1; error_page 502 = /b/; }
        location /b/ { ${inject} proxy_pass http://${upstream}; }`,
  });
  const { id, headers } = await caller(edge);
  const answer = await request(`${edge.url}/a/`, { headers, body: 'kept' });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(edge.upstream.header('authorization'), `Bearer at-${id}`);
  assert.equal(edge.upstream.last().body.toString(), 'kept');
});
