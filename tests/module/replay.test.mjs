// nexus_retry_unauthorized: a provider that answers 401 gets the request once more, with a newer token; nobody sees the
// first answer, and nothing is sent a third time.
import assert from 'node:assert/strict';
import http2 from 'node:http2';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { sealToken } from '../support/records.mjs';
import { errorBody, onlyRefreshes, startEdge } from './edge-fixture.mjs';

const inject = 'nexus_inject auto; nexus_connection $http_x_nexus_connection; nexus_allow_private 127.0.0.0/8;';
const locations = ({ upstream }) => `
        nexus_retry_unauthorized on;
        location / { ${inject} add_header X-Once yes always; proxy_set_header Host 127.0.0.1; nexus_allow_hosts backend; proxy_pass http://backend; }
        location /literal/ { ${inject} proxy_pass http://${upstream}; }
        location /temp-file/ { ${inject} client_body_buffer_size 1k; proxy_pass http://${upstream}; }
        location /unbuffered-answer/ { ${inject} proxy_buffering off; proxy_pass http://${upstream}; }
        location /unbuffered/ { ${inject} proxy_http_version 1.1; proxy_request_buffering off; proxy_pass http://${upstream}; }
        location /small-only/ { ${inject} nexus_retry_unauthorized on max_body=10; proxy_pass http://${upstream}; }
        location = /metrics { nexus_metrics; }
        location /off/ { ${inject} nexus_retry_unauthorized off; proxy_pass http://${upstream}; }`;
const backend = ({ upstream }) => `proxy_http_version 1.1; proxy_set_header Connection ""; upstream backend { server ${upstream}; keepalive 4; }`;

/** An edge in front of a provider that takes one token only. `refresh(edge, id, generation)`: the record's fields afterwards. */
async function start(t, { refresh = () => ({}), refuse, ...more } = {}) {
  const state = { accepted: undefined, refreshes: [] };
  const edge = await startEdge(t, {
    locations, http: backend, server: 'client_max_body_size 0;', ...more,
    upstream: (incoming, response, body) => {
      if (incoming.headers.authorization === `Bearer ${state.accepted}`) {
        response.end(`good ${incoming.method} ${body.length}`);
      } else if (refuse) {
        refuse(response, incoming);
      } else {
        response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"', 'x-first': 'yes' });
        response.end('{"error":"the token has ended"}');
      }
    },
    controlPlane: onlyRefreshes(async (id, generation) => {
      state.refreshes.push({ id, generation });
      const fields = await refresh(edge, id, generation);
      if (fields === undefined) {
        return undefined;
      }
      const [, sealed] = await sealToken(edge.keys.CACHE_KEY, {
        connection_id: id, generation: generation + 1, credentials: { access_token: `at2-${id}` }, ...fields,
      });
      await delay(20);
      return sealed;
    }),
  });
  return Object.assign(edge, { state });
}

async function caller(edge, connection = {}) {
  const key = await edge.addAgent();
  const id = await edge.addConnection({ generation: 1, refreshable: true, ...connection });
  edge.state.accepted = `at2-${id}`;
  return { id, headers: { 'x-nexus-key': key, 'x-nexus-connection': id } };
}

test('every kind of body is sent again, and the first answer is not seen', async (t) => {
  const edge = await start(t);
  const bodies = { none: undefined, small: Buffer.from('hello'), large: Buffer.alloc(900_000, 'z') };
  for (const path of ['/', '/literal/', '/temp-file/', '/unbuffered-answer/']) {
    for (const [size, body] of Object.entries(bodies)) {
      for (const method of body ? ['PUT'] : ['GET', 'HEAD']) {
        const { headers } = await caller(edge);
        const before = edge.upstream.requests.length;
        const refreshes = edge.state.refreshes.length;
        const answer = await edge.get(path, { method, body, headers });
        const where = `${path} ${size} ${method}: ${answer.text}`;
        assert.equal(answer.status, 200, where);
        assert.equal(answer.text, method === 'HEAD' ? '' : `good ${method} ${body?.length ?? 0}`, where);
        assert.equal(answer.headers['www-authenticate'], undefined, where);
        assert.equal(answer.headers['x-first'], undefined, where);
        assert.equal(answer.headers['x-once'], path === '/' ? 'yes' : undefined, where);
        const [first, second, ...others] = edge.upstream.requests.slice(before);
        assert.equal(others.length, 0, where);
        assert.ok(first.body.equals(body ?? Buffer.alloc(0)) && second.body.equals(first.body), where);
        assert.equal(edge.state.refreshes.length, refreshes + 1, where);
      }
    }
  }
  assert.match(await metrics(edge), /nexus_unauthorized_total\{result="sent_again"\} 16/);
});

