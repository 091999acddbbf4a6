// Requests that last, and are ended when their credential is withdrawn: events, downloads, uploads, streams of gRPC.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import tls from 'node:tls';
import grpc from '@grpc/grpc-js';
import { makeCa } from '../support/certificates.mjs';
import { cleanup } from '../support/cleanup.mjs';
import { grpcClient, metadata, startGrpcServer } from '../support/grpc.mjs';
import { listen } from '../support/listen.mjs';
import { waitFor } from '../support/wait.mjs';
import { caller, startEdge } from './edge-fixture.mjs';
import { h2Session } from './grpc-fixture.mjs';

const inject = 'nexus_inject auto; nexus_connection $http_x_nexus_connection; nexus_allow_private 127.0.0.0/8;'
  + ' proxy_http_version 1.1; proxy_set_header Connection "";';
const REVOKED = { state: 'revoked', expires_at: 0 };
const MESSAGE = 'the credential was withdrawn while the request was under way';
const DOWNLOAD = 5_000_000;

/** A provider: /events go on for ever, /download takes its time, anything else waits for the end of its body. */
async function startProvider(t) {
  const begun = [];   // paths of requests
  const cut = [];     // of those that have lost their connection
  const server = http.createServer((incoming, response) => {
    begun.push(incoming.url);
    response.on('close', () => response.writableFinished || cut.push(incoming.url));
    incoming.on('error', () => {});
    if (incoming.url.endsWith('/events')) {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const timer = setInterval(() => response.write('data: tick\n\n'), 50);
      response.on('close', () => clearInterval(timer));
    } else if (incoming.url.endsWith('/download')) {
      response.writeHead(200, { 'content-length': DOWNLOAD });
      response.write(Buffer.alloc(DOWNLOAD / 2));
    } else {
      incoming.resume().on('end', () => response.end('all of it'));
    }
  });
  const port = await listen(t, server);
  return { port, begun, cut };
}

async function startWith(t, { main, listen: how, server } = {}) {
  const provider = await startProvider(t);
  const edge = await startEdge(t, {
    workers: 2, main, listen: how, server,
    locations: `
        location = /metrics { nexus_metrics; }
        location / { ${inject} proxy_pass http://127.0.0.1:${provider.port}; }
        location /as-it-comes/ { ${inject} proxy_buffering off; proxy_request_buffering off; proxy_pass http://127.0.0.1:${provider.port}; }
        location /unwatched/ { ${inject} nexus_end_withdrawn off; proxy_buffering off; proxy_pass http://127.0.0.1:${provider.port}; }`,
  });
  await edge.redis.subscribers('nexus:events');
  return { provider, edge };
}

/** An answer that has begun: {status, next(): when the next bytes have come, ended: 'whole' or 'cut'}. */
function open(t, edge, path, headers) {
  return new Promise((resolve, reject) => {
    const outgoing = http.get(`${edge.url}${path}`, { headers, agent: false }, (response) => {
      const ended = new Promise((end) => { response.on('close', () => end(response.complete ? 'whole' : 'cut')); });
      response.on('error', () => {});
      response.resume();
      resolve({ status: response.statusCode, next: () => once(response, 'data'), ended });
    });
    outgoing.on('error', reject);
    cleanup(t, () => outgoing.destroy());
  });
}

const withdrawn = async (edge) =>
  Number(/^nexus_requests_withdrawn_total (\d+)$/m.exec((await edge.get('/metrics')).text)[1]);

