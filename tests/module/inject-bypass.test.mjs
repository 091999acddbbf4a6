// Ways around the injection's checks that were found, and requests that take unusual turns.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { test } from 'node:test';
import { makeCa } from '../support/certificates.mjs';
import { cleanup } from '../support/cleanup.mjs';
import { serve } from '../support/http.mjs';
import { findPort } from '../support/ports.mjs';
import { mustRun } from '../support/process.mjs';
import { makeWorkdir } from '../support/workdir.mjs';
import { waitFor } from '../support/wait.mjs';
import { startDns } from '../support/dns.mjs';
import { caller, errorBody, startEdge } from './edge-fixture.mjs';

const unnamed = 'nexus_inject auto; nexus_connection $http_x_nexus_connection;';
const inject = `${unnamed} nexus_allow_private 127.0.0.0/8;`;

test('a name that resolves to a private address gets no credential, and no request', async (t) => {
  const dns = await startDns(t, { 'api.provider.test': '127.0.0.1' });
  const edge = await startEdge(t, {
    server: `resolver 127.0.0.1:${dns.port} ipv6=off valid=1s;`,
    locations: () => `
        location /open/ { ${unnamed} proxy_pass $nexus_api_base_url$request_uri; }
        location /named/ { ${inject} proxy_pass $nexus_api_base_url$request_uri; }
        location /set/ { ${unnamed} nexus_allow_hosts api.provider.test; set $to api.provider.test:$arg_port; proxy_pass http://$to; }`,
  });
  const { id, headers } = await caller(edge, { allowed_hosts: [], api_base_url: `http://api.provider.test:${edge.upstream.port}` });

  const named = await edge.get('/named/', { headers });
  assert.equal(named.status, 200, named.text);
  assert.equal(edge.upstream.header('authorization'), `Bearer at-${id}`);
  assert.equal(edge.upstream.header('host'), `api.provider.test:${edge.upstream.port}`);

  edge.upstream.requests.length = 0;
  for (const path of ['/open/', `/set/?port=${edge.upstream.port}`]) {
    assert.equal((await edge.get(path, { headers })).status, 502, path);
  }
  assert.equal(edge.upstream.requests.length, 0);
  assert.match(edge.nginx.errorLog(), /the peer's address is not one that a credential may be sent to/);

  delete dns.names['api.provider.test'];
  dns.names['api.provider.test'] = '127.0.0.9';   // rebound: nobody listens there, nothing is sent elsewhere
  await waitFor('the new address', async () => (await edge.get('/named/', { headers })).status === 502);
});

test('a provider over TLS is verified before it gets anything', async (t) => {
  const dir = makeWorkdir(t, 'tls');
  const make = (name, cn) => mustRun('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
    '-subj', `/CN=${cn}`, '-addext', `subjectAltName=DNS:${cn}`, '-keyout', `${dir}/${name}.key`, '-out', `${dir}/${name}.pem`]);
  await Promise.all([make('right', 'api.provider.test'), make('wrong-name', 'other.test'), make('unknown', 'api.provider.test')]);
  const read = (name) => fs.readFileSync(`${dir}/${name}`);
  fs.writeFileSync(`${dir}/trusted.pem`, Buffer.concat([read('right.pem'), read('wrong-name.pem')]));

  const seen = [];
  const ports = {};
  for (const name of ['right', 'wrong-name', 'unknown']) {
    const server = await serve(await findPort(), (incoming, response) => {
      seen.push([name, incoming.headers.authorization, incoming.socket.servername, incoming.headers.host]);
      response.end(name);
    }, { tls: { key: read(`${name}.key`), cert: read(`${name}.pem`) } });
    cleanup(t, () => server.close());
    ports[name] = server.port;
  }

  const dns = await startDns(t, { 'api.provider.test': '127.0.0.1' });
  const edge = await startEdge(t, {
    server: `resolver 127.0.0.1:${dns.port} ipv6=off; proxy_ssl_server_name on; proxy_ssl_verify on; proxy_ssl_trusted_certificate ${dir}/trusted.pem;`,
    locations: () => `location / { ${inject} proxy_pass $nexus_api_base_url$request_uri; }`,
  });
  for (const [name, status] of [['right', 200], ['wrong-name', 502], ['unknown', 502]]) {
    const { headers } = await caller(edge, { allowed_hosts: [], api_base_url: `https://api.provider.test:${ports[name]}` });
    assert.equal((await edge.get('/', { headers })).status, status, name);
  }
  assert.equal(seen.length, 1);
  assert.match(seen[0][1], /^Bearer at-/);
  assert.deepEqual(seen[0].slice(2), ['api.provider.test', `api.provider.test:${ports.right}`]);
});

