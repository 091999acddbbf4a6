// Interim answers (1xx) of a provider: nobody sees them, and the answer behind them is the one that is scrubbed, repeated,
// waited for and passed on.
import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { test } from 'node:test';
import { cleanup } from '../support/cleanup.mjs';
import { listen } from '../support/listen.mjs';
import { sealToken } from '../support/records.mjs';
import { waitFor } from '../support/wait.mjs';
import { caller, errorBody, onlyRefreshes, startEdge } from './edge-fixture.mjs';
import { h2Fields, h2Frame, startRaw } from './wire-fixture.mjs';

const inject = 'nexus_inject auto; nexus_connection $http_x_nexus_connection; nexus_allow_private 127.0.0.0/8;';
const to = 'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host 127.0.0.1; nexus_allow_hosts raw; proxy_pass http://raw;';

/** A provider of raw bytes. edge.state.answer(head, connection): pieces; edge.state.seen: [{head, connection}] */
async function start(t, { http: more = '', controlPlane } = {}) {
  const state = { answer: () => [], seen: [] };
  const answer = (head, connection) => {
    state.seen.push({ head, connection });
    return state.answer(head, connection);
  };
  const [port, second] = [await startRaw(t, answer), await startRaw(t, (head) => answer(head, 'second'))];
  const edge = await startEdge(t, {
    controlPlane,
    http: `upstream raw { server 127.0.0.1:${port} max_fails=0; keepalive 4; }
      upstream two { server 127.0.0.1:${port} max_fails=0; server 127.0.0.1:${second} backup; } ${more}`,
    locations: `
        nexus_scrub_response on body=64k;
        location / { ${inject} ${to} }
        location /unbuffered/ { ${inject} proxy_buffering off; ${to} }
        location /replay/ { ${inject} nexus_retry_unauthorized on; ${to} }
        location /pause/ { ${inject} nexus_provider_pause on; ${to} }
        location /two/ { ${inject} proxy_http_version 1.1; proxy_set_header Host 127.0.0.1; nexus_allow_hosts two;
            proxy_next_upstream error invalid_header http_503; proxy_pass http://two; }
        location /upgrade/ { ${inject} proxy_http_version 1.1; proxy_set_header Connection upgrade;
            proxy_set_header Upgrade $http_upgrade; proxy_set_header Host 127.0.0.1; nexus_allow_hosts raw; proxy_pass http://raw; }
        location /no-upgrade/ { ${inject} ${to} }`,
  });
  return Object.assign(edge, { state });
}

/** All bytes that nginx sends to a request after which it closes. */
function exchange(edge, path, { headers }, method = 'GET', lines = '') {
  return new Promise((resolve, reject) => {
    const socket = net.connect(edge.port, '127.0.0.1');
    let text = '';
    socket.setEncoding('latin1');
    socket.setTimeout(15000, () => socket.destroy(new Error(`no end of ${JSON.stringify(text)}`)));
    socket.on('data', (data) => { text += data; });
    socket.on('end', () => { socket.destroy(); resolve(text); });
    socket.on('error', reject);
    const own = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('');
    socket.write(`${method} ${path} HTTP/1.1\r\nHost: edge\r\n${own}${lines || 'Connection: close\r\n'}\r\n`);
  });
}

const early = 'HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\nContent-Length: 0\r\nX-Accel-Redirect: /elsewhere\r\n\r\n';
const interim = {
  early,
  'a 100 that nobody waits for': 'HTTP/1.1 100 Continue\r\n\r\n',
  'a 102': 'HTTP/1.1 102 Processing\r\nX-Accel-Buffering: no\r\nConnection: close\r\n\r\n',
  'one that nobody knows, of HTTP/1.0, by lines that end with LF alone': 'HTTP/1.0 199\nA: b\n\n',
  several: `${early}HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 \r\n\r\n${early}`,
  'more than there is room for at once': `HTTP/1.1 103 x\r\nLink: ${'x'.repeat(3000)}\r\n\r\n`.repeat(5),
};
const cut = (text, size) => (size === undefined ? [text] : text.match(new RegExp(`[^]{1,${size}}`, 'g')));
const whole = (body, lines = '', status = '200 OK') => `HTTP/1.1 ${status}\r\n${lines}Content-Length: ${body.length}\r\n\r\n${body}`;

