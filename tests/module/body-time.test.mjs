// nexus_body_time: a body that comes too slowly ends the request, whatever asked for it; a body in good time, and a slow
// answer, do not.
import assert from 'node:assert/strict';
import http2 from 'node:http2';
import net from 'node:net';
import { test } from 'node:test';
import { cleanup } from '../support/cleanup.mjs';
import { request, serve } from '../support/http.mjs';
import { listen } from '../support/listen.mjs';
import { startNginx, testConfig } from '../support/nginx.mjs';
import { findPort } from '../support/ports.mjs';
import { waitFor } from '../support/wait.mjs';

async function start(t) {
  const seen = [];
  const upstream = await serve(await findPort(), (incoming, response, body) => {
    seen.push(body.length);
    setTimeout(() => response.end(`${body.length} bytes`), incoming.url === '/slow' ? 1500 : 0);
  });
  cleanup(t, () => upstream.close());
  const nginx = await startNginx(t, {
    config: ({ port, globals, http }) => `
${globals}
events {}
http {
    ${http}
    client_body_timeout 1s;
    nexus_body_time 1s;
    nexus_limit_zone slow key=all rate=30r/m burst=5;
    server {
        listen 127.0.0.1:${port};
        location / { proxy_pass ${upstream.url}; }
        location /unbuffered { proxy_http_version 1.1; proxy_request_buffering off; proxy_pass ${upstream.url}; }
        location /untimed { nexus_body_time 0; proxy_pass ${upstream.url}; }
        location /rewritten/ { rewrite ^/rewritten(.*)$ $1 break; proxy_pass ${upstream.url}; }
        location /redirected { try_files /none @upstream; }
        location @upstream { proxy_pass ${upstream.url}; }
        location /held { nexus_limit zone=slow; proxy_pass ${upstream.url}; }
        location /ignored { return 200 ignored; }
    }
}`,
  });
  return { nginx, seen };
}

/** Sends a head, then `piece` every 50 ms. Resolves at the end of the connection to {text, ms}. */
function drip(t, port, head, piece, stopAfter = Infinity) {
  const socket = net.connect(port, '127.0.0.1');
  cleanup(t, () => socket.destroy());
  const begin = performance.now();
  let text = '';
  socket.write(head);
  const timer = setInterval(() => (stopAfter-- > 0 ? socket.write(piece) : clearInterval(timer)), 50);
  return new Promise((resolve) => {
    const finish = () => {
      clearInterval(timer);
      resolve({ text, ms: performance.now() - begin });
    };
    socket.setEncoding('utf8').on('data', (data) => { text += data; });
    socket.once('end', finish).once('close', finish).on('error', () => {});
  });
}

const post = (path, rest) => `POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${rest}\r\n\r\n`;

test('a dripping body is cut, by length and in chunks, buffered or not', async (t) => {
  const { nginx, seen } = await start(t);
  const cut = await Promise.all([
    drip(t, nginx.port, post('/', 'Content-Length: 1000'), 'x'),
    drip(t, nginx.port, post('/', 'Transfer-Encoding: chunked'), '1\r\nx\r\n'),
    drip(t, nginx.port, post('/unbuffered', 'Content-Length: 1000'), 'x'),
  ]);
  for (const { text, ms } of cut) {
    assert.ok(ms > 900 && ms < 8000, `cut after ${ms} ms`);
    assert.equal(text, '');
  }
  assert.deepEqual(seen, []);
  assert.equal((await request(`${nginx.url}/`, { method: 'POST', body: 'abc' })).text, '3 bytes');
});

/** An h2c upstream that never answers. Resolves to its address. */
async function startSilentGrpc(t) {
  const server = http2.createServer().on('stream', (stream) => stream.on('error', () => {}).resume());
  const port = await listen(t, server);
  return `grpc://127.0.0.1:${port}`;
}

/** Sends a head and no more of a body than its first bytes; resolves when it was cut. */
function hangOverHttp2(t, url) {
  const session = http2.connect(url).on('error', () => {});
  cleanup(t, () => session.destroy());
  const stream = session.request({ ':method': 'POST', ':path': '/', 'content-type': 'application/grpc', te: 'trailers' });
  stream.write('x'.repeat(100));
  return new Promise((resolve) => stream.on('error', () => {}).once('close', resolve));
}

function hangOverHttp1(t, port) {
  const socket = net.connect(port, '127.0.0.1').on('error', () => {});
  cleanup(t, () => socket.destroy());
  socket.write(post('/', 'Content-Length: 1000'));
  return new Promise((resolve) => socket.once('close', resolve));
}

// The memory of a request that was freed too early is filled, or nobody would notice.
for (const [what, listening, location, hang] of [
  ['HTTP/2, a body passed on as it comes', 'http2',
    ({ upstream }) => `proxy_http_version 1.1; proxy_request_buffering off; proxy_pass ${upstream};`, (t, nginx) => hangOverHttp2(t, nginx.url)],
  ['HTTP/2, gRPC', 'http2', ({ grpc }) => `grpc_pass ${grpc};`, (t, nginx) => hangOverHttp2(t, nginx.url)],
  ['HTTP/1.1, closed without lingering', '',
    ({ upstream }) => `lingering_close off; proxy_http_version 1.1; proxy_request_buffering off; proxy_pass ${upstream};`,
    (t, nginx) => hangOverHttp1(t, nginx.port)],
]) {
  test(`a request is cut while its upstream is at work: ${what}`, async (t) => {
    const upstream = await serve(await findPort(), (incoming, response) => response.end());
    cleanup(t, () => upstream.close());
    const grpc = await startSilentGrpc(t);
    const nginx = await startNginx(t, {
      env: { MALLOC_PERTURB_: '165' },
      config: ({ port, globals, http }) => `
${globals}
events {}
http {
    ${http}
    nexus_body_time 500ms;
    server {
        listen 127.0.0.1:${port} ${listening};
        location / { ${location({ upstream: upstream.url, grpc })} }
    }
}`,
    });
    await Promise.all(Array.from({ length: 20 }, () => hang(t, nginx)));
    await waitFor('all to be logged', () => nginx.errorLog().match(/took too long/g)?.length === 20);
  });
}

