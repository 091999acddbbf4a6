// nexus_sigv4 payload=stream: bodies leave in chunks that are signed one by one, while they arrive, whatever they came in.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { test } from 'node:test';
import { verifyChunks } from '../support/chunk-verifier.mjs';
import { cleanup } from '../support/cleanup.mjs';
import { findPort } from '../support/ports.mjs';
import { exchange } from '../support/raw-http.mjs';
import { refusalOf } from '../support/sigv4-verifier.mjs';
import { startEdge } from './edge-fixture.mjs';

const inject = 'nexus_inject aws_sigv4; nexus_connection $http_x_nexus_connection; nexus_allow_private 127.0.0.0/8; nexus_allow_hosts backend 127.0.0.1;';
const stream = `${inject} nexus_sigv4 payload=stream;`;
const SECRETS = { AKIDEXAMPLE: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const aws = (config = {}) => ({
  strategy: 'aws_sigv4', strategy_config: { service: 's3', region: 'eu-central-1', ...config },
  credentials: { access_key: 'AKIDEXAMPLE', secret_key: SECRETS.AKIDEXAMPLE },
});
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

const locations = ({ upstream }) => `
        location /buffered/ { ${stream} proxy_pass http://${upstream}/; }
        location /temp-file/ { ${stream} client_body_buffer_size 1k; proxy_pass http://${upstream}/; }
        location /in-one/ { ${stream} client_body_in_single_buffer on; client_body_buffer_size 8m; proxy_pass http://${upstream}/; }
        location /http10/ { ${stream} proxy_http_version 1.0; proxy_pass http://${upstream}/; }
        location /rewrite/ { ${stream} rewrite ^/rewrite/(.*)$ /to/$1?x-id=PutObject break; proxy_pass http://${upstream}; }
        location /unbuffered/ { ${stream} proxy_request_buffering off; proxy_pass http://${upstream}/; }
        location /variable/ { ${stream} proxy_request_buffering off; set $address ${upstream}; proxy_pass http://$address; }
        location /set-body/ { ${stream} proxy_set_body "own body"; proxy_pass http://${upstream}/; }
        location /hashed/ { ${inject} proxy_pass http://${upstream}/; }
        location /hints/ { ${inject} nexus_sigv4 payload=stream hints=eu-west-3/s3,*/s3express; proxy_pass http://${upstream}/; }`;
const KINDS = ['buffered', 'temp-file', 'in-one', 'http10', 'rewrite', 'unbuffered', 'variable'];
const KIB = 1024;
const SIZES = [64 * KIB + 1, 128 * KIB, 3000 * KIB];

const start = (t, more = {}) => startEdge(t, { locations, server: 'client_max_body_size 0; proxy_http_version 1.1;', ...more });

async function caller(edge, connection = aws()) {
  return { 'x-nexus-key': await edge.addAgent(), 'x-nexus-connection': await edge.addConnection(connection) };
}

/** What a client sends that frames by itself: its chunks' bytes, their signatures (or none), and a trailing checksum. */
function framed(body, { signature, trailer, chunk = 40_000 } = {}) {
  const extension = signature === undefined ? '' : `;chunk-signature=${signature}`;
  const parts = [];
  for (let at = 0; at < body.length; at += chunk) {
    const piece = body.subarray(at, at + chunk);
    parts.push(`${piece.length.toString(16)}${extension}\r\n`, piece, '\r\n');
  }
  parts.push(`0${extension}\r\n`);
  if (trailer !== undefined) {
    parts.push(`${trailer}\r\n`, ...(signature === undefined ? [] : [`x-amz-trailer-signature:${signature}\r\n`]));
  }
  return Buffer.concat([...parts, '\r\n'].map((part) => Buffer.from(part)));
}
const dummy = '0'.repeat(64);
const crc32 = 'x-amz-checksum-crc32:s3SFCQ==';
const announced = (word, body, more = {}) => ({ 'x-amz-content-sha256': word, 'x-amz-decoded-content-length': String(body.length), 'content-encoding': 'aws-chunked', ...more });

function assertArrived(edge, body, where) {
  const arrived = edge.upstream.last();
  const { why, ...got } = verifyChunks(arrived, SECRETS);
  assert.equal(why, '', `${where}: ${JSON.stringify(arrived.headers)}`);
  assert.equal(got.sha256, sha256(body), where);
  assert.equal(got.chunks, Math.ceil(body.length / (64 * KIB)) + 1, where);
  return { ...got, headers: arrived.headers };
}

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

test('bodies that come framed: signatures are replaced, what was unsigned is signed, the checksum stays behind', async (t) => {
  const edge = await start(t);
  const headers = await caller(edge);
  for (const kind of KINDS) {
    for (const size of [0, 1, 64 * KIB, 300_001]) {
      const body = randomBytes(size);
      for (const [word, signature, trailer] of [
        ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD', dummy, undefined],
        ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', dummy, crc32],
        ['STREAMING-UNSIGNED-PAYLOAD-TRAILER', undefined, crc32],
      ]) {
        const where = `${kind}, ${size}, ${word}`;   // whatever its size: the caller chose
        const chunked = size === 300_001 && kind !== 'http10' ? { 'transfer-encoding': 'chunked' } : {};
        const answer = await edge.get(`/${kind}/o`, {
          method: 'PUT', body: framed(body, { signature, trailer }),
          headers: { ...headers, ...announced(word, body, trailer ? { 'x-amz-trailer': 'x-amz-checksum-crc32' } : {}), ...chunked },
        });
        assert.equal(answer.status, 200, `${where}: ${answer.text}`);
        const arrived = assertArrived(edge, body, where);
        assert.equal(arrived.trailer, trailer, where);
        assert.equal(arrived.headers['content-encoding'], 'aws-chunked', where);
      }
    }
  }
});

test('what is malformed, or not announced, is refused', async (t) => {
  const edge = await start(t);
  const headers = await caller(edge);
  const body = randomBytes(100_000);
  const word = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';
  const good = framed(body, { trailer: crc32 });
  const trailer = { 'x-amz-trailer': 'x-amz-checksum-crc32' };
  const refused = async (status, sent, more, { kinds = ['buffered', 'unbuffered'], connection = headers } = {}) => {
    for (const kind of kinds) {
      const before = edge.upstream.requests.length;
      const answer = await edge.get(`/${kind}/`, { method: 'PUT', body: sent, headers: { ...connection, ...more } });
      assert.equal(answer.status, status, `${kind} ${JSON.stringify(more)}: ${answer.text}`);
      assert.equal(edge.upstream.requests.length, before, 'a whole request reached the upstream');
    }
  };
  await refused(400, good.subarray(0, good.length - 2), announced(word, body, trailer));           // its end is missing
  await refused(400, Buffer.concat([good, Buffer.from('x')]), announced(word, body, trailer));    // something is behind it
  await refused(400, good, announced(word, body.subarray(1), trailer));                           // longer than announced
  await refused(400, body, announced(word, body, trailer));                                       // not framed at all
  await refused(400, framed(body, { signature: dummy, trailer: crc32 }), announced(word, body, trailer));
  await refused(400, good, announced(word, body, { 'x-amz-trailer': 'x-amz-meta-a' }));
  await refused(400, good, announced(word, body));
  await refused(400, good, announced('STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD', body));
  await refused(400, body, { 'content-encoding': 'aws-chunked' });
  await refused(411, good, { ...announced(word, body, trailer), 'x-amz-decoded-content-length': 'many' });
  await refused(400, good, announced(word, body, trailer), { kinds: ['hashed'] });
  const other = await caller(edge, aws({ service: 'dynamodb' }));
  await refused(500, body, {}, { connection: other, kinds: ['unbuffered'] });
  assert.match(edge.nginx.errorLog(), /a body that is signed must be there first/);
  await refused(400, good, announced(word, body, trailer), { connection: other, kinds: ['buffered'] });
});

test('without a body, with one of nginx\'s own, and for other services, requests are signed as ever', async (t) => {
  const edge = await start(t);
  const headers = await caller(edge);
  for (const [path, method, body] of [['/buffered/a', 'GET'], ['/unbuffered/a', 'DELETE'], ['/unbuffered/a', 'PUT', ''], ['/set-body/a', 'PUT', 'mine']]) {
    const answer = await edge.get(path, { method, body, headers });
    assert.equal(answer.status, 200, `${path}: ${answer.text}`);
    assert.equal(await refusalOf(edge.upstream.last(), SECRETS), '', path);
  }
  const answer = await edge.get('/buffered/a', { method: 'PUT', body: 'for another service', headers: await caller(edge, aws({ service: 'dynamodb' })) });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(await refusalOf(edge.upstream.last(), SECRETS), '');
});

test('a dummy signature says what to sign for, as far as the location allows it', async (t) => {
  const edge = await start(t);
  const headers = await caller(edge);
  const large = randomBytes(70_000);
  const dummyFor = (scope) => ({ authorization: `AWS4-HMAC-SHA256 Credential=dummy/20200101/${scope}/aws4_request, SignedHeaders=host, Signature=00` });
  const scopeOf = async (path, more) => {
    const answer = await edge.get(path, { method: 'PUT', body: large, headers: { ...headers, ...more } });
    assert.equal(answer.status, 200, answer.text);
    assertArrived(edge, large, path);
    return /Credential=AKIDEXAMPLE\/\d{8}\/(\S+)\/aws4_request/.exec(edge.upstream.header('authorization'))[1];
  };
  assert.equal(await scopeOf('/hints/', dummyFor('eu-west-3/s3')), 'eu-west-3/s3');
  assert.equal(await scopeOf('/hints/', dummyFor('use1-az4/s3express')), 'use1-az4/s3express');
  assert.equal(await scopeOf('/hints/', {}), 'eu-central-1/s3');
  assert.equal(await scopeOf('/hints/', { authorization: 'Basic eDp5' }), 'eu-central-1/s3');
  assert.equal(await scopeOf('/buffered/', dummyFor('eu-west-3/s3')), 'eu-central-1/s3');   // callers are not asked there
  for (const scope of ['us-east-1/s3', 'eu-west-3/dynamodb']) {
    const answer = await edge.get('/hints/', { method: 'PUT', body: 'x', headers: { ...headers, ...dummyFor(scope) } });
    assert.equal(answer.status, 403, answer.text);
    assert.equal(answer.json.code, 'access_denied');
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
  assert.ok(growth < 2048, `${growth} KiB`);
  t.diagnostic(`${growth} KiB`);
});

test('a client that leaves, and malformed bytes in the middle, end the upstream\'s request', async (t) => {
  const edge = await start(t);
  const headers = await caller(edge);
  const before = edge.upstream.requests.length;
  await new Promise((resolve) => {
    const request = http.request(`${edge.url}/unbuffered/`, { method: 'PUT', headers: { ...headers, 'content-length': 10_000_000 } });
    request.on('error', () => {});
    request.on('close', resolve);
    request.write(randomBytes(300_000), () => setTimeout(() => request.destroy(), 50));
  });
  const lines = Object.entries({ host: '127.0.0.1', ...headers, ...announced('STREAMING-AWS4-HMAC-SHA256-PAYLOAD', { length: 70_000 }), 'content-length': 200_000 });
  const head = `PUT /unbuffered/ HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
  const { answers } = await exchange(edge.port, Buffer.concat([Buffer.from(`${head}11170;chunk-signature=${dummy}\r\n`), Buffer.alloc(70_000), Buffer.from('no line break\r\n')]), { method: 'PUT' });
  assert.equal(answers[0]?.status, 400);
  assert.equal(edge.upstream.requests.length, before);
});

function anonymousKib(pid) {
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
}
