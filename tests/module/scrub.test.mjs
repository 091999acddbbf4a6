// nexus_scrub_response: a provider that echoes the credential, in any part of its answer and however it is cut, does not
// hand it to the caller; nothing else of the answer changes.
import assert from 'node:assert/strict';
import http2 from 'node:http2';
import net from 'node:net';
import { test } from 'node:test';
import zlib from 'node:zlib';
import { assertNoSecrets, files } from '../support/canary.mjs';
import { cleanup } from '../support/cleanup.mjs';
import { listen } from '../support/listen.mjs';
import { waitFor } from '../support/wait.mjs';
import { startEdge } from './edge-fixture.mjs';
import { startRaw } from './wire-fixture.mjs';

const inject = 'nexus_inject auto; nexus_connection $http_x_nexus_connection; nexus_allow_private 127.0.0.0/8;';
const token = 'canary/At+9f8e7d6c5b4a=3210';
const stars = '*'.repeat(token.length);
const encoded = {
  percent: encodeURIComponent(token),
  'percent, small': encodeURIComponent(token).replace(/%../g, (text) => text.toLowerCase()),
  json: token.replaceAll('/', '\\/'),
};

async function start(t, answer, { locations = '', http = '', ...more } = {}) {
  const state = { answer, heads: [] };
  const port = await startRaw(t, (head) => { state.heads.push(head); return state.answer(head); });
  const to = `proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host 127.0.0.1; nexus_allow_hosts raw; proxy_pass http://raw;`;
  const edge = await startEdge(t, {
    http: `upstream raw { server 127.0.0.1:${port} max_fails=0; keepalive 4; }
      log_format seen '$status $upstream_http_x_echo $sent_http_x_echo'; ${http}`,
    locations: ({ dir }) => `
        location /head/ { ${inject} nexus_scrub_response on; access_log ${dir}/seen.log seen; ${to} }
        location /body/ { ${inject} nexus_scrub_response on body=64k; proxy_buffering on; ${to} }
        location /unbuffered/ { ${inject} nexus_scrub_response on body=64k; proxy_buffering off; ${to} }
        location /little/ { ${inject} nexus_scrub_response on body=100; ${to} }
        location /zip/ { ${inject} nexus_scrub_response on body=64k; gzip on; gzip_min_length 1; gzip_types *; ${to} }
        location /cookies/ { ${inject} nexus_scrub_response on set_cookie=drop; ${to} }
        location /off/ { ${inject} ${to} }
        location /page/ { ${inject} nexus_scrub_response on body=64k; proxy_intercept_errors on; error_page 401 404 /fallback; ${to} }
        location /fallback { internal; return 200 "fallback"; }
        location = /metrics { nexus_metrics; }
        ${locations}`,
    ...more,
  });
  const key = await edge.addAgent();
  const connect = async (fields) => ({ 'x-nexus-key': key, 'x-nexus-connection': await edge.addConnection(fields) });
  return Object.assign(edge, { state, connect, headers: await connect({ credentials: { access_token: token, token_type: 'Bearer' } }) });
}