test('what is in good time, untimed or not read goes on', async (t) => {
  const { nginx } = await start(t);
  const slow = await request(`${nginx.url}/slow`, { method: 'POST', body: 'x'.repeat(100000) });
  assert.equal(slow.text, '100000 bytes', 'a slow answer is not a slow body');
  const quick = await drip(t, nginx.port, post('/', 'Content-Length: 3'), 'x', 3);
  assert.match(quick.text, /3 bytes/);
  const untimed = await drip(t, nginx.port, post('/untimed', 'Content-Length: 40'), 'x', 40);
  assert.match(untimed.text, /40 bytes/);
  assert.ok(untimed.ms > 1500);
  const ignored = await drip(t, nginx.port, post('/ignored', 'Content-Length: 1000'), 'x', 5);
  assert.match(ignored.text, /ignored$/);
});

test('a request that was rewritten, redirected or held back is timed like any other', async (t) => {
  const { nginx, seen } = await start(t);
  assert.equal((await request(`${nginx.url}/held`, { method: 'POST', body: 'x' })).text, '1 bytes');   // the next one waits 2 s
  const cut = await Promise.all(['/rewritten/x', '/redirected', '/held'].map((path) => drip(t, nginx.port, post(path, 'Content-Length: 400'), 'x')));
  for (const { text, ms } of cut) {
    assert.ok(ms > 800 && ms < 8000, `cut after ${ms} ms`);
    assert.equal(text, '');
  }
  assert.ok(cut[2].ms > 2500, `the time that the limit takes is not the client's: ${cut[2].ms} ms`);
  assert.deepEqual(seen, [1]);
  assert.equal((await request(`${nginx.url}/rewritten/x`, { method: 'POST', body: 'abc' })).text, '3 bytes');
});

test('an upstream that takes an unbuffered body late is not the client\'s fault', async (t) => {
  const SIZE = 20_000_000;   // more than sockets hold
  const late = net.createServer((socket) => {
    let taken = 0;
    socket.pause();
    setTimeout(() => {
      socket.on('data', ({ length }) => {
        taken += length;
        return taken > SIZE && socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ntaken');
      }).resume();
    }, 3000);
  });
  const upstream = await listen(t, late);
  const nginx = await startNginx(t, {
    ports: 2,
    config: ({ ports, globals, http }) => `
${globals}
events {}
http {
    ${http}
    client_max_body_size 0;
    nexus_body_time 1s;
    server {
        listen 127.0.0.1:${ports[0]};
        listen 127.0.0.1:${ports[1]} http2;
        location / { proxy_http_version 1.1; proxy_request_buffering off; proxy_pass http://127.0.0.1:${upstream}; }
    }
}`,
  });
  assert.equal((await request(`${nginx.url}/`, { method: 'POST', body: Buffer.alloc(SIZE) })).text, 'taken');
  const session = http2.connect(`http://127.0.0.1:${nginx.ports[1]}`);
  cleanup(t, () => session.destroy());
  const stream = session.request({ ':method': 'POST', ':path': '/', 'content-length': SIZE });
  stream.end(Buffer.alloc(SIZE));
  assert.equal(Buffer.concat(await stream.toArray()).toString(), 'taken');
});

test('what an internal redirect has left of an unbuffered body is not waited for in vain', async (t) => {
  const redirecting = await listen(t, net.createServer((socket) => socket.once('data', () =>
    socket.end('HTTP/1.1 200 OK\r\nX-Accel-Redirect: /next\r\nContent-Length: 0\r\n\r\n'))));
  const upstream = await serve(await findPort(), (incoming, response) => response.end());
  cleanup(t, () => upstream.close());
  const nginx = await startNginx(t, {
    config: ({ port, globals, http }) => `
${globals}
events {}
http {
    ${http}
    nexus_body_time 1s;
    server {
        listen 127.0.0.1:${port};
        location / { proxy_http_version 1.1; proxy_request_buffering off; proxy_pass http://127.0.0.1:${redirecting}; }
        location /next { proxy_pass ${upstream.url}; }
    }
}`,
  });
  const { text, ms } = await drip(t, nginx.port, post('/', 'Content-Length: 1000'), 'x', 10);
  assert.equal(text, '');
  assert.ok(ms < 8000, `cut after ${ms} ms`);
});

test('only a time will do', async (t) => {
  const result = await testConfig(t, {
    config: ({ port, globals, http }) => `${globals}\nevents {}\nhttp { ${http}\nserver { listen 127.0.0.1:${port}; nexus_body_time soon; } }`,
  });
  assert.ok(!result.ok);
  assert.match(result.message, /invalid value/);
});
