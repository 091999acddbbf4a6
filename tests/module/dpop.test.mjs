// DPoP-bound access tokens: each request carries a proof of its own, which independent code verifies; the provider's nonce is
// remembered, and fetched by sending the request once more.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeDpopVerifier, newDpopKey } from '../support/dpop-verifier.mjs';
import { sealToken } from '../support/records.mjs';
import { startEdge } from './edge-fixture.mjs';

const inject = 'nexus_inject auto; nexus_connection $http_x_nexus_connection; nexus_allow_private 127.0.0.0/8;';
const locations = ({ upstream }) => `
        location ~ "^/v1/token/(?<id>[^/]+)$" { nexus_api token; nexus_connection $id; }
        location = /metrics { nexus_metrics; }
        location /plain/ { ${inject} proxy_pass http://${upstream}; }
        location /raw/ { ${inject} set $address ${upstream}; proxy_pass http://$address$request_uri; }
        location /rewrite/ { ${inject} rewrite ^/rewrite/(.*)$ /to/$1?y=2 break; proxy_set_header Host 127.0.0.1:80; proxy_pass http://${upstream}; }
        location /unbuffered/ { ${inject} proxy_http_version 1.1; proxy_request_buffering off; proxy_pass http://${upstream}; }
        location /again/ { ${inject} nexus_retry_unauthorized on; client_body_buffer_size 1k; proxy_pass http://${upstream}; }`;

/** An edge in front of an API that takes bound tokens only. state.nonce: what it wants in the proof; refused: how often it refused. */
async function start(t, { curve, fields = {}, ...more } = {}) {
  const verifier = await makeDpopVerifier();
  const key = await newDpopKey(curve);
  const state = { nonce: undefined, next: undefined, refused: 0, challenge: 'DPoP error="use_dpop_nonce", algs="ES256 EdDSA"' };
  const edge = await startEdge(t, {
    locations, logLevel: 'debug', ...more,
    upstream: async (incoming, response, body) => {
      const why = await verifier.refusalOf(incoming, { nonce: state.nonce });
      if (state.next !== undefined) {
        state.nonce = state.next;
        response.setHeader('DPoP-Nonce', state.next);
      }
      if (why === '') {
        response.end(`good ${incoming.method} ${body.length}`);
        return;
      }
      state.refused += 1;
      response.writeHead(401, { 'www-authenticate': why.startsWith('nonce ') ? state.challenge : 'DPoP error="invalid_token"' });
      response.end(why);
    },
  });
  const agent = await edge.addAgent();
  const bound = async (over = {}) => ({
    dpop_key: key, credentials: { access_token: await verifier.token(key), token_type: 'DPoP' }, refreshable: false, ...fields, ...over,
  });
  const connect = async (over) => ({ 'x-nexus-key': agent, 'x-nexus-connection': await edge.addConnection(await bound(over)) });
  return Object.assign(edge, { state, verifier, dpopKey: key, agent, bound, connect });
}

for (const curve of ['P-256', 'Ed25519']) {
  test(`${curve}: every request carries a proof about itself`, async (t) => {
    const edge = await start(t, { curve });
    const headers = { ...await edge.connect(), authorization: 'Bearer mine', dpop: 'mine' };
    for (const path of ['/plain/', '/plain/a%20b/%C3%A4?x=1&y=%2F', '/raw/%7Ea/b;c=d,e/*?q', '/rewrite/x/y?z=1', '/plain/%22quoted%22/[1]']) {
      for (const [method, body] of [['GET'], ['POST', 'a=1'], ['DELETE'], ['PUT', Buffer.alloc(100_000, 'z')]]) {
        const answer = await edge.get(path, { method, body, headers });
        assert.equal(answer.status, 200, `${method} ${path}: ${answer.text}`);
        assert.equal(answer.text, `good ${method} ${body?.length ?? 0}`);
      }
    }
    const unbuffered = await edge.get('/unbuffered/', { method: 'PUT', body: Buffer.alloc(300_000), headers });
    assert.equal(unbuffered.status, 200, unbuffered.text);
    const names = edge.upstream.last().raw.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
    assert.deepEqual(names.filter((name) => ['authorization', 'dpop'].includes(name)).sort(), ['authorization', 'dpop']);
    assert.match((await edge.get('/metrics')).text, /nexus_injections_total\{strategy="oauth2"\} 21/);
    const secret = JSON.parse(edge.dpopKey).d;
    assert.ok(!edge.nginx.errorLog().includes(secret), 'the private key is in no log, at debug level either');
  });
}

test('callers see the type of the token and never its key', async (t) => {
  const edge = await start(t);
  const headers = await edge.connect();
  const answer = await edge.get(`/v1/token/${headers['x-nexus-connection']}`, { headers: { 'x-api-key': edge.agent } });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.json.token_type, 'DPoP');
  assert.deepEqual(Object.keys(answer.json.credentials).sort(), ['access_token', 'expired', 'expires_at', 'token_type']);
  assert.ok(!answer.text.includes('dpop_key') && !answer.text.includes(JSON.parse(edge.dpopKey).d));
});