for (const [name, text] of Object.entries(interim)) {
  test(`the answer behind it is scrubbed and passed on, however both are cut: ${name}`, async (t) => {
    const edge = await start(t);
    const calling = await caller(edge);
    const token = `at-${calling.id}`;
    for (const size of text.length > 4096 ? [undefined, 1000] : [undefined, 1, 7]) {
      for (const path of ['/', '/unbuffered/']) {
        for (const method of ['GET', 'HEAD']) {
          edge.state.answer = () => cut(text + (method === 'HEAD' ? whole(`<${token}>`, `X-Echo: ${token}\r\n`).slice(0, -token.length - 2) : whole(`<${token}>`, `X-Echo: ${token}\r\n`)), size);
          const got = await exchange(edge, path, calling, method);
          const where = `${path} ${method} ${size}: ${got}`;
          const [head, body] = got.split('\r\n\r\n');
          assert.match(head, /^HTTP\/1\.1 200 OK\r\n/, where);
          assert.match(head, /\r\nX-Echo: \*+$/, where);
          assert.doesNotMatch(head, /\r\n(Link|A|X-Accel[^:]*):/, where);
          assert.equal(body, method === 'HEAD' ? '' : `<${'*'.repeat(token.length)}>`, where);
        }
      }
    }
    assert.deepEqual([...new Set(edge.state.seen.map(({ connection }) => connection))], [1], 'the connection to the provider is kept');
  });
}

test('the client\'s connection is kept, and its next call answered', async (t) => {
  const edge = await start(t);
  const calling = await caller(edge);
  edge.state.answer = () => ['HTTP/1.1 103 Early Hints\r\n\r\n', whole('ok')];
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  cleanup(t, () => agent.destroy());
  for (let i = 0; i < 3; i++) {
    const answer = await edge.get('/', { ...calling, agent, timeout: 5000 });
    assert.equal(answer.status, 200);
    assert.equal(answer.text, 'ok');
  }
});

test('a 401 behind it is held back and the request sent again', async (t) => {
  const edge = await start(t, {
    controlPlane: onlyRefreshes(async (id, generation) => (await sealToken(edge.keys.CACHE_KEY, {
      connection_id: id, generation: generation + 1, credentials: { access_token: 'renewed' },
    }))[1]),
  });
  const calling = await caller(edge, { generation: 1, refreshable: true });
  edge.state.answer = (head) => [early, /Bearer renewed/.test(head) ? whole('fine') : whole('ended', '', '401 Unauthorized')];
  const answer = await edge.get('/replay/', calling);
  assert.equal(answer.status, 200);
  assert.equal(answer.text, 'fine');
  assert.equal(edge.state.seen.length, 2);
});

test('a Retry-After behind it is remembered', async (t) => {
  const edge = await start(t);
  const calling = await caller(edge);
  edge.state.answer = () => [early, whole('', 'Retry-After: 60\r\n', '429 Too Many Requests')];
  assert.equal((await edge.get('/pause/', calling)).status, 429);
  errorBody(assert, await edge.get('/pause/', calling), 429, 'rate_limited');
  assert.equal(edge.state.seen.length, 1);
});

test('the next upstream\'s answer is read in the same way, whatever the first one broke off with', async (t) => {
  const edge = await start(t);
  const calling = await caller(edge);
  const token = `at-${calling.id}`;
  const broken = { 'a 503': [early, whole('', '', '503 Busy')], 'an interim answer': [early, null], 'half of one': [early.slice(0, 40), null],
    'half of its status line': ['HTTP/1.1 10', null], 'what has no status line': ['<html>', null], 'no end of interim ones': [early.repeat(40), null] };
  for (const [name, first] of Object.entries(broken)) {
    edge.state.answer = (head, connection) => (connection === 'second' ? cut(early.repeat(20) + whole('ok', `X-Echo: ${token}\r\n`), 300) : first);
    const answer = await edge.get('/two/', calling);
    assert.equal(answer.status, 200, name);
    assert.equal(answer.headers['x-echo'], '*'.repeat(token.length), name);
    assert.equal(answer.text, 'ok', name);
  }
});

