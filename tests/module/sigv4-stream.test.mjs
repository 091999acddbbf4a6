// nexus_sigv4 payload=stream: plain uploads leave in chunks that are signed one by one, while they arrive.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { test } from 'node:test';
import { makeCa } from '../support/certificates.mjs';
import { verifyChunks } from '../support/chunk-verifier.mjs';
import { cleanup } from '../support/cleanup.mjs';
import { serve } from '../support/http.mjs';
import { watched } from '../support/paths.mjs';
import { findPort } from '../support/ports.mjs';
import { refusalOf } from '../support/sigv4-verifier.mjs';
import { assertArrived, caller, KIB, KINDS, SECRETS, start, stream } from './sigv4-upload-fixture.mjs';

const SIZES = [64 * KIB + 1, 128 * KIB, 3000 * KIB];

test('plain bodies: every kind of upstream, sizes around those of chunks', async (t) => {
  const edge = await start(t);
  const headers = await caller(edge);
  for (const kind of KINDS) {
    for (const size of SIZES) {
      const body = randomBytes(size);
      const answer = await edge.get(`/${kind}/bucket/object`, { method: 'PUT', body, headers: { ...headers, 'content-encoding': 'gzip', 'x-amz-date': '20200101T000000Z', 'x-amz-security-token': 'dummy' } });
      assert.equal(answer.status, 200, `${kind}, ${size}: ${answer.text}`);
      const { headers: arrived } = assertArrived(edge, body, `${kind}, ${size}`);
      assert.equal(arrived['content-encoding'], 'aws-chunked,gzip');
      assert.ok(!('x-amz-security-token' in arrived || 'x-nexus-key' in arrived || 'x-amz-trailer' in arrived));
    }
  }
});

test('small bodies, and those of other operations, are read first and signed as a whole', async (t) => {
  const edge = await start(t);
  const headers = await caller(edge);
  const whole = async (path, size, more = {}) => {
    const body = randomBytes(size);
    const answer = await edge.get(path, { method: 'PUT', body, ...more, headers: { ...headers, ...more.headers } });
    assert.equal(answer.status, 200, `${path}: ${answer.text}`);
    assert.equal(await refusalOf(edge.upstream.last(), SECRETS), '', path);
    assert.ok(edge.upstream.last().body.equals(body), path);
    assert.ok(!('content-encoding' in edge.upstream.last().headers), path);
  };
  for (const kind of KINDS) {
    for (const size of [1, 64 * KIB]) {
      await whole(`/${kind}/bucket/object`, size);
    }
    for (const query of ['acl', 'tagging', 'policy=', 'x-id=PutBucketPolicy&policy']) {
      await whole(`/${kind}/bucket/object?${query}`, 100_000);
    }
    await whole(`/${kind}/bucket/object?uploadId=1`, 300_000, { method: 'POST' });
    if (kind !== 'http10') {
      await whole(`/${kind}/bucket?delete`, 300_000, { method: 'POST', headers: { 'transfer-encoding': 'chunked' } });
    }
  }
  const body = randomBytes(100_000);
  const answer = await edge.get('/unbuffered/bucket/object?x-id=UploadPart&partNumber=1&uploadId=a%2Fb', { method: 'PUT', body, headers });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(edge.upstream.header('content-encoding'), 'aws-chunked');
});

test('a small body that comes behind its head, in pieces, with other requests after it', async (t) => {
  const edge = await start(t);
  const headers = await caller(edge);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  for (let i = 0; i < 3; i++) {
    const status = await new Promise((resolve, reject) => {
      const request = http.request(`${edge.url}/unbuffered/bucket/a?uploadId=1`, { agent, method: 'POST', headers: { ...headers, 'content-length': 30_000 } });
      request.on('response', (answer) => { answer.resume(); answer.on('end', () => resolve(answer.statusCode)); });
      request.on('error', reject);
      request.flushHeaders();
      setTimeout(() => request.write(Buffer.alloc(10_000, 'a')), 30);
      setTimeout(() => request.end(Buffer.alloc(20_000, 'b')), 60);
    });
    assert.equal(status, 200);
    assert.equal(await refusalOf(edge.upstream.last(), SECRETS), '');
    assert.equal(edge.upstream.last().body.length, 30_000);
  }
});

test('bodies without a length: buffered they are streamed, unbuffered they are 411', async (t) => {
  const edge = await start(t);
  const headers = { ...await caller(edge), 'transfer-encoding': 'chunked' };
  const body = randomBytes(300_000);
  for (const kind of ['buffered', 'temp-file']) {
    const answer = await edge.get(`/${kind}/`, { method: 'PUT', body, headers });
    assert.equal(answer.status, 200, answer.text);
    assertArrived(edge, body, kind);
  }
  const before = edge.upstream.requests.length;
  const answer = await edge.get('/unbuffered/', { method: 'PUT', body, headers });
  assert.equal(answer.status, 411, answer.text);
  assert.match(answer.json.message, /unknown length/);
  assert.equal(edge.upstream.requests.length, before);
});

