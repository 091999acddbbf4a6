// nexus_sigv4 payload=stream and bodies that their callers have framed, as AWS's SDKs do, well or badly; and what else a caller
// says by its dummy signature.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import http from 'node:http';
import { test } from 'node:test';
import { exchange } from '../support/raw-http.mjs';
import { refusalOf } from '../support/sigv4-verifier.mjs';
import { assertArrived, aws, caller, KIB, KINDS, SECRETS, start } from './sigv4-upload-fixture.mjs';

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
