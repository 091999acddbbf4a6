// The gateway API as HTTP has it, the same over HTTP/1.1 and HTTP/2: HEAD, OPTIONS, methods, lengths, nothing to be cached.
import assert from 'node:assert/strict';
import http2 from 'node:http2';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { cleanup } from '../support/cleanup.mjs';
import { errorBody, startEdge } from './edge-fixture.mjs';

const api = () => `
        location ~ "^/v1/token/(?<id>[^/]+)$" { nexus_api token; nexus_connection $id; }
        location ~ "^/v1/refresh/(?<id>[^/]+)$" { nexus_api refresh; nexus_connection $id; }
        location ~ "^/v1/check-connection/(?<id>[^/]+)$" { nexus_api check; nexus_connection $id; }`;

/** A request over HTTP/2, answered as request() of support/http.mjs answers. */
function askOverHttp2(client, path, { method = 'GET', headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const stream = client.request({ ...headers, ':path': path, ':method': method }, { endStream: body === undefined });
    const chunks = [];
    let head;
    stream.on('response', (received) => { head = received; });
    stream.on('data', (chunk) => chunks.push(chunk));
    stream.on('error', reject);
    stream.on('end', () => {
      const whole = Buffer.concat(chunks);
      const text = whole.toString();
      const json = text.startsWith('{') ? JSON.parse(text) : undefined;
      resolve({ status: head[':status'], headers: head, body: whole, text, json });
    });
    if (body !== undefined) {
      stream.end(body);
    }
  });
}

/** The edge, and how it is asked, in both protocols. */
async function overBoth(t) {
  const edge = await startEdge(t, { locations: api });
  const client = http2.connect(edge.h2);
  cleanup(t, () => client.destroy());
  const key = await edge.addAgent({ grants: ['token:read', 'connection:refresh'] });
  return {
    edge, key, headers: { 'x-api-key': key }, id: await edge.addConnection({ credentials: { access_token: 'canary-token-31' } }),
    protocols: {
      'HTTP/1.1': (path, options) => edge.get(path, options),
      'HTTP/2': (path, options) => askOverHttp2(client, path, options),
    },
  };
}

test('GET and HEAD: the same head, and a body for GET only', async (t) => {
  const { protocols, id, headers } = await overBoth(t);
  for (const [protocol, ask] of Object.entries(protocols)) {
    for (const path of [`/v1/token/${id}`, `/v1/check-connection/${id}`]) {
      const get = await ask(path, { headers });
      const head = await ask(path, { method: 'HEAD', headers });
      for (const answer of [get, head]) {
        assert.equal(answer.status, 200, `${protocol} ${path}: ${answer.text}`);
        assert.equal(answer.headers['cache-control'], 'no-store', protocol);
        assert.equal(answer.headers['content-type'], 'application/json', protocol);
        assert.equal(answer.headers['content-length'], String(get.body.length), protocol);
        for (const name of ['etag', 'last-modified', 'expires', 'accept-ranges']) {
          assert.equal(answer.headers[name], undefined, `${protocol} ${path} ${name}`);
        }
      }
      assert.ok(get.body.length > 0);
      assert.equal(head.body.length, 0, protocol);
    }
  }
});

test('conditional and range requests get the whole answer', async (t) => {
  const { protocols, id, headers } = await overBoth(t);
  for (const [protocol, ask] of Object.entries(protocols)) {
    for (const condition of [{ 'if-none-match': '*' }, { 'if-modified-since': new Date().toUTCString() }, { range: 'bytes=0-3' }]) {
      const answer = await ask(`/v1/token/${id}`, { headers: { ...headers, ...condition } });
      assert.equal(answer.status, 200, `${protocol} ${JSON.stringify(condition)}`);
      assert.equal(answer.json.access_token, 'canary-token-31');
    }
  }
});