const metrics = async (edge) => (await edge.get('/metrics')).text;

test('chunked and HTTP/2 requests', async (t) => {
  const edge = await start(t);
  const body = Buffer.alloc(200_000, 'c');
  const first = await caller(edge);
  const answer = await edge.get('/', { method: 'PUT', body, headers: { ...first.headers, 'transfer-encoding': 'chunked' } });
  assert.equal(answer.text, 'good PUT 200000');
  const client = http2.connect(edge.h2);
  t.after(() => client.destroy());
  for (const sent of [undefined, body]) {
    const { headers } = await caller(edge);
    const text = await new Promise((resolve, reject) => {
      const stream = client.request({ ':path': '/', ':method': sent ? 'POST' : 'GET', ...headers });
      let got = '';
      stream.on('data', (chunk) => { got += chunk; });
      stream.on('end', () => resolve(got));
      stream.on('error', reject);
      stream.end(sent);
    });
    assert.equal(text, sent ? 'good POST 200000' : 'good GET 0');
  }
});

test('many at once: one refresh, and every one is sent again', async (t) => {
  const edge = await start(t, { workers: 2 });
  const { headers } = await caller(edge);
  const answers = await Promise.all(Array.from({ length: 60 }, (_, i) =>
    edge.get('/', { method: 'POST', body: Buffer.from(`body ${i}`), headers })));
  for (const answer of answers) {
    assert.match(answer.text, /^good POST/);
  }
  assert.equal(edge.state.refreshes.length, 1);
});

test('a second 401 is the answer', async (t) => {
  const edge = await start(t);
  const { headers } = await caller(edge);
  edge.state.accepted = 'nothing';
  const answer = await edge.get('/', { headers });
  assert.equal(answer.status, 401);
  assert.equal(answer.text, '{"error":"the token has ended"}');
  assert.equal(answer.headers['www-authenticate'], 'Bearer error="invalid_token"');
  assert.equal(answer.headers['x-once'], 'yes');
  assert.equal(edge.upstream.requests.length, 2);
});

test('without a newer token the provider\'s answer comes as it was', async (t) => {
  const large = 'x'.repeat(50_000);
  for (const refuse of [undefined, (response) => { response.writeHead(401, { 'content-length': large.length, 'x-first': 'yes' }); response.end(large); },
    (response) => { response.writeHead(401, { 'x-first': 'yes' }); response.end(); }]) {
    const edge = await start(t, { refresh: () => undefined, refuse });
    const { headers } = await caller(edge);
    for (const method of ['GET', 'HEAD']) {
      const before = edge.upstream.requests.length;
      const answer = await edge.get('/', { method, headers });
      assert.equal(answer.status, 401);
      assert.equal(answer.headers['x-first'], 'yes');
      assert.equal(edge.upstream.requests.length, before + 1);
      if (method === 'GET') {
        assert.ok(['{"error":"the token has ended"}', large, ''].includes(answer.text), answer.text.slice(0, 80));
      }
    }
  }
});

test('a connection that needs a person: 409 with what to do', async (t) => {
  const edge = await start(t, {
    refresh: () => ({ state: 'attention', attention_reason: 'revoked', reconnect_url: 'https://nexus.example/connect/x', credentials: {} }),
  });
  const { headers } = await caller(edge);
  const answer = await edge.get('/', { headers });
  const body = errorBody(assert, answer, 409, 'attention_required');
  assert.equal(body.reconnect_url, 'https://nexus.example/connect/x');
  assert.equal(edge.upstream.requests.length, 1);
  assert.equal((await edge.get('/', { headers })).status, 409);
  assert.equal(edge.upstream.requests.length, 1, 'and the provider is left alone');
});

