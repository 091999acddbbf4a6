// Random uploads through nexus_sigv4 payload=stream, over connections that are kept: sizes, framings of callers, pieces on the
// wire, ways of nginx to keep bodies. What reaches the upstream is verified there, byte by byte; what was spoiled on its way
// must not reach it as a whole.
// NEXUS_SIGV4_UPLOADS says how many (200); 10000 take about a minute.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import http from 'node:http';
import { test } from 'node:test';
import { seededRandom } from '../refresh/random.mjs';
import { ChunkVerifier } from '../support/chunk-verifier.mjs';
import { cleanup } from '../support/cleanup.mjs';
import { findPort } from '../support/ports.mjs';
import { caller, KIB, SECRETS, start, stream } from './sigv4-upload-fixture.mjs';

const UPLOADS = Number(process.env.NEXUS_SIGV4_UPLOADS ?? 200);
const CONNECTIONS = 6;
const LOCATIONS = ['buffered', 'temp-file', 'unbuffered', 'pieces'];
const FRAMINGS = [
  { word: undefined },
  { word: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD', signature: 'f'.repeat(64) },
  { word: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', signature: '0'.repeat(64), trailer: 'x-amz-checksum-sha1:9Lq7tOcNWVWTv0cr3uE9lXHpzDs=' },
  { word: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER', trailer: 'x-amz-checksum-crc64nvme:AAAAAAAAAAA=' },
];

/** Verifies each body as it comes, and remembers the object by the request's x-amz-meta-number: {sha256} or {why}. */
async function startVerifier(t) {
  const seen = new Map();
  const server = http.createServer((request, response) => {
    const number = Number(request.headers['x-amz-meta-number']);
    const guarded = (step) => {
      try {
        step();
      } catch (error) {
        seen.set(number, { why: error.message });
      }
    };
    let verifier;
    guarded(() => { verifier = new ChunkVerifier({ method: request.method, url: request.url, headers: request.headers }, SECRETS); });
    request.on('error', () => {});
    request.on('data', (bytes) => guarded(() => verifier?.feed(bytes)));
    request.on('end', () => {
      guarded(() => seen.has(number) || seen.set(number, verifier.end()));
      response.end();
    });
  });
  const port = await findPort();
  await new Promise((resolve) => { server.listen(port, '127.0.0.1', resolve); });
  cleanup(t, () => {
    server.closeAllConnections();
    server.close();
  });
  return { port, seen };
}

function draw(random, number) {
  const below = (n) => Math.floor(random() * n);
  const framing = FRAMINGS[below(FRAMINGS.length)];
  const least = framing.word === undefined ? 64 * KIB + 1 : 0;   // what is plain and small is not streamed
  const size = least + (random() < 0.3 ? below(3) * 64 * KIB + below(3) : below(300_000));
  const body = Buffer.alloc(size, String.fromCharCode(97 + below(26)));
  if (size > 0) {
    body.writeUInt8(number % 256, below(size));
  }
  let sent = body;
  if (framing.word !== undefined) {
    const extension = framing.signature === undefined ? '' : `;chunk-signature=${framing.signature}`;
    const parts = [];
    for (let at = 0; at < size;) {
      const piece = body.subarray(at, at + 1 + below(random() < 0.2 ? 100 : 100_000));
      parts.push(Buffer.from(`${piece.length.toString(16)}${extension}\r\n`), piece, Buffer.from('\r\n'));
      at += piece.length;
    }
    const trailer = framing.trailer === undefined ? '' : `${framing.trailer}\r\n${framing.signature === undefined ? '' : `x-amz-trailer-signature:${framing.signature}\r\n`}`;
    sent = Buffer.concat([...parts, Buffer.from(`0${extension}\r\n${trailer}\r\n`)]);
  }
  const spoiled = framing.word !== undefined && random() < 0.1;
  if (spoiled) {   // the last bytes are framing, whatever came before
    sent = random() < 0.5 ? sent.subarray(0, sent.length - 1 - below(3)) : Buffer.concat([sent, Buffer.from('0')]);
  }
  return { number, framing, body, sent, spoiled, location: LOCATIONS[below(LOCATIONS.length)], hasLength: framing.word === undefined || random() < 0.5, below };
}

function upload(edge, agent, headers, { number, framing, body, sent, location, hasLength, below }) {
  const announced = framing.word === undefined ? {} : { 'x-amz-content-sha256': framing.word, 'x-amz-decoded-content-length': body.length, 'content-encoding': 'aws-chunked' };
  const trailer = framing.trailer === undefined ? {} : { 'x-amz-trailer': framing.trailer.split(':')[0] };
  const length = hasLength ? { 'content-length': sent.length } : { 'transfer-encoding': 'chunked' };
  return new Promise((resolve) => {
    const request = http.request(`${edge.url}/${location}/bucket/${number}`, {
      agent, method: 'PUT', headers: { ...headers, ...announced, ...trailer, ...length, 'x-amz-meta-number': number },
    });
    let status = 0;
    request.on('response', (response) => {
      status = response.statusCode;
      response.resume();
      response.on('close', () => resolve(status));
    });
    request.on('error', () => resolve(status));   // an answer may come before the body is sent
    const write = (at) => {
      if (at >= sent.length || status !== 0) {
        request.end();
        return;
      }
      const piece = sent.subarray(at, at + 1 + below(below(4) === 0 ? 50 : 120_000));
      request.write(piece, () => write(at + piece.length));
    };
    write(0);
  });
}

test(`${UPLOADS} random uploads arrive as they were sent, each chunk signed, or not at all`, { timeout: 600_000 }, async (t) => {
  const { port, seen } = await startVerifier(t);
  const proxy = `proxy_pass http://127.0.0.1:${port}/;`;
  const edge = await start(t, {
    logLevel: 'crit',
    locations: `
        location /buffered/ { ${stream} client_body_buffer_size 1m; ${proxy} }
        location /temp-file/ { ${stream} client_body_buffer_size 3000; ${proxy} }
        location /unbuffered/ { ${stream} proxy_request_buffering off; ${proxy} }
        location /pieces/ { ${stream} proxy_request_buffering off; client_body_buffer_size 1000; ${proxy} }`,
  });
  const headers = await caller(edge);
  const random = seededRandom(61);
  const agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  t.after(() => agent.destroy());
  const wrong = [];
  const counts = {};
  let next = 0;
  await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
    while (next < UPLOADS) {
      const one = draw(random, next++);
      const status = await upload(edge, agent, headers, one);
      const arrived = seen.get(one.number);
      counts[status] = (counts[status] ?? 0) + 1;
      const right = one.spoiled
        ? status !== 200 && arrived?.sha256 === undefined
        : status === 200 && arrived?.sha256 === createHash('sha256').update(one.body).digest('hex') && arrived.trailer === one.framing.trailer;
      if (!right) {
        wrong.push({ status, ...arrived, number: one.number, location: one.location, word: one.framing.word, size: one.body.length, sent: one.sent.length, spoiled: one.spoiled, hasLength: one.hasLength });
      }
    }
  }));
  assert.deepEqual(wrong.slice(0, 3), [], `${wrong.length} of ${UPLOADS}`);
  t.diagnostic(JSON.stringify(counts));
});