test('what is no answer is 502 and not passed on', async (t) => {
  const edge = await start(t);
  const calling = await caller(edge);
  const token = `at-${calling.id}`;
  const echo = whole(token, `X-Echo: ${token}\r\n`);
  const bad = {
    'no status line': [[`${token}\r\n\r\n`, null], /sent no status line/],
    'a status line after some other text': [[`hello\r\n${echo}`, null], /sent no status line/],
    'no status line behind an interim answer': [[early, `${token}\r\n\r\n`, null], /sent no status line/],
    'a status below all': [[`HTTP/1.1 000 x\r\nX-Echo: ${token}\r\n\r\n`, null], /sent no status line/],
    'no end of interim answers': [[early.repeat(33) + echo], /sent too many interim answers/],
    'an interim answer with what is no header line': [[`HTTP/1.1 103 x\r\nA\0: b\r\n\r\n${echo}`], /sent a malformed interim answer/],
    'an interim answer that is too large': [[`HTTP/1.1 103 x\r\nLink: ${'x'.repeat(70000)}\r\n\r\n${echo}`], /sent too big header/],
    'another protocol': [[`HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n${echo}`], /switches protocols though nobody asked/],
    'nothing else': [[early, null], /prematurely closed/],
  };
  for (const [name, [pieces, log]] of Object.entries(bad)) {
    edge.state.answer = () => pieces;
    const answer = await exchange(edge, '/', calling);
    assert.match(answer, /^HTTP\/1\.1 502 /, `${name}: ${answer}`);
    assert.ok(!answer.includes(token), name);
    await waitFor('its line', () => log.test(edge.nginx.errorLog()));
  }
  edge.state.answer = () => [early.repeat(32), whole('ok')];
  assert.equal((await edge.get('/', calling)).text, 'ok', 'as many are dropped');
});

test('a 101 is an answer where the request that was sent asks for it', async (t) => {
  const edge = await start(t);
  const calling = await caller(edge);
  const asked = 'Connection: upgrade\r\nUpgrade: x\r\n';
  const switched = 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n';
  edge.state.answer = () => [early, `${switched}in the tunnel`, null];
  assert.match(await exchange(edge, '/upgrade/', calling, 'GET', asked), /^HTTP\/1\.1 101 [^]*\r\n\r\nin the tunnel$/);
  const refused = await exchange(edge, '/no-upgrade/', calling, 'GET', `${asked}Connection: close\r\n`);
  assert.match(refused, /^HTTP\/1\.1 502 /, 'the location does not pass the question on');
});

test('a caller over HTTP/2 is not switched, whatever it asks for: its connection has other streams', async (t) => {
  const edge = await start(t);
  const { headers } = await caller(edge);
  const forged = Buffer.concat([h2Frame(1, 0x4, 1, Buffer.from([0x88])), h2Frame(0, 0x1, 1, Buffer.from('FORGED'))]).toString('latin1');
  edge.state.answer = (head) => (/^GET \/upgrade/.test(head) ? [`HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n${forged}`, null] : []);
  const ask = (stream, path, fields = []) => h2Frame(1, 0x5, stream, h2Fields([[':method', 'GET'], [':scheme', 'http'], [':path', path], [':authority', 'edge'],
    ...Object.entries(headers), ...fields]));

  const socket = net.connect(Number(new URL(edge.h2).port), '127.0.0.1');
  cleanup(t, () => socket.destroy());
  let got = '';
  socket.setEncoding('latin1');
  socket.on('data', (data) => { got += data; });
  socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), h2Frame(4, 0, 0, Buffer.alloc(0)), ask(1, '/silent')]));
  await waitFor('the silent one', () => edge.state.seen.length === 1);
  socket.write(ask(3, '/upgrade/', [['upgrade', 'websocket']]));
  await waitFor('an answer', () => /502|FORGED/.test(got));
  assert.match(edge.state.seen[1].head, /^Upgrade: websocket\r$/m, 'the location passes the question on');
  assert.ok(!got.includes('FORGED'), 'on the stream of another');
  assert.match(edge.nginx.errorLog(), /switches protocols though nobody asked/);
});

test('a 100 while the body is still being sent does not end it', async (t) => {
  let received = '';
  const port = await listen(t, net.createServer((socket) => {
    socket.write('HTTP/1.1 100 Continue\r\n\r\n');
    socket.on('data', (data) => {
      received += data.toString('latin1');
      if (received.endsWith('the end')) {
        socket.write(`${early}${whole('taken')}`);
      }
    });
  }));
  const edge = await startEdge(t, {
    locations: `location / { ${inject} proxy_http_version 1.1; proxy_request_buffering off; proxy_pass http://127.0.0.1:${port}; }`,
  });
  const { headers } = await caller(edge);
  const body = `${'x'.repeat(200_000)}the end`;
  const outgoing = http.request(edge.url, { method: 'POST', headers: { ...headers, 'content-length': body.length } });
  const answered = new Promise((resolve, reject) => { outgoing.on('response', resolve).on('error', reject); });
  outgoing.write(body.slice(0, 100_000));
  await waitFor('the first half', () => received.length > 100_000);
  outgoing.end(body.slice(100_000));
  const answer = await answered;
  assert.equal(answer.statusCode, 200);
  answer.resume();
  assert.equal(received.split('\r\n\r\n')[1], body);
});