describe('requests that last', { concurrency: 10 }, () => {
  test('a revoke, a connection that needs a person, a caller that is gone: each ends its answers; a refresh and an expiry do not', async (t) => {
    const { provider, edge } = await startWith(t);
    const names = ['revoked', 'attention', 'fired', 'refreshed', 'expired', 'unwatched'];
    const callers = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await caller(edge)])));
    const answers = {};
    for (const name of names) {
      answers[name] = await open(t, edge, name === 'unwatched' ? '/unwatched/events' : `/as-it-comes/${name}/events`, callers[name].headers);
      assert.equal(answers[name].status, 200, name);
      await answers[name].next();
    }

    await edge.rewriteConnection(callers.refreshed.id, {});
    await edge.rewriteConnection(callers.expired.id, { state: 'expired', expires_at: 0 });
    await edge.rewriteConnection(callers.revoked.id, REVOKED);
    await edge.rewriteConnection(callers.unwatched.id, REVOKED);
    await edge.rewriteConnection(callers.attention.id, { state: 'attention', expires_at: 0, attention_reason: 'invalid_grant' });
    await edge.revokeAgent(callers.fired.key);
    for (const name of ['revoked', 'attention', 'fired']) {
      assert.equal(await answers[name].ended, 'cut', name);
      await waitFor('the provider to know', () => provider.cut.includes(`/as-it-comes/${name}/events`));
    }
    assert.equal(await withdrawn(edge), 3);
    await delay(1500);   // another look at each
    for (const name of ['refreshed', 'expired', 'unwatched']) {
      await answers[name].next();
    }
    assert.equal(await withdrawn(edge), 3);
  });

  test('a download, whether the edge keeps it or not: less comes than its length says', async (t) => {
    const { edge } = await startWith(t);
    for (const path of ['/download', '/as-it-comes/download']) {
      const { id, headers } = await caller(edge);
      const answer = await open(t, edge, path, headers);
      await edge.rewriteConnection(id, REVOKED);
      assert.equal(await answer.ended, 'cut', path);
    }
    assert.equal(await withdrawn(edge), 2);
  });

  for (const [how, { isTls, more = '' }] of Object.entries({ '': {}, ' over TLS': { isTls: true }, ', with more than the request behind it': { more: '\r\n' } })) {
    test(`an answer to HTTP/1.0${how}, which only its connection ends, does not look whole`, async (t) => {
      const { cert, key } = await (await makeCa(t)).issue('IP:127.0.0.1');
      const { edge } = await startWith(t, isTls ? { listen: 'ssl', server: `ssl_certificate ${cert}; ssl_certificate_key ${key};` } : {});
      const { id, headers } = await caller(edge);
      const options = { port: edge.port, host: '127.0.0.1', allowHalfOpen: true, rejectUnauthorized: false };
      const socket = isTls ? tls.connect(options) : net.connect(options);
      cleanup(t, () => socket.destroy());
      const ended = new Promise((resolve) => {
        // libuv takes a reset that comes together with data for an end: who writes then is told.
        socket.on('error', ({ code }) => resolve(code)).on('end', () => { socket.write('?'); setTimeout(resolve, 500, 'whole'); });
      });
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('');
      socket.write(`GET /as-it-comes/events HTTP/1.0\r\n${lines}\r\n${more}`);
      const [head] = await once(socket, 'data');
      assert.match(String(head), /^HTTP\/1\.1 200 /);
      assert.doesNotMatch(String(head), /content-length|chunked/i);
      socket.resume();
      await edge.rewriteConnection(id, REVOKED);
      assert.match(await ended, /ECONNRESET|EPIPE/);
    });
  }

  test('an answer that is there as a whole reaches a slow caller', async (t) => {
    let isSent = false;
    const edge = await startEdge(t, {
      upstream: (incoming, response) => response.end(Buffer.alloc(20_000_000), () => { isSent = true; }),   // more than sockets hold
      locations: ({ upstream }) => `
        location = /metrics { nexus_metrics; }
        location / { ${inject} proxy_buffers 64 256k; proxy_max_temp_file_size 64m; proxy_pass http://${upstream}; }`,
    });
    await edge.redis.subscribers('nexus:events');
    const { id, headers } = await caller(edge);
    const size = await new Promise((resolve, reject) => {
      http.get(`${edge.url}/`, { headers, agent: false }, async (response) => {
        await waitFor('the edge to take all of it', () => isSent);
        await edge.rewriteConnection(id, REVOKED);
        await delay(2500);
        let bytes = 0;
        response.on('data', (data) => { bytes += data.length; });
        response.on('end', () => resolve(bytes));
        response.on('error', reject);
      }).on('error', reject);
    });
    assert.equal(size, 20_000_000);
    assert.equal(await withdrawn(edge), 0);
  });

  test('an upload that is sent as it comes is refused in the middle', async (t) => {
    const { provider, edge } = await startWith(t);
    const { id, headers } = await caller(edge);
    const outgoing = http.request(`${edge.url}/as-it-comes/upload`, { method: 'PUT', headers, agent: false });
    outgoing.on('error', () => {});
    cleanup(t, () => outgoing.destroy());
    const timer = setInterval(() => outgoing.write(Buffer.alloc(1000)), 50);
    cleanup(t, () => clearInterval(timer));
    await waitFor('the upload to begin', () => provider.begun.length > 0);
    await edge.rewriteConnection(id, REVOKED);
    const [response] = await once(outgoing, 'response');
    assert.equal(response.statusCode, 403);
    const body = JSON.parse(Buffer.concat(await response.toArray()));
    assert.equal(body.error, 'connection_not_active');
    assert.equal(body.message, MESSAGE);
    await waitFor('the provider to know', () => provider.cut.includes('/as-it-comes/upload'));
  });

  test('over HTTP/2 the stream is reset, and the connection is for others', async (t) => {
    const { edge } = await startWith(t);
    const [first, second] = [await caller(edge), await caller(edge)];
    const session = await h2Session(t, edge.h2);
    const [gone, kept] = [first, second].map(({ headers }) => session.request({ ':path': '/as-it-comes/events', ...headers }));
    for (const flow of [gone, kept]) {
      flow.on('error', () => {});
      await once(flow, 'data');
    }
    await edge.rewriteConnection(first.id, REVOKED);
    await new Promise((resolve) => { gone.resume().on('close', resolve); });
    assert.equal(gone.rstCode, http2.constants.NGHTTP2_INTERNAL_ERROR);
    await once(kept, 'data');
  });

  test('streams of gRPC get a status', async (t) => {
    const server = await startGrpcServer(t);
    const edge = await startEdge(t, {
      locations: `location = /metrics { nexus_metrics; } location / { ${inject} grpc_pass 127.0.0.1:${server.port}; }`,
    });
    await edge.redis.subscribers('nexus:events');
    const client = grpcClient(t, edge.h2);
    const [talking, silent] = [await caller(edge), await caller(edge)];
    const status = (call) => new Promise((resolve) => { call.on('status', resolve); });

    const bidi = client.bidi(metadata(talking.headers));
    bidi.on('error', () => {});
    bidi.write(Buffer.from('one'));
    assert.equal(String((await once(bidi, 'data'))[0]), 'one');
    const upload = client.clientStream(metadata(silent.headers), () => {});   // no head of an answer yet
    upload.write(Buffer.from('one'));
    await waitFor('both calls', () => server.calls.length === 2);
    const ends = [status(bidi), status(upload)];
    await edge.rewriteConnection(talking.id, REVOKED);
    await edge.rewriteConnection(silent.id, REVOKED);
    for (const { code, details } of await Promise.all(ends)) {
      assert.equal(code, grpc.status.PERMISSION_DENIED);
      assert.equal(details, MESSAGE);
    }
    assert.equal(await withdrawn(edge), 2);
  });

  test('an old worker still watches, after a reload', async (t) => {
    const { edge } = await startWith(t, { main: 'worker_shutdown_timeout 10s;' });
    const { id, headers } = await caller(edge);
    const answer = await open(t, edge, '/as-it-comes/events', headers);
    const before = edge.nginx.workers();
    const reloaded = edge.nginx.reload({ timeout: 20000 });
    await waitFor('new workers', () => edge.nginx.workers().some((pid) => !before.includes(pid)));
    await answer.next();
    await edge.rewriteConnection(id, REVOKED);
    assert.equal(await answer.ended, 'cut');
    await reloaded;
  });
});
