// The check of answers against the API documents lets good answers pass and finds each kind of bad one.
import assert from 'node:assert/strict';
import test from 'node:test';
import { cleanup } from '../support/cleanup.mjs';
import { register } from '../support/contract.mjs';
import { request, serve } from '../support/http.mjs';
import { findPort } from '../support/ports.mjs';

const ID = '3f0e7f64-0d2b-4f6b-9a53-2c1d8a7be101';
const error = (code, more = {}) => JSON.stringify({ error: code, code, message: 'a sentence', request_id: 'r1', ...more });
const token = (more = {}) => JSON.stringify({ strategy: { type: 'oauth2', config: {} }, credentials: { access_token: 'example-only' }, ...more });
const jsonType = { 'content-type': 'application/json' };
const noStore = { ...jsonType, 'cache-control': 'no-store' };

// [name, method, path, status, headers, body, what is wrong with it]
const answers = [
  ['a token', 'GET', `/v1/token/${ID}`, 200, noStore, token(), undefined],
  ['HEAD', 'HEAD', `/v1/token/${ID}`, 200, noStore, '', undefined],
  ['a token that caches may keep', 'GET', `/v1/token/${ID}`, 200, jsonType, token(), /Cache-Control is missing/],
  ['a refresh token', 'GET', `/v1/token/${ID}`, 200, noStore, token({ refresh_token: 'x' }), /refresh_token/],
  ['an expiry of another form', 'GET', `/v1/token/${ID}`, 200, noStore, token({ expiry: 'tomorrow' }), /expiry/],
  ['half a token', 'GET', `/v1/token/${ID}`, 200, noStore, '{}', /required/],
  ['no JSON', 'GET', `/v1/token/${ID}`, 200, noStore, '{', /body/],
  ['another type', 'GET', `/v1/token/${ID}`, 200, { ...noStore, 'content-type': 'text/html' }, '<p>', /content type is text\/html/],
  ['an undocumented status', 'GET', `/v1/token/${ID}`, 418, jsonType, '{}', /no such status/],
  ['an error', 'GET', `/v1/token/${ID}`, 404, jsonType, error('connection_not_found'), undefined],
  ['an error of another route', 'GET', `/v1/token/${ID}`, 404, jsonType, error('agent_not_found'), /body\/error/],
  ['an error with more in it', 'GET', `/v1/token/${ID}`, 404, jsonType, error('connection_not_found', { stack: 'x' }), /additional/],
  ['a route that the code lacks', 'GET', `/v1/token/${ID}`, 404, jsonType, error('not_found'), /body\/error/],
  ['a path that can be read in two ways', 'GET', '/v1/token/a%2fb', 404, jsonType, error('not_found'), undefined],
  ['401', 'GET', `/v1/token/${ID}`, 401, { ...jsonType, 'www-authenticate': 'Bearer' }, error('missing_api_key'), undefined],
  ['401 that does not say how', 'GET', `/v1/token/${ID}`, 401, jsonType, error('missing_api_key'), /WWW-Authenticate is missing/],
  ['401 where no key is needed', 'GET', '/v1/capture-schema?state=x', 401, { ...jsonType, 'www-authenticate': 'Bearer' }, error('missing_api_key'), /no such status/],
  ['503', 'GET', `/v1/token/${ID}`, 503, { ...jsonType, 'retry-after': '1' }, error('token_unavailable'), undefined],
  ['503 without Retry-After', 'GET', `/v1/token/${ID}`, 503, jsonType, error('token_unavailable'), /Retry-After is missing/],
  ['Retry-After of another form', 'GET', `/v1/token/${ID}`, 503, { ...jsonType, 'retry-after': 'soon' }, error('token_unavailable'), /Retry-After is soon/],
  ['an unknown route', 'GET', '/nowhere', 404, jsonType, error('not_found'), undefined],
  ['an unknown route that answers', 'GET', '/nowhere', 200, jsonType, '{}', /no such route/],
  ['a method that answers', 'PUT', `/v1/token/${ID}`, 200, jsonType, token(), /no such route/],
  ['405 without Allow', 'PUT', `/v1/token/${ID}`, 405, jsonType, error('method_not_allowed'), /Allow is missing/],
  ['too large', 'GET', '/health', 413, jsonType, error('payload_too_large'), undefined],
  ['a redirect', 'GET', '/auth/callback?state=x', 302, { location: 'https://app.example/', 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' }, '', undefined],
  ['a redirect to nowhere', 'GET', '/auth/callback?state=x', 302, { 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' }, '', /Location is missing/],
  ['literals before parameters', 'GET', '/providers/metadata', 200, jsonType, '{}', undefined],
];

async function startServer(t) {
  const server = await serve(await findPort(), (incoming, response) => {
    const [, , , status, headers, body] = answers[Number(incoming.headers['x-case'])];
    response.writeHead(status, headers).end(body);
  });
  cleanup(t, () => server.close());
  return server;
}

const send = (server, i) => request(server.url + answers[i][2], { method: answers[i][1], headers: { 'x-case': String(i) } });

test('answers of a registered server', async (t) => {
  const server = await startServer(t);
  const ends = [];
  register({ after: (end) => ends.push(end) }, server.url, { documents: ['broker.yaml', 'gateway.yaml'] });
  let found = 0;
  for (const [i, [name, , , status, , , problem]] of answers.entries()) {
    if (problem === undefined) {
      assert.equal((await send(server, i)).status, status, name);
    } else {
      await assert.rejects(send(server, i), problem, name);
      found += 1;
    }
  }
  await assert.rejects(async () => ends[0](), new RegExp(`^Error: ${found} answers`), 'the end of the test tells what nobody heeded');
  assert.equal((await send(server, answers.findIndex(([name]) => name === 'half a token'))).status, 200, 'and registers no longer');
});

test('answers of other servers are nobody\'s business', async (t) => {
  const server = await startServer(t);
  for (let i = 0; i < answers.length; i++) {
    assert.equal((await send(server, i)).status, answers[i][3]);
  }
});

test('paths that the configuration adds', async (t) => {
  const server = await startServer(t);
  register({ after: () => {} }, server.url, { documents: ['broker.yaml'], aliases: { '/nowhere': '/auth/callback' } });
  await assert.rejects(request(`${server.url}/nowhere`, { headers: { 'x-case': String(answers.findIndex(([name]) => name === 'a redirect to nowhere')) } }), /Location/);
});
