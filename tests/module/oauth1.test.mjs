// Random requests through a location that signs them with OAuth 1.0a: the upstream takes the bytes that reach it and signs
// them once more with an independent signer, npm oauth-1.0a. NEXUS_OAUTH1_REQUESTS says how many (1500).
//
// That signer takes a URL and an object of form parameters, and departs from RFC 5849 where it makes parameters of a query: it
// reads "+" as a plus, takes what is empty for a parameter, leaves names encoded, cuts values at a second "=", keeps one of
// the parameters that query and form both have, loses an empty value before another one of that name, throws at a "%" that
// encodes nothing, and takes the URL's scheme, host and port as they are written. So it is given the URL as a whole where
// none of this matters, and else the parameters decoded by us: sorting, encoding, base string and key are its own anyway.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import OAuth from 'oauth-1.0a';
import { seededRandom } from '../refresh/random.mjs';
import { errorBody, startEdge } from './edge-fixture.mjs';
import { sendAll, startJudge } from './wire-fixture.mjs';

const REQUESTS = Number(process.env.NEXUS_OAUTH1_REQUESTS ?? 1500);
const CREDENTIALS = { consumer_key: 'ck!1', consumer_secret: 'cs &=%', token: 'to/ken', token_secret: 'ts+' };

const inject = 'nexus_inject oauth1; nexus_connection $http_x_nexus_connection; nexus_allow_private 127.0.0.0/8; nexus_allow_hosts backend two 127.0.0.1 *.example;';
const oauth1 = (config = {}, credentials = CREDENTIALS) => ({ strategy: 'oauth1', strategy_config: config, credentials });
const FORM = 'application/x-www-form-urlencoded';

/** The parameters of a query or a form, as RFC 5849 section 3.4.1.3.1 has them; bytes of no UTF-8 are none of our requests. */
function parametersOf(text) {
  const decode = (part) => Buffer.from(part.replaceAll('+', ' ').replace(/%([0-9A-Fa-f]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16))), 'latin1').toString('utf8');
  return text.split('&').filter((part) => part !== '').map((part) => {
    const at = part.indexOf('=');
    return at < 0 ? [decode(part), ''] : [decode(part.slice(0, at)), decode(part.slice(at + 1))];
  });
}

/** Can the signer be given this URL as it is? */
const isPlain = (query, form) => form === '' && /^([a-z0-9]+=[a-zA-Z0-9\-._~%]+(&(?=.)|$))*$/.test(query) && !/%(?![0-9A-Fa-f]{2})/.test(query);

const counts = { whole: 0, decoded: 0 };

/** Why the signature is wrong; '' if it is right. */
function mismatch(head, body) {
  const [requestLine, ...lines] = head.split('\r\n');
  const [method, target] = requestLine.split(' ');
  const [path, query = ''] = target.split(/\?(.*)/s);
  const values = (name) => lines.filter((line) => line.toLowerCase().startsWith(`${name}: `)).map((line) => line.slice(name.length + 2));
  const [authorization, ...others] = values('authorization');
  const said = Object.fromEntries([...(authorization ?? '').matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, decodeURIComponent(value)]));
  if (others.length > 0 || !authorization?.startsWith('OAuth ') || !/^[0-9a-f]{32}$/.test(said.oauth_nonce)) {
    return `authorization: ${authorization} ${others}`;
  }
  if (Math.abs(Number(said.oauth_timestamp) - Date.now() / 1000) > 300 || (said.realm ?? 'R, 1') !== 'R, 1') {
    return `timestamp or realm: ${authorization}`;
  }
  const form = values('content-type')[0]?.toLowerCase().startsWith(FORM) ? body.toString('latin1') : '';
  const hash = { 'HMAC-SHA1': 'sha1', 'HMAC-SHA256': 'sha256' }[said.oauth_signature_method];
  const signer = new OAuth({
    consumer: { key: CREDENTIALS.consumer_key, secret: CREDENTIALS.consumer_secret },
    signature_method: said.oauth_signature_method,
    hash_function: (text, key) => createHmac(hash, key).update(text).digest('base64'),
  });
  signer.getNonce = () => said.oauth_nonce;
  signer.getTimeStamp = () => said.oauth_timestamp;
  const host = values('host')[0].toLowerCase().replace(/:80$/, '');
  const request = { method, url: `http://${host}${path}`, data: {} };
  if (isPlain(query, form)) {
    counts.whole += 1;
    request.url += query === '' ? '' : `?${query}`;
  } else {
    counts.decoded += 1;
    const data = new Map();
    for (const [name, value] of [...parametersOf(query), ...parametersOf(form)]) {
      data.set(name, [...(data.get(name) ?? []), value]);
    }
    request.data = Object.fromEntries([...data].map(([name, all]) => [name, all.length > 1 ? all : all[0]]));
  }
  const expected = signer.authorize(request, { key: CREDENTIALS.token, secret: CREDENTIALS.token_secret });
  const wrong = Object.keys(said).filter((name) => name !== 'realm' && expected[name] !== said[name]);
  return wrong.length === 0 && !/x-nexus/i.test(head) ? '' : `${wrong}: ${JSON.stringify(head)} ${form}\n${signer.getBaseString(request, { ...expected, oauth_signature: undefined })}`;
}