test('HTTP/2 callers', async (t) => {
  const edge = await start(t);
  const headers = await caller(edge);
  const client = http2.connect(edge.h2);
  t.after(() => client.destroy());
  for (const kind of ['buffered', 'unbuffered']) {
    const body = randomBytes(500_000);
    const status = await new Promise((resolve, reject) => {
      const request = client.request({ ':path': `/${kind}/`, ':method': 'PUT', 'content-length': body.length, ...headers });
      request.on('response', (answer) => { request.resume(); request.on('end', () => resolve(answer[':status'])); });
      request.on('error', reject);
      request.end(body);
    });
    assert.equal(status, 200, kind);
    assertArrived(edge, body, kind);
  }
});

test('over TLS', async (t) => {
  const ca = await makeCa(t);
  const { cert, key } = await ca.issue('DNS:s3.test');
  let arrived;
  const server = await serve(await findPort(), (incoming, response, body) => {
    arrived = { method: incoming.method, url: incoming.url, headers: incoming.headers, body };
    response.end();
  }, { tls: { cert: fs.readFileSync(cert), key: fs.readFileSync(key) } });
  cleanup(t, () => server.close());
  const edge = await start(t, {
    locations: ['on', 'off'].map((buffering) => `location /${buffering}/ {
        ${stream} proxy_request_buffering ${buffering}; proxy_ssl_verify on; proxy_ssl_name s3.test; proxy_ssl_trusted_certificate ${ca.file};
        proxy_ssl_session_reuse off;  # nginx never frees a session that it keeps for a server, which LeakSanitizer sees
        proxy_pass https://127.0.0.1:${server.port}/; }`).join('\n'),
  });
  const headers = await caller(edge);
  for (const location of ['on', 'off']) {
    for (const size of [1000, 1_000_000]) {
      const body = randomBytes(size);
      const answer = await edge.get(`/${location}/o`, { method: 'PUT', body, headers });
      assert.equal(answer.status, 200, answer.text);
      assert.equal(size > 64 * KIB ? verifyChunks(arrived, SECRETS).why : await refusalOf(arrived, SECRETS), '');
    }
  }
});

test('the date is the edge\'s now', async (t) => {
  const edge = await start(t);
  const before = Date.now();
  await edge.get('/buffered/', { method: 'PUT', body: 'x', headers: { ...await caller(edge), 'x-amz-date': '20200101T000000Z' } });
  const date = edge.upstream.header('x-amz-date').replace(/^(.{4})(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z');
  assert.ok(Date.parse(date) >= before - 2000 && Date.parse(date) <= Date.now() + 1000, date);
});

test('a retry begins the body, and its chain of signatures, anew', async (t) => {
  const port = await findPort();
  let cut = 0;
  const broken = net.createServer((socket) => {
    let seen = 0;
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      seen += bytes.length;
      if (seen > 200_000) {
        cut += 1;
        socket.resetAndDestroy();
      }
    });
  });
  await new Promise((resolve) => { broken.listen(port, '127.0.0.1', resolve); });
  cleanup(t, () => broken.close());
  const edge = await start(t, {
    allow: [/upstream prematurely closed|Connection reset by peer|Broken pipe/],
    http: ({ upstream }) => `upstream backend { server 127.0.0.1:${port} max_fails=0; server ${upstream} max_fails=0; }`,
    locations: `location / { ${stream} client_body_buffer_size 16k; proxy_set_header Host 127.0.0.1; proxy_pass http://backend; }`,
  });
  const headers = await caller(edge);
  for (let i = 0; i < 4; i++) {
    const body = randomBytes(2_000_000);
    const answer = await edge.get('/o', { method: 'PUT', body, headers });
    assert.equal(answer.status, 200, answer.text);
    assertArrived(edge, body, `retry ${i}`);
  }
  assert.ok(cut > 0);
});

test('16 MiB to a slow upstream: identical, and the worker keeps none of it', async (t) => {
  const edge = await start(t);
  const headers = await caller(edge);
  const body = randomBytes(16 * KIB * KIB);
  const put = () => edge.get('/unbuffered/o', { method: 'PUT', body, headers, timeout: 60_000 });
  assert.equal((await put()).status, 200);   // the first one brings in what every one needs
  const [worker] = edge.nginx.workers();
  const before = anonymousKib(worker);
  for (const delay of [false, true]) {
    edge.upstream.server.once('request', (request) => {
      if (delay) {
        request.pause();
        setTimeout(() => request.resume(), 300);
      }
    });
    assert.equal((await put()).status, 200);
    assertArrived(edge, body, `slow: ${delay}`);
  }
  const growth = anonymousKib(worker) - before;
  assert.ok(watched || growth < 2048, `${growth} KiB`);
  t.diagnostic(`${growth} KiB`);
});

function anonymousKib(pid) {
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
}