test('what cannot be sent again is not held back', async (t) => {
  const edge = await start(t);
  const { headers } = await caller(edge);
  for (const [path, body] of [['/unbuffered/', Buffer.alloc(100_000)], ['/small-only/', Buffer.alloc(11)], ['/off/', undefined]]) {
    const answer = await edge.get(path, { method: body ? 'POST' : 'GET', body, headers });
    assert.equal(answer.status, 401, path);
  }
  const fixed = await caller(edge, { refreshable: false });
  assert.equal((await edge.get('/', { headers: fixed.headers })).status, 401);
  assert.equal(edge.state.refreshes.length, 0);
  assert.equal((await edge.get('/small-only/', { method: 'POST', body: Buffer.alloc(10), headers })).status, 401, 'a token of another one');
});

test('a 401 that does not end is not waited for', async (t) => {
  const edge = await start(t, {
    refuse: (response) => { response.writeHead(401, { 'x-first': 'yes' }); response.write('{"error":'); },
  });
  const { headers } = await caller(edge);
  const answer = await edge.get('/', { headers });
  assert.equal(answer.text, 'good GET 0');
});

test('a 401 that does not end, and no newer token: no part of it goes out as the whole', async (t) => {
  const edge = await start(t, {
    refresh: () => undefined, refuse: (response) => { response.writeHead(401, { 'x-first': 'yes' }); response.write('{"error":'); },
  });
  const { headers } = await caller(edge);
  errorBody(assert, await edge.get('/', { headers }), 503, 'token_unavailable');
});

test('a 401 that cannot be read to its end is one that breaks off', async (t) => {
  const pieces = { 'in one piece': ['5\r\nhello\r\nzz\r\n'], 'in several': ['5\r\nhello\r\n', '6\r\n world\r\n', 'zz\r\n'] };
  for (const refresh of [undefined, () => undefined]) {
    let said = [];
    const edge = await start(t, {
      ...(refresh && { refresh }),
      refuse: async ({ socket }) => {
        socket.setNoDelay(true);
        socket.write('HTTP/1.1 401 Unauthorized\r\nX-First: yes\r\nTransfer-Encoding: chunked\r\n\r\n');
        for (const piece of said) {
          await new Promise((resolve) => { socket.write(piece, () => setImmediate(resolve)); });
        }
        socket.end();
      },
    });
    for (const path of ['/', '/unbuffered-answer/']) {
      for (const [name, cut] of Object.entries(pieces)) {
        said = cut;
        const { headers } = await caller(edge);
        const answer = await edge.get(path, { headers });
        assert.match(edge.nginx.errorLog(), /upstream sent invalid chunked response/);
        if (refresh) {
          errorBody(assert, answer, 503, 'token_unavailable');
        } else {
          assert.equal(answer.text, 'good GET 0', `${path} ${name}`);
        }
      }
    }
  }
});

test('a 401 whose end alone shows that it is too long stays one', async (t) => {
  for (const [challenges, expected] of [[['Bearer error="invalid_token"', 'Basic realm="x"'], 'Bearer error="invalid_token", Basic realm="x"'], [[], 'Bearer']]) {
    const edge = await start(t, {
      refresh: () => undefined,
      refuse: (response) => {
        response.writeHead(401, { 'www-authenticate': challenges, 'x-first': 'yes' });
        response.write('x'.repeat(60_000));
        setTimeout(() => response.end('x'.repeat(40_000)), 50);
      },
    });
    const { headers } = await caller(edge);
    const answer = await edge.get('/', { headers });
    errorBody(assert, answer, 401, 'upstream_error');
    assert.equal(answer.headers['www-authenticate'], expected);
    assert.equal(answer.headers['x-first'], undefined);
  }
});

test('clients that leave meanwhile, and reloads, leave nothing behind', async (t) => {
  const edge = await start(t, { refresh: async () => { await delay(150); return {}; } });
  const { headers } = await caller(edge);
  const leaving = Array.from({ length: 10 }, () => edge.get('/', { headers, timeout: 60 }).catch(() => 'left'));
  await delay(80);
  await edge.nginx.reload();
  assert.ok((await Promise.all(leaving)).every((answer) => answer === 'left' || answer.status === 200));
  assert.equal((await edge.get('/', { headers })).text, 'good GET 0');
});