// No letter that is a hexadecimal digit: behind a "%" it could make a byte that is no UTF-8, which npm's signer cannot be given.
const PIECES = ['g', 'Z', '0', '-', '.', '_', '~', '%20', '%2f', '%2F', '%e6%bc%a2', '%7E', '%21', '!', '$', "'", '(', ')', '*', '+', ',', ';', ':', '@', '=', '%25', '%', '%4', '"', '[', '|'];
const LOCATIONS = ['/raw/', '/prefix/', '/rewrite/', '/variable/', '/two/'];

function drawRequest(random) {
  const below = (n) => Math.floor(random() * n);
  const one = (list) => list[below(list.length)];
  const text = (most) => Array.from({ length: below(most + 1) }, () => one(PIECES)).join('');
  const parameters = (most) => Array.from({ length: below(most) }, () => one([`${text(3)}=${text(3)}`, text(3), '', `a=${below(3)}`, `a${below(3)}=${one(['x', 'Y', '%20', '1.~'])}`])).join('&');
  const plain = () => Array.from({ length: below(4) }, () => `a${below(30)}=${one(['x', 'Y-_', '%20b', '%c3%a4'])}`).join('&');
  const segments = Array.from({ length: below(4) }, () => text(4));
  const query = random() < 0.3 ? '' : `?${random() < 0.4 ? plain() : parameters(6)}`;
  const method = one(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH']);
  const isForm = random() < 0.6;
  const body = Buffer.from(!['POST', 'PUT', 'PATCH'].includes(method) ? '' : isForm ? parameters(12) : text(50).repeat(1 + below(40)), 'latin1');
  const type = body.length === 0 ? '' : `Content-Type: ${isForm ? one([FORM, `${FORM}; charset=utf-8`, FORM.toUpperCase()]) : 'text/plain'}\r\n`;
  const headers = `${type}${random() < 0.2 ? 'Authorization: OAuth oauth_consumer_key="mine"\r\n' : ''}`;
  return { method, target: `${one(LOCATIONS)}${segments.join('/')}${query}`, headers, body, chunked: body.length > 0 && random() < 0.3 };
}

test(`${REQUESTS} random requests are signed as another signer signs what arrives`, { timeout: 600_000 }, async (t) => {
  const good = await startJudge(t, mismatch);
  const flaky = await startJudge(t, mismatch, { failing: 3 });
  const edge = await startEdge(t, {
    logLevel: 'crit',
    http: `proxy_http_version 1.1; proxy_set_header Connection ""; client_body_buffer_size 1k; merge_slashes off; keepalive_requests 1000000;
           upstream backend { server 127.0.0.1:${good}; keepalive 8; }
           upstream two { server 127.0.0.1:${flaky} max_fails=0; server 127.0.0.1:${good} max_fails=0; keepalive 8; }`,
    locations: `
        location /raw/ { ${inject} proxy_set_header Host 127.0.0.1:80; proxy_pass http://backend; }
        location /prefix/ { ${inject} proxy_set_header Host A.Example:8080; proxy_pass http://backend/new%20place/; }
        location /rewrite/ { ${inject} proxy_set_header Host 127.0.0.1; rewrite ^/rewrite/(.*)$ /to/$1?added=%41+b&z break; proxy_pass http://backend; }
        location /variable/ { ${inject} set $name backend; proxy_set_header Host 127.0.0.1; proxy_pass http://$name$request_uri; }
        location /two/ { ${inject} proxy_set_header Host 127.0.0.1; proxy_next_upstream error timeout non_idempotent; proxy_pass http://two; }`,
  });
  const key = await edge.addAgent();
  const connections = [oauth1(), oauth1({ signature_method: 'HMAC-SHA256', realm: 'R, 1' })];
  const owns = await Promise.all(connections.map(async (one) => `X-Nexus-Key: ${key}\r\nX-Nexus-Connection: ${await edge.addConnection(one)}\r\n`));

  const random = seededRandom(5849);
  const requests = Array.from({ length: REQUESTS }, () => drawRequest(random));
  const statuses = await sendAll(edge.port, requests, (number) => owns[number % 2]);
  assert.ok(counts.whole > 0.1 * REQUESTS && counts.decoded > 0.1 * REQUESTS, JSON.stringify(counts));
  t.diagnostic(JSON.stringify({ ...statuses, ...counts }));
});

test('forms are signed whole or not at all, other bodies are not looked at, and no nonce comes twice', async (t) => {
  const edge = await startEdge(t, {
    server: 'client_max_body_size 0;',
    locations: ({ upstream }) => `
        location / { ${inject} client_body_buffer_size 1k; proxy_pass http://${upstream}; }
        location /unbuffered/ { ${inject} proxy_http_version 1.1; proxy_request_buffering off; proxy_pass http://${upstream}; }`,
  });
  const headers = { 'x-nexus-key': await edge.addAgent(), 'x-nexus-connection': await edge.addConnection(oauth1()) };
  const post = (path, body, type = FORM) => edge.get(path, { method: 'POST', body, headers: { ...headers, 'content-type': type } });
  const reached = () => edge.upstream.requests.length;

  assert.equal((await post('/', 'a'.repeat(1024 * 1024))).status, 200, 'from a temporary file');
  assert.equal((await post('/unbuffered/', '{"a":1}', 'application/json')).status, 200);
  assert.equal(edge.upstream.last().body.toString(), '{"a":1}');
  assert.equal((await edge.get('/?status=%C3%A4', { headers })).status, 200);
  const nonces = edge.upstream.requests.map((one) => /oauth_nonce="(\w+)"/.exec(one.headers.authorization)[1]);
  assert.equal(new Set(nonces).size, 3);

  const before = reached();
  errorBody(assert, await post('/', `${'a'.repeat(1024 * 1024)}b`), 413, 'payload_too_large');
  errorBody(assert, await post('/', 'oauth_token=mine'), 400, 'invalid_request');
  errorBody(assert, await edge.get('/?oauth_nonce=1', { headers }), 400, 'invalid_request');
  assert.equal((await post('/unbuffered/', `a=${'1'.repeat(100_000)}`)).status, 500, 'a form that is not there yet');
  for (const [config, credentials] of [[{ signature_method: 'PLAINTEXT' }], [{ realm: 'a"b' }], [{}, { consumer_key: 'ck' }]]) {
    const id = await edge.addConnection(oauth1(config, credentials));
    assert.equal((await edge.get('/', { headers: { ...headers, 'x-nexus-connection': id } })).status, 500);
  }
  assert.equal(reached(), before, 'nothing was sent');
  assert.doesNotMatch(edge.nginx.errorLog(), /cs &=%|to\/ken/);
});