/** A whole answer in one piece. */
const whole = (body, lines = [], status = '200 OK') => `HTTP/1.1 ${status}\r\n${lines.map((line) => `${line}\r\n`).join('')}Content-Length: ${Buffer.byteLength(body, 'latin1')}\r\n\r\n${body}`;
const chunked = (pieces) => [`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n`, ...pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`), '0\r\n\r\n'];

test('heads: every line, in every form, and what logs and variables show of them', async (t) => {
  const edge = await start(t, () => [whole('fine', [`X-Echo: a ${token} b`, `WWW-Authenticate: Bearer realm="${token}"`, `Location: /x?token=${encoded.percent}`,
    `Set-Cookie: s=${Buffer.from(`user:${token}`).toString('base64')}; Path=/`, `Content-Type: text/plain; note="${token}"`, `${token.replaceAll(/[^a-z0-9-]/gi, '-')}: 1`, 'ETag: "abc"'],
  `200 ${token}`)]);
  const off = await edge.get('/off/', { headers: edge.headers });
  assert.match(JSON.stringify(off.headers), /canary\/At/, 'off by default');

  const answer = await edge.get('/head/', { headers: edge.headers });
  assert.equal(answer.status, 200);
  assert.equal(answer.text, 'fine');
  assert.equal(answer.headers['x-echo'], `a ${stars} b`);
  assert.equal(answer.headers['www-authenticate'], `Bearer realm="${stars}"`);
  assert.ok(answer.headers.location.endsWith(`/x?token=${'*'.repeat(encoded.percent.length)}`), answer.headers.location);
  assert.equal(answer.headers['content-type'], `text/plain; note="${stars}"`);
  assert.equal(answer.headers.etag, '"abc"');
  assert.match(answer.headers['set-cookie'][0], /^s=.{8}\*+.{0,2}; Path=\/$/);
  assertNoSecrets({ token }, { answer: JSON.stringify(answer.headers), ...files(edge.nginx.dir) });
  assert.match(edge.nginx.errorLog(), /the head of the provider's answer held the credential/);
  assert.match((await edge.get('/metrics')).text, /nexus_scrubbed_total 1\n/);

  const cookies = await edge.get('/cookies/', { headers: edge.headers });
  assert.equal(cookies.headers['set-cookie'], undefined);
  assert.equal(cookies.text, 'fine');
});

test('bodies, wherever they are cut, with a length and in chunks, buffered and not', async (t) => {
  const edge = await start(t, () => []);
  const text = `<${token}> ${encoded.percent} ${encoded['percent, small']} ${encoded.json} canary/At+9f8e ${Buffer.from(`me:${token}`).toString('base64')} canary/A`;
  const good = `<${stars}> ${'*'.repeat(encoded.percent.length)} ${'*'.repeat(encoded.percent.length)} ${'*'.repeat(encoded.json.length)} canary/At+9f8e `;
  for (const path of ['/body/', '/unbuffered/']) {
    for (const size of [1, 3, 7, 29, 1000]) {
      const pieces = text.match(new RegExp(`.{1,${size}}`, 'g'));
      for (const answer of [[whole('', []).replace('Content-Length: 0', `Content-Length: ${text.length}`), ...pieces], chunked(pieces)]) {
        edge.state.answer = () => answer;
        const got = await edge.get(path, { headers: edge.headers });
        const where = `${path} ${size} ${answer[0]}`;
        assert.equal(got.text.length, text.length, where);
        assert.ok(got.text.startsWith(good), `${where}: ${got.text}`);
        assert.ok(got.text.endsWith(' canary/A'), where);
        assertNoSecrets({ token }, { [where]: got.text });
      }
    }
  }
  assertNoSecrets({ token }, files(edge.nginx.dir));
});

test('a large body that holds it everywhere, to a caller that reads slowly, leaves nothing on the disk', async (t) => {
  const edge = await start(t, () => []);
  const line = `${token}${'.'.repeat(1000)}`;
  const body = line.repeat(3000);
  edge.state.answer = () => [whole(body)];
  for (const path of ['/body/', '/unbuffered/']) {
    const socket = net.connect(edge.port, '127.0.0.1');
    const received = [];
    socket.write(`GET ${path} HTTP/1.0\r\nX-Nexus-Key: ${edge.headers['x-nexus-key']}\r\nX-Nexus-Connection: ${edge.headers['x-nexus-connection']}\r\n\r\n`);
    await new Promise((resolve) => { socket.once('readable', resolve); });
    assert.deepEqual(Object.keys(files(`${edge.nginx.dir}/proxy_temp`)), []);
    for await (const data of socket) {
      received.push(data);
    }
    const text = Buffer.concat(received).toString('latin1').split('\r\n\r\n').slice(1).join('');
    assert.equal(text.length, body.length, path);
    const looked = Math.floor((64 * 1024) / line.length);
    assert.ok(text.startsWith(`${stars}${'.'.repeat(1000)}`.repeat(looked)), path);
    assert.ok(text.endsWith(line), 'what is behind body= is not looked into');
  }
});

test('the bound is bytes of the body: what begins before it is covered whole', async (t) => {
  const edge = await start(t, () => [`HTTP/1.1 200 OK\r\nContent-Length: ${95 + 2 * token.length}\r\n\r\n`, '.'.repeat(95) + token.slice(0, 6), token.slice(6), token]);
  const answer = await edge.get('/little/', { headers: edge.headers });
  assert.equal(answer.text.slice(0, 95 + token.length), '.'.repeat(95) + stars);
  assert.equal(answer.text.length, 95 + 2 * token.length);
});

test('compressed answers and parts of bodies are not asked for, and not passed on', async (t) => {
  const edge = await start(t, () => [whole(token, ['Accept-Ranges: bytes'])]);
  const asked = { 'accept-encoding': 'gzip, br', range: 'bytes=0-7', 'if-range': '"x"' };
  for (const path of ['/body/', '/head/']) {
    const answer = await edge.get(path, { headers: { ...edge.headers, ...asked } });
    assert.equal(answer.status, 200);
    const sent = edge.state.heads.at(-1);
    assert.equal(/^(accept-encoding|range|if-range):/im.test(sent), path === '/head/', sent);
    assert.equal(answer.headers['accept-ranges'], path === '/head/' ? 'bytes' : undefined);
    assert.equal(answer.text, path === '/head/' ? token : stars);
  }
  const packed = zlib.gzipSync(token).toString('latin1');
  edge.state.answer = () => [whole(packed, ['Content-Encoding: gzip', 'X-Echo: yes'])];
  const refused = await edge.get('/body/', { headers: edge.headers });
  assert.equal(refused.status, 502);
  assert.equal(refused.headers['content-encoding'], undefined);
  assert.equal(refused.headers['x-echo'], undefined);
  assert.match(edge.nginx.errorLog(), /compressed though nobody asked for that/);
  assert.equal((await edge.get('/body/', { method: 'HEAD', headers: edge.headers })).status, 200, 'nothing to look into');
  assert.equal((await edge.get('/head/', { headers: edge.headers })).headers['content-encoding'], 'gzip');

  for (const lines of [['Content-Encoding: gzip', 'Content-Encoding: identity'], ['Content-Encoding: gzip, identity'], ['Transfer-Encoding: gzip']]) {
    edge.state.answer = () => [lines[0].startsWith('T') ? `HTTP/1.1 200 OK\r\n${lines[0]}\r\n\r\n${packed}` : whole(packed, lines), null];
    assert.equal((await edge.get('/body/', { headers: edge.headers })).status, 502, lines.join());
  }

  edge.state.answer = () => [whole(token, ['Content-Encoding: identity'])];
  assert.equal((await edge.get('/body/', { headers: edge.headers })).text, stars);
  edge.state.answer = () => [whole(`"${token}"`)];
  const zipped = await edge.get('/zip/', { headers: { ...edge.headers, 'accept-encoding': 'gzip' } });
  assert.equal(zipped.headers['content-encoding'], 'gzip', 'towards the caller nginx may compress');
  assert.equal(zlib.gunzipSync(zipped.body).toString(), `"${stars}"`);
});

test('HEAD, 304, 204, error pages, HTTP/2 and connections that are kept', async (t) => {
  const edge = await start(t, (head) => [head.startsWith('HEAD') ? `HTTP/1.1 200 OK\r\nX-Echo: ${token}\r\nContent-Length: 27\r\n\r\n`
    : head.includes('/304') ? `HTTP/1.1 304 Not Modified\r\nETag: "${token}"\r\n\r\n`
      : head.includes('/204') ? `HTTP/1.1 204 No Content\r\nX-Echo: ${token}\r\n\r\n`
        : head.includes('/401') ? whole(token, [`WWW-Authenticate: Basic realm="${token}"`], '401 Unauthorized') : whole(`a ${token}`, [`X-Echo: ${token}`])]);
  const { headers } = edge;
  const head = await edge.get('/body/', { method: 'HEAD', headers });
  assert.equal(head.headers['content-length'], '27');
  assert.equal(head.headers['x-echo'], stars);
  assert.equal((await edge.get('/body/304', { headers })).headers.etag, `"${stars}"`);
  assert.equal((await edge.get('/body/204', { headers })).headers['x-echo'], stars);
  const page = await edge.get('/page/401', { headers });
  assert.equal(page.text, 'fallback');
  assertNoSecrets({ token }, { page: JSON.stringify(page.headers) });
  for (let round = 0; round < 5; round++) {
    assert.equal((await edge.get('/body/', { headers })).text, `a ${stars}`);
  }

  const client = http2.connect(edge.h2);
  cleanup(t, () => client.destroy());
  const got = await new Promise((resolve, reject) => {
    const stream = client.request({ ':path': '/body/', ...headers });
    const all = { body: '' };
    stream.on('response', (lines) => { all.headers = lines; });
    stream.on('data', (data) => { all.body += data; });
    stream.on('end', () => resolve(all));
    stream.on('error', reject);
    stream.end();
  });
  assert.equal(got.body, `a ${stars}`);
  assert.equal(got.headers['x-echo'], stars);
});

test('a location that an error page leads to covers what the one before it has sent', async (t) => {
  const other = 'second-canary-0123456789';
  const edge = await start(t, (head) => [head.includes('/one') ? whole('', [`WWW-Authenticate: Basic realm="${token}"`], '401 Unauthorized') : whole(`${other} ${token}`)], {
    locations: `
      location /one/ { set $second $arg_b; nexus_inject auto; nexus_connection $arg_a; nexus_allow_private 127.0.0.0/8; nexus_scrub_response on; nexus_allow_hosts raw; proxy_set_header Host 127.0.0.1;
        proxy_intercept_errors on; error_page 401 /two; proxy_pass http://raw; }
      location = /two { internal; nexus_inject auto; nexus_connection $second; nexus_allow_private 127.0.0.0/8; nexus_scrub_response on body=1k; nexus_allow_hosts raw;
        proxy_set_header Host 127.0.0.1; proxy_pass http://raw; }`,
  });
  const [a, b] = [edge.headers['x-nexus-connection'], (await edge.connect({ credentials: { access_token: other } }))['x-nexus-connection']];
  const answer = await edge.get(`/one/?a=${a}&b=${b}`, { headers: { 'x-nexus-key': edge.headers['x-nexus-key'] } });
  assert.equal(answer.status, 401, 'of the error page');
  assert.equal(answer.text, `${'*'.repeat(other.length)} ${stars}`);
  assert.equal(edge.state.heads.length, 2);
  assertNoSecrets({ token, other }, { answer: JSON.stringify(answer.headers) });
});