test('a kept TLS connection of a location that asks less is not trusted', async (t) => {
  const [ca, stranger] = [await makeCa(t), await makeCa(t, 'stranger')];
  const seen = [];
  const start = async ({ cert, key }) => {
    const server = await serve(await findPort(), (incoming, response) => {
      seen.push({ path: incoming.url, credential: incoming.headers.authorization, from: incoming.socket.remotePort });
      response.end('ok');
    }, { tls: { cert: fs.readFileSync(cert), key: fs.readFileSync(key) } });
    cleanup(t, () => server.close());
    return server.port;
  };
  const places = {
    right: await start(await ca.issue('DNS:api.provider.test,DNS:other.test')),
    unknown: await start(await stranger.issue('DNS:api.provider.test')), misnamed: await start(await ca.issue('DNS:other.test')),
  };
  const edge = await startEdge(t, {
    http: `${Object.entries(places).map(([name, port]) => `upstream ${name} { server 127.0.0.1:${port}; keepalive 4; }`).join('\n')}
      proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host api.provider.test; proxy_ssl_name api.provider.test; proxy_ssl_session_reuse off;
      proxy_ssl_trusted_certificate ${ca.file};`,
    locations: () => Object.keys(places).map((name) => `
      location /unverified/${name} { proxy_pass https://${name}; }
      location /other-name/${name} { proxy_ssl_verify on; proxy_ssl_name other.test; proxy_pass https://${name}; }
      location /inject/${name} { ${inject} nexus_allow_hosts ${name}; proxy_ssl_verify on; proxy_pass https://${name}; }
      location /elsewhere/${name} { ${inject} nexus_allow_hosts ${name}; proxy_ssl_verify on; proxy_ssl_name other.test; proxy_pass https://${name}; }`).join(''),
  });
  const { headers } = await caller(edge, { allowed_hosts: ['api.provider.test'] });
  for (const [name, before] of [['unknown', 'unverified'], ['misnamed', 'unverified'], ['misnamed', 'other-name']]) {
    assert.equal((await edge.get(`/${before}/${name}`)).status, 200);
    for (const method of ['GET', 'POST']) {
      assert.equal((await edge.get(`/inject/${name}`, { method, headers })).status, 502, `${method} ${name} after ${before}`);
    }
  }
  assert.deepEqual(seen.filter(({ credential }) => credential), []);
  assert.match(edge.nginx.errorLog(), /kept connection was made without a check of the destination's certificate, or for another name/);

  // One that holds for this location too is used, with the name judged for each record.
  assert.equal((await edge.get('/other-name/right')).status, 200);
  assert.equal((await edge.get('/inject/right', { method: 'POST', headers })).status, 200);
  assert.equal((await edge.get('/elsewhere/right', { headers })).status, 502);
  const ofRight = seen.filter(({ path }) => path.endsWith('/right'));
  assert.equal(ofRight.length, 2);
  assert.equal(ofRight[0].from, ofRight[1].from, 'the same connection');
});

test('balancers named after keepalive do not take the credential away', async (t) => {
  const edge = await startEdge(t, {
    http: ({ upstream }) => `
    upstream least { keepalive 2; server ${upstream}; least_conn; }
    upstream hashed { server ${upstream}; hash $uri; keepalive 2; }
    upstream random { zone random 64k; server ${upstream}; random; }`,
    locations: () => ['least', 'hashed', 'random'].map((name) => `
        location /${name}/ { ${inject} nexus_allow_hosts ${name}; proxy_set_header Host 127.0.0.1; proxy_pass http://${name}; }`).join(''),
  });
  const { id, headers } = await caller(edge);
  for (const name of ['least', 'hashed', 'random']) {
    assert.equal((await edge.get(`/${name}/`, { headers })).status, 200);
    assert.equal(edge.upstream.header('authorization'), `Bearer at-${id}`);
  }
});

test('auth_request is asked first, with the body kept for the upstream', async (t) => {
  const edge = await startEdge(t, {
    locations: ({ upstream }) => `
        location /allowed/ { ${inject} auth_request /yes; proxy_pass http://${upstream}; }
        location /denied/ { ${inject} auth_request /no; proxy_pass http://${upstream}; }
        location = /yes { internal; return 204; }
        location = /no { internal; return 403; }`,
  });
  const { id, headers } = await caller(edge);
  const body = Buffer.alloc(50_000, 'q');
  assert.equal((await edge.get('/allowed/', { headers, body })).status, 200);
  assert.equal(edge.upstream.header('authorization'), `Bearer at-${id}`);
  assert.ok(edge.upstream.last().body.equals(body));
  assert.equal((await edge.get('/denied/', { headers, body })).status, 403);
  assert.equal(edge.upstream.requests.length, 1);
});

test('a refusal after the body was read keeps the connection in step', async (t) => {
  const edge = await startEdge(t, {
    server: 'client_max_body_size 0;',
    locations: ({ upstream }) => `
        location /buffered/ { ${inject} proxy_pass http://${upstream}; }
        location /unbuffered/ { ${inject} proxy_request_buffering off; proxy_pass http://${upstream}; }`,
  });
  const { headers } = await caller(edge, { allowed_hosts: ['elsewhere.example'] });
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  for (const path of ['/buffered/', '/unbuffered/']) {
    for (const body of [undefined, Buffer.alloc(10), Buffer.alloc(3 * 1024 * 1024)]) {
      errorBody(assert, await edge.get(path, { headers, body, agent }), 403, 'host_not_allowed');
    }
  }
  assert.equal(edge.upstream.requests.length, 0);
});

test('a client that leaves in the middle of its body', async (t) => {
  const edge = await startEdge(t, { locations: ({ upstream }) => `location / { ${inject} proxy_pass http://${upstream}; }` });
  const { key, id } = await caller(edge);
  const socket = net.connect(edge.port, '127.0.0.1');
  let text = '';
  socket.on('error', () => {});
  socket.on('data', (data) => { text += data; });
  socket.write(`POST / HTTP/1.1\r\nHost: x\r\nX-Nexus-Key: ${key}\r\nX-Nexus-Connection: ${id}\r\nExpect: 100-continue\r\nContent-Length: 100000\r\n\r\n`);
  await waitFor('nginx to read the body', () => text.startsWith('HTTP/1.1 100 '));
  await new Promise((resolve) => { socket.write('x'.repeat(5000), resolve); });
  socket.destroy();
  await waitFor('the request to end', () => / (400|499) /.test(edge.nginx.accessLog()));
  assert.equal(edge.upstream.requests.length, 0);
});

test('a token that expires while the body is on its way is not sent', async (t) => {
  const edge = await startEdge(t, { locations: ({ upstream }) => `location / { ${inject} proxy_pass http://${upstream}; }` });
  const { key, id } = await caller(edge, { expires_at: Date.now() + 1500 });
  let text = '';
  const socket = net.connect(edge.port, '127.0.0.1');
  t.after(() => socket.destroy());
  socket.on('data', (data) => { text += data; });
  socket.write(`POST / HTTP/1.1\r\nHost: x\r\nX-Nexus-Key: ${key}\r\nX-Nexus-Connection: ${id}\r\nContent-Length: 2\r\n\r\n`);
  const late = Date.now() + 1700;
  await waitFor('the token to expire', () => Date.now() > late);
  socket.write('ab');
  await waitFor('the answer', () => text.includes('\r\n\r\n'));
  assert.match(text, /^HTTP\/1\.1 503 /);
  assert.match(text, /token_unavailable/);
  assert.equal(edge.upstream.requests.length, 0);
});

test('an upgrade carries the credential in its handshake', async (t) => {
  const edge = await startEdge(t, {
    locations: ({ upstream }) => `
        location / { ${inject} proxy_http_version 1.1; proxy_set_header Connection upgrade; proxy_set_header Upgrade $http_upgrade; proxy_pass http://${upstream}; }`,
  });
  edge.upstream.server.on('upgrade', (incoming, socket) => {
    edge.upstream.requests.push({ headers: incoming.headers });
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n');
    socket.pipe(socket);
  });
  const { id, key } = await caller(edge);
  let text = '';
  const socket = net.connect(edge.port, '127.0.0.1');
  t.after(() => socket.destroy());
  socket.on('data', (data) => { text += data; });
  socket.write(`GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: echo\r\nX-Nexus-Key: ${key}\r\nX-Nexus-Connection: ${id}\r\n\r\n`);
  await waitFor('the handshake', () => text.includes('\r\n\r\n'));
  socket.write('ping');
  await waitFor('the echo', () => text.endsWith('ping'));
  assert.equal(edge.upstream.requests[0].headers.authorization, `Bearer at-${id}`);
});

test('heads that other parsers could read differently', async (t) => {
  const edge = await startEdge(t, { locations: ({ upstream }) => `location / { ${inject} proxy_pass http://${upstream}; }` });
  const { key, id } = await caller(edge);
  const cases = {
    'two hosts': 'Host: x\r\nHost: y\r\n',
    'a length and chunked': 'Host: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n',
    'a bare CR in a value': 'Host: x\r\nX-A: a\rAuthorization: Bearer mine\r\n',
    'a NUL in a value': 'Host: x\r\nX-A: a\0b\r\n',
    'a folded line': 'Host: x\r\nX-A: a\r\n Authorization: Bearer mine\r\n',
    'a blank before the colon': 'Host: x\r\nAuthorization : Bearer mine\r\n',
    'underscores': 'Host: x\r\nX_Nexus_Agent: forged\r\n',
  };
  for (const [name, lines] of Object.entries(cases)) {
    const before = edge.upstream.requests.length;
    const text = await raw(edge.port, `GET / HTTP/1.1\r\n${lines}Connection: close\r\nX-Nexus-Key: ${key}\r\nX-Nexus-Connection: ${id}\r\n\r\n0\r\n\r\n`);
    assert.match(text, /^HTTP\/1\.1 (200|400) /, name);
    for (const one of edge.upstream.requests.slice(before)) {
      assert.equal(one.headers.authorization, `Bearer at-${id}`, name);
      assert.equal(one.raw.filter((word) => /^authorization$/i.test(word)).length, 1, name);
      assert.ok(!JSON.stringify(one.raw).includes('forged'), name);
    }
  }
});

function raw(port, bytes) {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = net.connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.setTimeout(5000, () => socket.destroy(new Error('no end of the answer')));
    socket.on('data', (data) => { text += data; });
    socket.on('end', () => resolve(text));
    socket.on('error', reject);
  });
}
