// Long answers through conf/sidecar.conf as it is: events, large streams and WebSockets pass as they come.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { cleanup } from '../support/cleanup.mjs';
import { watched } from '../support/paths.mjs';
import { notFound, startAll } from './conf-fixture.mjs';

const open = (url, headers) => new Promise((resolve, reject) => {
  http.get(url, { headers, agent: false }, resolve).on('error', reject);
});

/** The next bytes of an answer. */
const next = (response) => new Promise((resolve, reject) => {
  response.once('data', resolve);
  response.once('end', () => reject(new Error('the answer has ended')));
});

/** Anonymous memory of the workers, KiB. */
const workersKib = (site) => site.workers().reduce((sum, pid) =>
  sum + Number(/^RssAnon:\s+(\d+) kB/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]), 0);

const filesIn = (folder) => fs.readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());

test('each server-sent event arrives before the next one is sent', async (t) => {
  const { site, provider, key, id } = await startAll(t, notFound);
  let stream;
  provider.handler = (incoming, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    response.flushHeaders();
    stream = response;
  };
  for (const url of [`${site.sidecar}/events`, `${site.sidecar}/${id}/events`]) {
    const response = await open(url, { 'x-nexus-key': key, 'x-nexus-connection': id, accept: 'text/event-stream' });
    assert.equal(response.headers['content-type'], 'text/event-stream');
    for (const event of ['data: one\n\n', `data: ${'x'.repeat(10)}\n\n`, ': comment\n\n']) {
      const arrives = next(response);
      stream.write(event);
      assert.equal(String(await arrives), event);
    }
    response.destroy();
  }
  assert.equal(provider.requests.at(-1).headers.authorization, 'Bearer canary-token-1');
});

test('a large stream passes without being kept, in memory or in a file', async (t) => {
  const { site, provider, key, id } = await startAll(t, notFound);
  const piece = randomBytes(1 << 20);
  const pieces = 64;
  provider.handler = async (incoming, response) => {
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    for (let i = 0; i < pieces; i++) {
      if (!response.write(piece)) {
        await new Promise((resolve) => { response.once('drain', resolve); });
      }
    }
    response.end();
  };
  const sent = createHash('sha256');
  for (let i = 0; i < pieces; i++) {
    sent.update(piece);
  }
  const download = async () => {
    const response = await open(`${site.sidecar}/large`, { 'x-nexus-key': key, 'x-nexus-connection': id });
    assert.equal(response.statusCode, 200);
    const arrived = createHash('sha256');
    for await (const bytes of response) {
      arrived.update(bytes);
      assert.deepEqual(filesIn(path.join(site.dir, 'proxy_temp')), []);
    }
    return arrived.digest('hex');
  };
  const expected = sent.digest('hex');
  assert.equal(await download(), expected);
  const before = workersKib(site);
  assert.equal(await download(), expected);
  if (!watched) {
    assert.ok(workersKib(site) - before <= 2048, 'the workers have grown');
  }
});

test('a WebSocket passes, with the credential on its handshake', async (t) => {
  const { site, provider, key, id } = await startAll(t, notFound);
  const handshakes = [];
  const server = new WebSocketServer({ server: provider.server });
  server.on('connection', (socket, incoming) => {
    handshakes.push([incoming.url, incoming.headers.authorization]);
    socket.on('message', (message) => socket.send(message));
  });
  cleanup(t, () => server.clients.forEach((socket) => socket.terminate()));
  const socket = new WebSocket(`${site.sidecar.replace('http', 'ws')}/${id}/socket?x=1`, { headers: { 'x-nexus-key': key } });
  cleanup(t, () => socket.terminate());
  await new Promise((resolve, reject) => {
    socket.on('open', resolve);
    socket.on('error', reject);
  });
  const echo = new Promise((resolve) => { socket.once('message', (message) => resolve(String(message))); });
  socket.send('hello');
  assert.equal(await echo, 'hello');
  assert.deepEqual(handshakes, [['/base/socket?x=1', 'Bearer canary-token-1']]);
});