test('cookies that are dropped do not come back by a redirect, or because there is nothing to look for', async (t) => {
  const edge = await start(t, (head) => {
    const path = head.split(' ')[1];
    return [whole('', path.startsWith('/fall') ? ['Set-Cookie: own=1'] : [...(path.startsWith('/cookies/to') ? [`X-Accel-Redirect: ${path.slice('/cookies/to'.length)}`] : []), 'Set-Cookie: sess=abc'])];
  }, {
    locations: `
      location = /fall { internal; nexus_scrub_response on set_cookie=drop; return 200 "fine"; }
      location = /fall/proxied { internal; proxy_pass http://raw; }
      location = /fall/injected { internal; ${inject} nexus_scrub_response on; proxy_set_header Host 127.0.0.1; nexus_allow_hosts raw; proxy_pass http://raw; }`,
  });
  const cookies = async (path, headers = edge.headers) => {
    const answer = await edge.get(path, { headers });
    assert.equal(answer.status, 200, path);
    return answer.headers['set-cookie'];
  };
  assert.equal(await cookies('/cookies/to/fall'), undefined);
  assert.deepEqual(await cookies('/cookies/to/fall/proxied'), ['own=1'], 'another server\'s cookie');
  assert.deepEqual(await cookies('/cookies/to/fall/injected'), ['own=1'], 'a location that says pass');
  assert.equal(await cookies('/cookies/', await edge.connect({ credentials: { access_token: 'short' } })), undefined);
  assert.deepEqual(await cookies('/head/'), ['sess=abc']);
});