test('a bound token is never sent without a proof', async (t) => {
  const edge = await start(t);
  const other = JSON.parse(await newDpopKey());
  const mixed = JSON.stringify({ ...JSON.parse(edge.dpopKey), d: other.d });
  for (const dpop_key of ['', '{}', 'rubbish', mixed]) {
    assert.equal((await edge.get('/plain/', { headers: await edge.connect({ dpop_key }) })).status, 500);
  }
  assert.equal(edge.upstream.requests.length, 0);
  assert.match(edge.nginx.errorLog(), /the DPoP key of the connection is unreadable/);
});

test('a nonce is fetched by sending the request once more, and remembered for the server', async (t) => {
  const edge = await start(t);
  const headers = await edge.connect();
  edge.state.nonce = 'n-1';
  edge.state.next = 'n-1';
  const body = Buffer.alloc(200_000, 'b');
  const first = await edge.get('/again/', { method: 'PUT', body, headers });
  assert.equal(first.status, 200, first.text);
  assert.equal(first.text, `good PUT ${body.length}`);
  assert.equal(edge.upstream.requests.length, 2);
  assert.ok(edge.upstream.last().body.equals(body));

  assert.equal((await edge.get('/again/', { headers: await edge.connect() })).status, 200, 'of another connection');
  assert.equal(edge.upstream.requests.length, 3, 'the nonce is known by now');
  edge.state.next = 'n-2';
  assert.equal((await edge.get('/plain/', { headers })).status, 200, 'an answer brings the next one');
  assert.equal((await edge.get('/plain/', { headers })).status, 200, 'which is used');
  assert.equal(edge.state.refused, 1);
  assert.match((await edge.get('/metrics')).text, /nexus_unauthorized_total\{result="sent_again"\} 1\n/);
});

test('never a loop: a provider that always wants another nonce is asked twice', async (t) => {
  const edge = await start(t);
  const headers = await edge.connect();
  edge.state.nonce = 'n-0';
  let count = 0;
  Object.defineProperty(edge.state, 'next', { get: () => `n-${++count}`, set: () => {} });
  Object.defineProperty(edge.state, 'nonce', { get: () => 'unknown', set: () => {} });
  const answer = await edge.get('/again/', { headers });
  assert.equal(answer.status, 401);
  assert.match(answer.headers['www-authenticate'], /use_dpop_nonce/);
  assert.equal(edge.upstream.requests.length, 2);
});

test('without nexus_retry_unauthorized the 401 is the caller\'s, and the next request has the nonce', async (t) => {
  const edge = await start(t);
  const headers = await edge.connect();
  edge.state.nonce = 'n-1';
  edge.state.next = 'n-1';
  assert.equal((await edge.get('/plain/', { headers })).status, 401);
  assert.equal((await edge.get('/plain/', { headers })).status, 200);
  assert.equal(edge.upstream.requests.length, 2);
});

test('what is no nonce is not remembered; a 401 without one, of a token that cannot be refreshed, goes to the caller', async (t) => {
  const edge = await start(t);
  const headers = await edge.connect();
  edge.state.nonce = 'n-1';
  edge.state.next = 'a b';
  assert.equal((await edge.get('/again/', { headers })).status, 401);
  edge.state.nonce = 'n-1';
  edge.state.next = 'a'.repeat(600);
  assert.equal((await edge.get('/again/', { headers })).status, 401);
  edge.state.nonce = 'n-1';
  edge.state.next = 'n-1';
  edge.state.challenge = 'DPoP error="invalid_dpop_proof"';
  assert.equal((await edge.get('/again/', { headers })).status, 401);
  assert.equal(edge.upstream.requests.length, 3, 'none was sent again');
});

test('a bound token that has ended early is refreshed, and the new one goes with a proof', async (t) => {
  let edge;
  const refreshes = [];
  edge = await start(t, {
    fields: { refreshable: true },
    controlPlane: async (incoming, response) => {
      const [, id, generation] = /^\/edge\/tokens\/([^/]+)\/refresh\?generation=(\d+)/.exec(incoming.url) ?? [];
      refreshes.push(id);
      const [, sealed] = await sealToken(edge.keys.CACHE_KEY, { connection_id: id, ...await edge.bound(), generation: Number(generation) + 1 });
      response.writeHead(200, { 'content-type': 'application/vnd.nexus.record', 'content-length': sealed.length });
      response.end(sealed);
    },
  });
  const headers = await edge.connect({ credentials: { access_token: 'ended', token_type: 'DPoP' } });
  const answer = await edge.get('/again/', { headers });
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual(refreshes, [headers['x-nexus-connection']]);
  assert.equal(edge.upstream.requests.length, 2);
});
