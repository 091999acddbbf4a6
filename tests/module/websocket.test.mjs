// WebSockets through a location that injects: the credential is on the handshake, and the tunnel ends with it.
import assert from 'node:assert/strict';
import net from 'node:net';
import { describe, test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { makeCa } from '../support/certificates.mjs';
import { cleanup } from '../support/cleanup.mjs';
import { findPort } from '../support/ports.mjs';
import { waitFor } from '../support/wait.mjs';
import { caller, startEdge } from './edge-fixture.mjs';

const inject = 'nexus_inject auto; nexus_connection $http_x_nexus_connection; nexus_allow_private 127.0.0.0/8;'
  + ' proxy_http_version 1.1; proxy_set_header Connection upgrade; proxy_set_header Upgrade $http_upgrade;';

/** A server that echoes. returns {port, handshakes: [headers], sockets} */
async function startServer(t, options = {}) {
  const port = await findPort();
  const server = new WebSocketServer({ host: '127.0.0.1', port, ...options });
  const handshakes = [];
  server.on('connection', (socket, request) => {
    handshakes.push(request.headers);
    socket.on('error', () => {});
    socket.on('message', (message, binary) => socket.send(message, { binary }));
  });
  await new Promise((resolve) => { server.on('listening', resolve); });
  cleanup(t, () => {
    server.clients.forEach((socket) => socket.terminate());
    server.close();
  });
  return { port, handshakes, server };
}

/** An open WebSocket: {socket, say(text): its echo, closed: promise of [code, reason]}. */
async function open(t, edge, headers, path = '/', tls = false) {
  const socket = new WebSocket(`${tls ? 'wss' : 'ws'}://127.0.0.1:${edge.port}${path}`, { headers, rejectUnauthorized: false });
  const closed = new Promise((resolve) => {
    socket.on('close', (code, reason) => resolve([code, String(reason)]));
  });
  socket.on('error', () => {});
  cleanup(t, () => socket.terminate());
  await new Promise((resolve, reject) => {
    socket.on('open', resolve);
    socket.on('unexpected-response', (request, response) => reject(new Error(`answered with ${response.statusCode}`)));
  });
  const say = (text) => new Promise((resolve, reject) => {
    socket.once('message', (message) => resolve(String(message)));
    closed.then(([code]) => reject(new Error(`closed with ${code}`)));
    socket.send(text);
  });
  return { socket, say, closed };
}

const startWith = async (t, options = {}) => {
  const server = await startServer(t);
  const edge = await startEdge(t, {
    workers: 2,
    ...options,
    locations: `
        location = /metrics { nexus_metrics; }
        location / { ${inject} proxy_pass http://127.0.0.1:${server.port}; }
        location /aged/ { ${inject} nexus_ws_max_age 1s; proxy_pass http://127.0.0.1:${server.port}; }
        location /unwatched/ { ${inject} nexus_ws_max_age off; proxy_pass http://127.0.0.1:${server.port}; }`,
  });
  await edge.redis.subscribers('nexus:events');
  return { server, edge };
};

// They wait for seconds to pass, and do so together.
describe('tunnels', { concurrency: 8 }, () => {
  test('the credential is on the handshake, and when it expires the tunnel is closed', async (t) => {
    const { server, edge } = await startWith(t);
    const lasting = await caller(edge);
    const dying = await caller(edge, { expires_at: Date.now() + 2500, refreshable: false });
    const [kept, short, unwatched] = await Promise.all([
      open(t, edge, lasting.headers), open(t, edge, dying.headers), open(t, edge, dying.headers, '/unwatched/')]);
    assert.equal(await short.say('hello'), 'hello');
    assert.deepEqual(server.handshakes.map((one) => one.authorization).sort(),
      [`Bearer at-${lasting.id}`, `Bearer at-${dying.id}`, `Bearer at-${dying.id}`].sort());
    assert.ok(server.handshakes.every((one) => !('x-nexus-key' in one)));

    assert.deepEqual(await short.closed, [1012, 'the credential has expired']);
    assert.match((await edge.get('/metrics')).text, /nexus_tunnels_closed_total\{reason="expired"\} 1\n/);
    assert.equal(await kept.say('still'), 'still');
    assert.equal(await unwatched.say('here'), 'here');
  });

  test('a revoke, a connection that needs a person, a caller that is gone: each ends its tunnels; a refresh does not', async (t) => {
    const { edge } = await startWith(t);
    const [revoked, attention, refreshed, fired] = await Promise.all([caller(edge), caller(edge), caller(edge), caller(edge)]);
    const tunnels = {};
    for (const [name, { headers }] of Object.entries({ revoked, attention, refreshed, fired })) {
      tunnels[name] = await open(t, edge, headers);
      assert.equal(await tunnels[name].say(name), name);
    }
    await edge.rewriteConnection(refreshed.id, {});
    await edge.rewriteConnection(revoked.id, { state: 'revoked', expires_at: 0 });
    await edge.rewriteConnection(attention.id, { state: 'attention', expires_at: 0, attention_reason: 'invalid_grant' });
    await edge.revokeAgent(fired.key);
    for (const name of ['revoked', 'attention', 'fired']) {
      assert.deepEqual(await tunnels[name].closed, [1012, 'the credential was withdrawn'], name);
    }
    assert.equal(await tunnels.refreshed.say('goes on'), 'goes on');
  });

  for (const tls of [false, true]) {
    test(`a tunnel has an age; messages before its end arrive whole${tls ? ', over TLS too' : ''}`, async (t) => {
      const { cert, key } = await (await makeCa(t)).issue('IP:127.0.0.1');
      const { server, edge } = await startWith(t, tls ? { listen: 'ssl', server: `ssl_certificate ${cert}; ssl_certificate_key ${key};` } : {});
      const { headers } = await caller(edge);
      server.server.on('connection', (socket) => {   // without a pause: a boundary has to be found in the stream
        const message = Buffer.alloc(300_000, 'm');
        const go = () => socket.readyState === 1 && socket.send(message, () => setImmediate(go));
        go();
      });
      const { socket, closed } = await open(t, edge, headers, '/aged/', tls);
      const sizes = new Set();
      socket.on('message', (message) => sizes.add(message.length));
      assert.deepEqual(await closed, [1012, 'the connection is too old']);
      assert.deepEqual([...sizes], [300_000]);
    });
  }

  test('a client over TLS that reads late still gets the close frame', async (t) => {
    const { cert, key } = await (await makeCa(t)).issue('IP:127.0.0.1');
    const { server, edge } = await startWith(t, { listen: 'ssl', server: `ssl_certificate ${cert}; ssl_certificate_key ${key};` });
    const { headers } = await caller(edge);
    const message = Buffer.alloc(3000, 'm');   // 30 MB of frames that do not end where records of TLS do
    server.server.on('connection', (socket) => {
      for (let i = 0; i < 10_000; i++) {
        socket.send(message);
      }
    });
    const { socket, closed } = await open(t, edge, headers, '/aged/', true);
    socket.pause();
    await waitFor('the end to be near', () => edge.nginx.errorLog().includes('an upgraded connection is closed'));
    socket.resume();
    assert.deepEqual(await closed, [1012, 'the connection is too old']);
  });

  test('a client that reads nothing does not hold its tunnel', async (t) => {
    const { server, edge } = await startWith(t);
    const { id, key } = await caller(edge);
    const left = new Promise((resolve) => {
      server.server.on('connection', (socket) => {
        socket.send(Buffer.alloc(64 << 20));   // more than all sockets on the way take
        socket.on('close', resolve);
      });
    });
    const client = net.connect(edge.port, '127.0.0.1');
    cleanup(t, () => client.destroy());
    client.on('error', () => {});
    client.write(`GET /aged/ HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}\r\n`
      + `X-Nexus-Key: ${key}\r\nX-Nexus-Connection: ${id}\r\n\r\n`);
    await left;
  });

  test('what is upgraded to something else is closed without a word', async (t) => {
    const port = await findPort();
    const other = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhello'));
    });
    await new Promise((resolve) => { other.listen(port, '127.0.0.1', resolve); });
    cleanup(t, () => other.close());
    const edge = await startEdge(t, { locations: `location / { ${inject} nexus_ws_max_age 1s; proxy_pass http://127.0.0.1:${port}; }` });
    const { id, key } = await caller(edge);
    let text = '';
    const socket = net.connect(edge.port, '127.0.0.1');
    cleanup(t, () => socket.destroy());
    const ended = new Promise((resolve) => { socket.on('close', (failed) => resolve(failed ? 'reset' : 'ended')); });
    socket.on('error', () => {});
    socket.on('data', (data) => { text += data; });
    socket.write(`GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: echo\r\nX-Nexus-Key: ${key}\r\nX-Nexus-Connection: ${id}\r\n\r\n`);
    assert.equal(await ended, 'ended');
    assert.match(text, /\r\n\r\nhello$/);
  });

  test('a reload leaves tunnels alone, and the old worker still watches them', async (t) => {
    const { edge } = await startWith(t, { main: 'worker_shutdown_timeout 5s;' });
    const [first, second] = await Promise.all([caller(edge), caller(edge)]);
    const kept = await open(t, edge, first.headers);
    const gone = await open(t, edge, second.headers);
    const before = edge.nginx.workers();
    const reloaded = edge.nginx.reload({ timeout: 20000 });
    await waitFor('new workers', () => edge.nginx.workers().some((pid) => !before.includes(pid)));
    assert.equal(await kept.say('over it'), 'over it');
    await edge.rewriteConnection(second.id, { state: 'revoked', expires_at: 0 });
    assert.deepEqual(await gone.closed, [1012, 'the credential was withdrawn']);
    assert.equal((await kept.closed)[0], 1006);   // worker_shutdown_timeout: nginx's own end
    await reloaded;
  });
});