test('events arrive when they are sent', async (t) => {
  const edge = await start(t, () => []);
  edge.state.answer = function* events() { yield 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'; yield '9\r\ndata: a\n\n\r\n'; };
  const socket = net.connect(edge.port, '127.0.0.1');
  cleanup(t, () => socket.destroy());
  socket.write(`GET /unbuffered/ HTTP/1.1\r\nHost: x\r\nX-Nexus-Key: ${edge.headers['x-nexus-key']}\r\nX-Nexus-Connection: ${edge.headers['x-nexus-connection']}\r\n\r\n`);
  let text = '';
  for await (const data of socket) {
    text += data;
    if (text.includes('data: a\n\n')) {
      return;
    }
  }
  assert.fail('the connection ended before the event came');
});

test('other strategies: what was sent and what it was made of', async (t) => {
  const secret = 'pass-w0rd-1234567';
  const edge = await start(t, (head) => [whole(head)]);
  const kinds = {
    basic_auth: [{ strategy: 'basic_auth', credentials: { username: 'alice@example.com', password: secret } }, Buffer.from(`alice@example.com:${secret}`).toString('base64')],
    header: [{ strategy: 'header', strategy_config: { header_name: 'X-Key' }, credentials: { api_key: secret } }, secret],
    query_param: [{ strategy: 'query_param', strategy_config: { param_name: 'key' }, credentials: { api_key: 'pass/word w1234' } }, 'pass%2Fword%20w1234'],
    cookie: [{ strategy: 'cookie', strategy_config: { cookie_name: 'sid' }, credentials: { api_key: secret } }, secret],
    hmac_payload: [{ strategy: 'hmac_payload', strategy_config: { header_name: 'X-Signature', template: 'x' }, credentials: { api_secret: secret } }],
    aws_sigv4: [{ strategy: 'aws_sigv4', strategy_config: { service: 's3' }, credentials: { access_key: 'AKIDEXAMPLE12345', secret_key: `${secret}/secret`, session_token: `${secret}/session` } }, `${secret}/session`],
  };
  for (const [kind, [fields, sent]] of Object.entries(kinds)) {
    const answer = await edge.get('/body/echo', { headers: await edge.connect(fields) });
    const said = edge.state.heads.at(-1);
    assert.equal(answer.status, 200, `${kind}: ${answer.text}`);
    assert.equal(answer.text.length, said.length, kind);
    assert.notEqual(answer.text, said, kind);
    if (sent) {
      assert.ok(said.includes(sent), kind);
      assert.ok(!answer.text.includes(sent), kind);
    }
    const signature = /signature[=:] ?([0-9a-f]{64})/i.exec(said)?.[1];
    assert.equal(signature !== undefined, ['hmac_payload', 'aws_sigv4'].includes(kind));
    assert.ok(!signature || !answer.text.includes(signature), kind);
    const own = Object.entries(fields.credentials).filter(([name]) => !['username', 'access_key'].includes(name));
    assertNoSecrets(Object.fromEntries(own), { [kind]: answer.text });
  }
});

test('a secret in the percent-encodings that are usual', async (t) => {
  const secret = "canary!At*9f8e(7)d'6c5b4a=3210";
  const edge = await start(t, () => []);
  const headers = await edge.connect({ credentials: { access_token: secret } });
  for (const form of [encodeURIComponent(secret), new URLSearchParams({ a: secret }).toString().slice(2)]) {
    edge.state.answer = () => [whole(form, [`Location: /x?token=${form}`])];
    const answer = await edge.get('/body/', { headers });
    assert.equal(answer.text, '*'.repeat(form.length));
    assert.ok(answer.headers.location.endsWith(`=${answer.text}`), answer.headers.location);
  }
});

test('a signature that is quoted alone', async (t) => {
  const edge = await start(t, (head) => [whole(`expected another than ${decodeURIComponent(/[Ss]ignature[:=] ?"?(?:v0:)?([\w%+/=-]+)"?\r\n/.exec(head)[1])}.`)]);
  const kinds = {
    'hmac_payload in base64': { strategy: 'hmac_payload', strategy_config: { header_name: 'X-Signature', template: 'x', encoding: 'base64', value_prefix: 'v0:' }, credentials: { api_secret: 'pass-w0rd-1234567' } },
    aws_sigv4: { strategy: 'aws_sigv4', strategy_config: { service: 's3' }, credentials: { access_key: 'AKIDEXAMPLE12345', secret_key: 'pass-w0rd-1234567' } },
    oauth1: { strategy: 'oauth1', credentials: { consumer_key: 'consumer-1234', consumer_secret: 'pass-w0rd-1234567' } },
  };
  for (const [kind, fields] of Object.entries(kinds)) {
    assert.match((await edge.get('/body/', { headers: await edge.connect(fields) })).text, /^expected another than \*{28,64}\.$/, kind);
  }
});

test('what a record holds beside its secrets is no secret', async (t) => {
  const secret = 'pass-w0rd-1234567';
  const edge = await start(t, () => [whole('', ['Location: https://api.example.com/crm/v3/contacts/1', 'X-OAuth-Scopes: contacts', 'X-Account: alice@example.com',
    'X-Key: consumer-1234', `X-Echo: ${secret}`], '201 Created')]);
  const kinds = [
    { credentials: { access_token: secret, token_type: 'Bearer', scope: 'contacts' } },
    { strategy: 'header', strategy_config: { header_name: 'X-Auth-Email', credential_field: 'email', header_name_2: 'X-Auth-Key', credential_field_2: 'api_key' },
      credentials: { email: 'alice@example.com', api_key: secret } },
    { strategy: 'oauth1', credentials: { consumer_key: 'consumer-1234', consumer_secret: secret } },
  ];
  for (const fields of kinds) {
    const { headers } = await edge.get('/head/', { headers: await edge.connect(fields) });
    assert.equal(headers.location, 'https://api.example.com/crm/v3/contacts/1');
    assert.equal(headers['x-oauth-scopes'], 'contacts');
    assert.equal(headers['x-account'], 'alice@example.com');
    assert.equal(headers['x-key'], 'consumer-1234');
    assert.equal(headers['x-echo'], '*'.repeat(secret.length));
  }
});

/** An edge in front of a gRPC server. answer(flow, fields): on it */
async function startRpc(t, answer) {
  const server = http2.createServer();
  const seen = [];
  server.on('stream', (flow, fields) => {
    seen.push(fields);
    flow.on('error', () => {});
    flow.resume();
    answer(flow, fields);
  });
  const port = await listen(t, server);
  const edge = await start(t, () => [], {
    http: "log_format rpc 'seen $upstream_trailer_grpc_message';",
    locations: `location /rpc/ { ${inject} nexus_scrub_response on body=64k; grpc_pass grpc://127.0.0.1:${port}; }
      location /rpc/trailers/ { ${inject} nexus_scrub_response on; access_log rpc.log rpc; grpc_pass grpc://127.0.0.1:${port}; }
      location /rpc/heads/ { ${inject} nexus_scrub_response on; grpc_pass grpc://127.0.0.1:${port}; }`,
  });
  const client = http2.connect(edge.h2);
  cleanup(t, () => client.destroy());
  /** returns {fields, trailers, body} */
  const call = (fields, path = '/rpc/call') => new Promise((resolve, reject) => {
    const flow = client.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', ...edge.headers, ...fields });
    const all = { body: Buffer.alloc(0) };
    flow.on('response', (got) => { all.fields = got; });
    flow.on('trailers', (got) => { all.trailers = got; });
    flow.on('data', (data) => { all.body = Buffer.concat([all.body, data]); });
    flow.on('close', () => resolve(all));
    flow.on('error', reject);
    flow.end();
  });
  return { edge, seen, call };
}

const rpcMessage = (flag, bytes) => Buffer.concat([Buffer.from([flag, 0, 0, 0, bytes.length]), Buffer.from(bytes)]);

test('gRPC: fields, messages and trailers', async (t) => {
  const { edge, call } = await startRpc(t, (flow, { authorization: said }) => {
    flow.respond({ ':status': 200, 'content-type': 'application/grpc', 'x-echo': said }, { waitForTrailers: true });
    flow.on('wantTrailers', () => flow.sendTrailers({ 'grpc-status': '2', 'grpc-message': `failed with ${encodeURIComponent(said)}`, [said.slice(7).replaceAll(/[^a-z0-9-]/g, '-')]: '1' }));
    flow.end(rpcMessage(0, `said ${said}`));
  });
  const got = await call({});
  assert.equal(got.fields['x-echo'], `Bearer ${stars}`);
  assert.equal(got.trailers['grpc-status'], '2');
  assert.equal(got.trailers['grpc-message'], `failed with Bearer%20${'*'.repeat(encoded.percent.length)}`);
  assert.equal(got.body.subarray(5).toString(), `said Bearer ${stars}`);
  assertNoSecrets({ token }, files(edge.nginx.dir));

  const plain = 'canary-in-lower-case-0815';
  const named = await call(await edge.connect({ credentials: { access_token: plain } }));
  assert.equal(named.trailers['*'.repeat(plain.length)], '1', JSON.stringify(named.trailers));
  await call({}, '/rpc/trailers/');
  await waitFor('its line', () => /^seen failed with Bearer%20\*+$/m.test(files(edge.nginx.dir)[`${edge.nginx.dir}/rpc.log`]));
});

test('gRPC: compressed messages are not asked for, and not passed on', async (t) => {
  let encoding = 'gzip';
  const { edge, seen, call } = await startRpc(t, (flow, { authorization: said }) => {
    flow.respond({ ':status': 200, 'content-type': 'application/grpc', ...(encoding && { 'grpc-encoding': encoding }) }, { waitForTrailers: true });
    flow.on('wantTrailers', () => flow.sendTrailers({ 'grpc-status': '0' }));
    flow.end(encoding === 'gzip' ? rpcMessage(1, zlib.gzipSync(said)) : rpcMessage(0, said));
  });
  const refused = await call({ 'grpc-accept-encoding': 'gzip' });
  assert.equal(seen.at(-1)['grpc-accept-encoding'], undefined);
  assert.equal(refused.fields['grpc-status'], '14', JSON.stringify(refused.fields));
  assert.equal(refused.fields['grpc-encoding'], undefined);
  assert.equal(refused.body.length, 0);
  assert.match(edge.nginx.errorLog(), /compressed though nobody asked for that/);

  const heads = await call({ 'grpc-accept-encoding': 'gzip' }, '/rpc/heads/');
  assert.equal(seen.at(-1)['grpc-accept-encoding'], 'gzip');
  assert.equal(heads.fields['grpc-encoding'], 'gzip');
  for (encoding of ['identity', undefined]) {
    assert.equal((await call({})).body.subarray(5).toString(), `Bearer ${stars}`);
  }
});

test('gRPC: a secret that reads like a field of HPACK\'s static table', async (t) => {
  const { edge, call } = await startRpc(t, (flow) => {
    flow.respond({ ':status': 200, 'content-type': 'application/grpc', 'accept-encoding': 'gzip, deflate' }, { waitForTrailers: true });
    flow.on('wantTrailers', () => flow.sendTrailers({ 'grpc-status': '0', 'accept-encoding': 'gzip, deflate' }));
    flow.end();
  });
  for (const secret of ['content-type', 'gzip, deflate', 'accept-encoding']) {
    const got = await call(await edge.connect({ strategy: 'header', credentials: { api_key: secret } }));
    assert.equal(got.fields?.[':status'], 200, secret);
    assert.equal(got.trailers['grpc-status'], '0', secret);
  }
});