test('OPTIONS: 204 and Allow, the same with and without a key, for every id', async (t) => {
  const { protocols, id, headers } = await overBoth(t);
  for (const [protocol, ask] of Object.entries(protocols)) {
    for (const [path, allow] of [['token', 'GET, HEAD, OPTIONS'], ['check-connection', 'GET, HEAD, OPTIONS'], ['refresh', 'POST, OPTIONS']]) {
      const answers = await Promise.all([
        ask(`/v1/${path}/${id}`, { method: 'OPTIONS', headers }),
        ask(`/v1/${path}/${id}`, { method: 'OPTIONS' }),
        ask(`/v1/${path}/${id}`, { method: 'OPTIONS', headers: { 'x-api-key': 'nxa_wrong' } }),
        ask(`/v1/${path}/${randomUUID()}`, { method: 'OPTIONS' }),
        ask(`/v1/${path}/x`, { method: 'OPTIONS' }),
      ]);
      for (const answer of answers) {
        assert.equal(answer.status, 204, `${protocol} ${path}: ${answer.text}`);
        assert.equal(answer.headers.allow, allow);
        assert.equal(answer.headers['cache-control'], 'no-store');
        assert.equal(answer.headers['content-type'], undefined);
        assert.equal(answer.headers['content-length'], undefined);
        assert.equal(answer.body.length, 0);
      }
    }
  }
});

test('other methods: 405 with Allow, for callers who are known', async (t) => {
  const { protocols, id, headers } = await overBoth(t);
  for (const [protocol, ask] of Object.entries(protocols)) {
    for (const [path, methods, allow] of [
      ['token', ['POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND'], 'GET, HEAD, OPTIONS'],
      ['check-connection', ['POST', 'DELETE'], 'GET, HEAD, OPTIONS'],
      ['refresh', ['GET', 'HEAD', 'PUT', 'DELETE'], 'POST, OPTIONS'],
    ]) {
      for (const method of methods) {
        const answer = await ask(`/v1/${path}/${id}`, { method, headers });
        assert.equal(answer.status, 405, `${protocol} ${method} ${path}`);
        assert.equal(answer.headers.allow, allow);
        if (method !== 'HEAD') {
          errorBody(assert, answer, 405, 'method_not_allowed');
        }
        assert.equal((await ask(`/v1/${path}/${id}`, { method })).status, 401, `${protocol} ${method} ${path} without a key`);
      }
    }
  }
});

test('refusals have their length, and no body for HEAD', async (t) => {
  const { protocols, headers } = await overBoth(t);
  for (const [protocol, ask] of Object.entries(protocols)) {
    for (const [path, options, status, code] of [
      [`/v1/token/${randomUUID()}`, {}, 401, 'missing_api_key'],
      [`/v1/token/${randomUUID()}`, { headers: { authorization: 'Bearer nxa_x' } }, 401, 'invalid_api_key'],
      ['/v1/token/x', { headers }, 400, 'invalid_connection_id'],
      [`/v1/token/${randomUUID()}`, { headers }, 404, 'connection_not_found'],
    ]) {
      const get = await ask(path, options);
      errorBody(assert, get, status, code);
      const head = await ask(path, { ...options, method: 'HEAD' });
      assert.equal(head.status, status, protocol);
      assert.equal(head.body.length, 0, protocol);
      for (const answer of [get, head]) {
        assert.equal(answer.headers['content-length'], String(get.body.length), protocol);
        assert.equal(answer.headers['cache-control'], 'no-store', protocol);
        assert.match(answer.headers['www-authenticate'] ?? 'none', status === 401 ? /^Bearer realm="nexus"/ : /^none$/, protocol);
      }
    }
  }
});

test('a request with a body that nobody reads leaves the connection usable', async (t) => {
  const { protocols, id, headers } = await overBoth(t);
  for (const [protocol, ask] of Object.entries(protocols)) {
    for (const method of ['GET', 'OPTIONS', 'DELETE']) {
      const body = 'x'.repeat(100_000);
      const answer = await ask(`/v1/token/${id}`, { method, headers: { ...headers, 'content-length': String(body.length) }, body });
      assert.equal(answer.status, { GET: 200, OPTIONS: 204, DELETE: 405 }[method], `${protocol} ${method}`);
    }
    assert.equal((await ask(`/v1/token/${id}`, { headers })).json.access_token, 'canary-token-31', protocol);
  }
});
