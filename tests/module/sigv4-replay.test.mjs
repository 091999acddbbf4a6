// nexus_retry_unauthorized with signed requests: the second one is signed anew, its body from the first byte, with the keys
// that came.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { verifyChunks } from '../support/chunk-verifier.mjs';
import { sealToken } from '../support/records.mjs';
import { refusalOf } from '../support/sigv4-verifier.mjs';
import { aws, KIB, start, stream } from './sigv4-upload-fixture.mjs';

test('uploads are signed anew after a 401: in chunks, small, from files', async (t) => {
  const session = (name) => ({ access_key: name, secret_key: `secret-of-${name}`, session_token: `session-of-${name}` });
  const secrets = { NEW: 'secret-of-NEW' };
  const refusals = [];
  const edge = await start(t, {
    locations: ({ upstream }) => `
        nexus_retry_unauthorized on max_body=8m;
        location /memory/ { ${stream} client_body_buffer_size 2m; proxy_pass http://${upstream}/; }
        location /temp-file/ { ${stream} client_body_buffer_size 1k; proxy_pass http://${upstream}/; }`,
    upstream: async (incoming, response, body) => {
      const arrived = { method: incoming.method, url: incoming.url, headers: incoming.headers, body };
      if (!incoming.headers.authorization.includes('Credential=NEW/')) {
        response.writeHead(401).end('the session has ended');
        return;
      }
      refusals.push(body.length > 64 * KIB ? verifyChunks(arrived, secrets).why : await refusalOf(arrived, secrets));
      response.end('good');
    },
    controlPlane: async (incoming, response) => {
      const [, id] = /^\/edge\/tokens\/([^/]+)\/refresh/.exec(incoming.url) ?? [];
      const [, sealed] = await sealToken(edge.keys.CACHE_KEY, { ...aws(), connection_id: id, generation: 2, refreshable: true, credentials: session('NEW') });
      response.writeHead(200, { 'content-type': 'application/vnd.nexus.record', 'content-length': sealed.length });
      response.end(sealed);
    },
  });
  const key = await edge.addAgent();
  let sent = 0;
  for (const location of ['memory', 'temp-file']) {
    for (const size of [1000, 64 * KIB + 1, 1_000_000]) {
      const id = await edge.addConnection({ ...aws(), generation: 1, refreshable: true, credentials: session('OLD') });
      const answer = await edge.get(`/${location}/o`, { method: 'PUT', body: randomBytes(size), headers: { 'x-nexus-key': key, 'x-nexus-connection': id } });
      assert.equal(answer.status, 200, `${location}, ${size}: ${answer.text}`);
      sent += 1;
    }
  }
  assert.deepEqual(refusals, Array(sent).fill(''));
  assert.equal(edge.upstream.requests.length, 2 * sent);
});
