// Clients that take their time are cut, by nexusd itself and by the nginx in front of it as conf/ sets it up; others do
// not notice.
import assert from 'node:assert/strict';
import net from 'node:net';
import test, { before } from 'node:test';
import { cleanup, wholeFile } from '../support/cleanup.mjs';
import { newKeys } from '../support/keys.mjs';
import { request } from '../support/http.mjs';
import { startNexusd } from '../support/nexusd.mjs';
import { findPorts } from '../support/ports.mjs';
import { startRedis } from '../support/redis.mjs';
import { startSite } from '../support/site.mjs';
import { waitFor } from '../support/wait.mjs';

const file = wholeFile();
const MAX_CONNECTIONS = 20;
let nexusd;   // with short times and room for few
let front;    // conf/control-plane.conf as it is, before a nexusd with its defaults

before(async () => {
  const redis = await startRedis(file);
  const keys = newKeys();
  const [gateway, sidecar, port, nexusdPort] = await findPorts(4);
  front = { port, url: `http://127.0.0.1:${port}`, key: keys.API_KEY };
  nexusd = await startNexusd(file, {
    redisUrl: redis.url,
    env: { MAX_CONNECTIONS: String(MAX_CONNECTIONS), REQUEST_TIMEOUT_S: '1', KEEPALIVE_TIMEOUT_S: '2' },
  });
  await startNexusd(file, { port: nexusdPort, baseUrl: front.url, redisUrl: redis.url, keys });
  await startSite(file, {
    redis: redis.url, keys, nexusdPort, ports: { gateway, sidecar, front: port }, workers: 1, logLevel: 'info',
  });
});

/**
 * Connects, sends `text`, then `drip` every 100 ms. ended: resolves at the server's end of the connection to
 * {text, ms}.
 */
function slowClient(t, port, text, drip) {
  const socket = net.connect(port, '127.0.0.1');
  cleanup(t, () => socket.destroy());
  const begin = performance.now();
  let received = '';
  const timer = drip && setInterval(() => socket.write(drip), 100);
  const ended = new Promise((resolve) => {
    const finish = () => {
      clearInterval(timer);
      resolve({ text: received, ms: performance.now() - begin });
    };
    socket.setEncoding('utf8').on('data', (data) => { received += data; });
    socket.once('end', finish).once('close', finish).on('error', () => {});
  });
  if (text) {
    socket.write(text);
  }
  return { socket, ended, received: () => received };
}

const within = (limit, what) => (ended) => {
  assert.ok(ended.ms < limit, `${what} was held ${Math.round(ended.ms)} ms`);
  return ended;
};

test('nexusd: silence, a dripping head and a dripping body are 408 and the end', async (t) => {
  const clients = {
    silence: slowClient(t, nexusd.port, ''),
    'a dripping head': slowClient(t, nexusd.port, 'GET /health HTTP/1.1\r\nX-Slow: ', 'x'),
    'a head that stops': slowClient(t, nexusd.port, 'GET /health HTTP/1.1\r\n'),
    'a dripping body': slowClient(t, nexusd.port, 'POST /providers HTTP/1.1\r\nContent-Length: 100000\r\n\r\n', 'x'),
    'a body that stops': slowClient(t, nexusd.port, 'POST /providers HTTP/1.1\r\nContent-Length: 10\r\n\r\n{'),
  };
  for (const [what, { ended }] of Object.entries(clients)) {
    const { text } = within(5000, what)(await ended);
    assert.match(text, /^HTTP\/1\.1 408 /, what);
    assert.match(text, /did not arrive in time/, what);
    assert.match(text, /Connection: close/, what);
  }
  assert.equal((await request(`${nexusd.url}/health`)).status, 200);
});

test('nexusd: an idle connection is closed without a word', async (t) => {
  const client = slowClient(t, nexusd.port, 'GET /health HTTP/1.1\r\n\r\n');
  const { text, ms } = within(8000, 'an idle connection')(await client.ended);
  assert.equal(text.match(/HTTP\/1\.1/g).length, 1, text);
  assert.ok(ms > 1500, `it was closed after ${ms} ms`);
});

test('nexusd: above MAX_CONNECTIONS new clients are refused at once, those that are in go on', async (t) => {
  const kept = await Promise.all(Array.from({ length: MAX_CONNECTIONS }, async () => {
    const client = slowClient(t, nexusd.port, 'GET /health HTTP/1.1\r\n\r\n');
    await waitFor('an answer', () => client.received());
    return client;
  }));
  const refused = await Promise.all(Array.from({ length: 10 }, () => slowClient(t, nexusd.port, '').ended));
  for (const { text } of refused) {
    assert.match(text, /^HTTP\/1\.1 503 /);
    assert.match(text, /"error":"overloaded"/);
    assert.match(text, /Retry-After: \d+/);
  }
  for (const client of kept) {
    client.socket.write('GET /health HTTP/1.1\r\n\r\n');
    await waitFor('a second answer', () => client.received().match(/HTTP\/1\.1 200/g)?.length === 2);
    client.socket.destroy();
  }
  const metrics = await waitFor('room', async () => {
    const answer = await request(`${nexusd.url}/metrics`);
    return answer.status === 200 && answer.text;
  });
  assert.match(metrics, /^nexus_http_connections_cut_total\{reason="too_many"\} 1\d$/m);
});

test('front: a slow head or body is cut, and never reaches nexusd', async (t) => {
  const post = `POST /providers HTTP/1.1\r\nHost: x\r\nX-API-Key: ${front.key}\r\nContent-Type: application/json\r\n`;
  const clients = {
    silence: slowClient(t, front.port, ''),
    'a dripping head': slowClient(t, front.port, 'GET /health HTTP/1.1\r\nX-Slow: ', 'x'),
    'a dripping body': slowClient(t, front.port, `${post}Content-Length: 1000\r\n\r\n{`, ' '),
    'a body that stops': slowClient(t, front.port, `${post}Content-Length: 1000\r\n\r\n{`),
    'dripping chunks': slowClient(t, front.port, `${post}Transfer-Encoding: chunked\r\n\r\n`, '1\r\n \r\n'),
    'an endless chunk': slowClient(t, front.port, `${post}Transfer-Encoding: chunked\r\n\r\nff\r\n{`),
  };
  for (const [what, { ended }] of Object.entries(clients)) {
    const { text } = within(16000, what)(await ended);
    assert.doesNotMatch(text, /^HTTP\/1\.1 [25]/, what);
  }
  assert.equal((await request(`${front.url}/health`)).status, 200);
});

test('front: one address cannot hold every connection', async (t) => {
  const begin = 'POST /providers HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{';
  const holders = Array.from({ length: 530 }, () => slowClient(t, front.port, begin));
  const refused = await waitFor('refusals', () => {
    const answered = holders.filter(({ received }) => received().includes('"request_id"'));
    return answered.length >= 18 && answered;   // 530 - 512
  });
  for (const { received } of refused) {
    assert.match(received(), /^HTTP\/1\.1 429 /);
    assert.match(received(), /"error":"overloaded"/);
  }
  for (const { socket } of holders) {
    socket.destroy();
  }
  await waitFor('room again', async () => (await request(`${front.url}/health`)).status === 200);
});
