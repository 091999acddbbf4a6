// Strategies that sign the request: what is signed is what arrives, whatever nginx makes of the request on its way.
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import http2 from 'node:http2';
import { test } from 'node:test';
import { refusalOf } from '../support/sigv4-verifier.mjs';
import { startEdge } from './edge-fixture.mjs';

const inject = 'nexus_inject auto; nexus_connection $http_x_nexus_connection; nexus_allow_private 127.0.0.0/8;';
const SECRETS = { AKIDEXAMPLE: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const aws = (config = {}, credentials = {}) => ({
  strategy: 'aws_sigv4', strategy_config: { service: 'execute-api', ...config },
  credentials: { access_key: 'AKIDEXAMPLE', secret_key: SECRETS.AKIDEXAMPLE, ...credentials },
});
const hmac = (config = {}, secret = 'hunter2-hmac') => ({
  strategy: 'hmac_payload', strategy_config: { header_name: 'X-Signature', ...config }, credentials: { api_secret: secret },
});

async function caller(edge, connection) {
  const key = await edge.addAgent();
  const id = await edge.addConnection(connection);
  return { 'x-nexus-key': key, 'x-nexus-connection': id };
}

const locations = ({ upstream, second }) => `
        location /literal/ { ${inject} proxy_pass http://${upstream}; }
        location /block/ { ${inject} nexus_allow_hosts backend; proxy_set_header Host 127.0.0.1; proxy_pass http://backend; }
        location /variable/ { ${inject} set $address ${upstream}; proxy_pass http://$address; }
        location /temp-file/ { ${inject} client_body_buffer_size 1k; proxy_pass http://${upstream}; }
        location /in-one/ { ${inject} client_body_in_single_buffer on; client_body_buffer_size 8m; proxy_pass http://${upstream}; }
        location /http10/ { ${inject} proxy_http_version 1.0; proxy_pass http://${upstream}; }
        location /rewrite/ { ${inject} rewrite ^/rewrite/(.*)$ /to/$1?y=2 break; proxy_pass http://${upstream}; }
        location /replaced/ { ${inject} proxy_pass http://${upstream}/other/; }
        location /set-body/ { ${inject} proxy_set_body "own body"; proxy_pass http://${upstream}; }
        location /no-body/ { ${inject} proxy_pass_request_body off; proxy_set_header Content-Length ""; proxy_pass http://${upstream}; }
        location /as-get/ { ${inject} proxy_method GET; proxy_pass http://${upstream}; }
        location /more-headers/ { ${inject} proxy_set_header X-Amz-Meta-Set "  set  here "; proxy_set_header Authorization "set"; proxy_pass http://${upstream}; }
        location /unbuffered/ { ${inject} proxy_http_version 1.1; proxy_request_buffering off; proxy_pass http://${upstream}; }
        location /unsigned/ { ${inject} nexus_sigv4 payload=unsigned; proxy_pass http://${upstream}; }
        location /chosen/ { ${inject} nexus_sigv4 region=eu-west-3 service=dynamodb; proxy_pass http://${upstream}; }
        location /only-sigv4/ { ${inject.replace('auto', 'aws_sigv4')} proxy_pass http://${upstream}; }`;
const backend = ({ upstream }) => `upstream backend { server ${upstream}; keepalive 4; }`;
const start = (t, more = {}) => startEdge(t, { locations, http: backend, server: 'client_max_body_size 0;', ...more });

const KINDS = ['literal', 'block', 'variable', 'temp-file', 'in-one', 'http10', 'rewrite', 'replaced', 'set-body', 'no-body', 'as-get', 'more-headers'];
const BODIES = { none: undefined, small: Buffer.from('hello'), large: Buffer.alloc(3 * 1024 * 1024, 'z') };

test('SigV4: every kind of upstream and of body passes a verifier', async (t) => {
  const edge = await start(t);
  // The verifier encodes every path once more than it came, S3's too, whose paths have nothing to encode here for that.
  for (const [config, path] of [[{}, 'a%20b/c'], [{ service: 's3', region: 'eu-central-1' }, 'a-b/c']]) {
    const headers = await caller(edge, aws(config));
    for (const kind of KINDS) {
      for (const [size, body] of Object.entries(BODIES)) {
        const where = `${config.service ?? 'execute-api'}, ${kind}, ${size}`;
        const answer = await edge.get(`/${kind}/${path}?x=1&b=%2F%20+&a=`, {
          method: body ? 'PUT' : 'GET', body, headers: {
            ...headers, authorization: 'AWS4-HMAC-SHA256 Credential=dummy/20200101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00',
            'x-amz-date': '20200101T000000Z', 'x-amz-content-sha256': 'dummy', 'x-amz-security-token': 'dummy',
            'x-amz-meta-note': '  two   blanks ', 'content-type': 'text/plain',
          },
        });
        assert.equal(answer.status, 200, `${where}: ${answer.text}`);
        const arrived = edge.upstream.last();
        assert.equal(await refusalOf(arrived, SECRETS), '', `${where}: ${JSON.stringify(arrived.headers)}`);
        const names = arrived.raw.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
        assert.equal(names.filter((name) => name === 'authorization').length, 1, where);
        assert.ok(!names.some((name) => ['x-nexus-key', 'x-nexus-connection', 'x-amz-security-token'].includes(name)), where);
        assert.match(arrived.headers.authorization, /SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-meta-note/, where);
      }
    }
  }
});

test('SigV4: a session token is signed, the location chooses region and service, keys of days are kept apart', async (t) => {
  const edge = await start(t);
  const headers = await caller(edge, aws({}, { session_token: 'session/token+=' }));
  for (let i = 0; i < 3; i++) {   // the second one finds the derived key
    assert.equal((await edge.get('/literal/', { headers })).status, 200);
    assert.equal(await refusalOf(edge.upstream.last(), SECRETS), '');
    assert.equal(edge.upstream.header('x-amz-security-token'), 'session/token+=');
    assert.match(edge.upstream.header('authorization'), /us-east-1\/execute-api\/aws4_request.*x-amz-security-token,/);
  }
  assert.equal((await edge.get('/chosen/', { headers })).status, 200);
  assert.equal(await refusalOf(edge.upstream.last(), SECRETS), '');
  assert.match(edge.upstream.header('authorization'), /eu-west-3\/dynamodb\/aws4_request/);
  const other = await caller(edge, aws({}, { secret_key: 'another' }));
  assert.equal((await edge.get('/literal/', { headers: other })).status, 200);
  assert.equal(await refusalOf(edge.upstream.last(), { AKIDEXAMPLE: 'another' }), '');
});

test('SigV4: chunked and HTTP/2 bodies are hashed as they arrive', async (t) => {
  const edge = await start(t);
  const headers = await caller(edge, aws());
  const body = Buffer.alloc(300_000, 'c');
  for (const kind of ['literal', 'temp-file', 'in-one']) {
    const answer = await edge.get(`/${kind}/`, { method: 'PUT', body, headers: { ...headers, 'transfer-encoding': 'chunked' } });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(await refusalOf(edge.upstream.last(), SECRETS), '');
  }
  const client = http2.connect(edge.h2);
  t.after(() => client.destroy());
  for (const sent of [undefined, body]) {
    const status = await new Promise((resolve, reject) => {
      const stream = client.request({ ':path': '/literal/', ':method': sent ? 'POST' : 'GET', ...headers });
      stream.on('response', (answer) => { stream.resume(); stream.on('end', () => resolve(answer[':status'])); });
      stream.on('error', reject);
      stream.end(sent);
    });
    assert.equal(status, 200);
    assert.equal(await refusalOf(edge.upstream.last(), SECRETS), '');
    assert.ok(edge.upstream.last().body.equals(sent ?? Buffer.alloc(0)));
  }
});

test('nothing is sent that could not be signed', async (t) => {
  const edge = await start(t);
  const refused = async (path, connection, options) => {
    const before = edge.upstream.requests.length;
    const answer = await edge.get(path, { headers: await caller(edge, connection), ...options });
    assert.equal(answer.status, 500, answer.text);
    assert.equal(edge.upstream.requests.length, before);
  };
  await refused('/unsigned/', aws({ service: 's3' }));   // in clear
  await refused('/unsigned/', aws());                    // not S3
  await refused('/literal/', aws({ service: '' }));
  await refused('/literal/', aws({}, { secret_key: '' }));
  await refused('/literal/', hmac({ header_name: 'Host' }));
  await refused('/literal/', hmac({ template: '{nonce}' }));
  await refused('/only-sigv4/', hmac());
  const headers = await caller(edge, aws());
  const before = edge.upstream.requests.length;
  const answer = await edge.get('/unbuffered/', { method: 'PUT', body: Buffer.alloc(100_000), headers });
  assert.equal(answer.status, 500);
  assert.equal(edge.upstream.requests.length, before);
  assert.match(edge.nginx.errorLog(), /proxy_request_buffering on/);
});

test('hmac_payload: bodies, hashes, encodings and templates', async (t) => {
  const edge = await start(t);
  const code = (algorithm, encoding, text) => createHmac(algorithm, 'hunter2-hmac').update(text).digest(encoding);
  const headers = await caller(edge, hmac({ value_prefix: 'sha256=' }));
  for (const kind of KINDS) {
    for (const [size, body] of Object.entries(BODIES)) {
      const answer = await edge.get(`/${kind}/`, { method: body ? 'POST' : 'GET', body, headers: { ...headers, 'x-signature': 'forged' } });
      assert.equal(answer.status, 200, `${kind}, ${size}: ${answer.text}`);
      assert.equal(edge.upstream.header('x-signature'), `sha256=${code('sha256', 'hex', edge.upstream.last().body)}`, `${kind}, ${size}`);
    }
  }
  for (const algo of ['sha1', 'sha256', 'sha512']) {
    for (const encoding of ['hex', 'base64', 'base64url']) {
      await edge.get('/literal/', { method: 'POST', body: Buffer.from('{}'), headers: await caller(edge, hmac({ algo, encoding })) });
      assert.equal(edge.upstream.header('x-signature'), code(algo, encoding, '{}').replace(/=+$/, encoding === 'base64' ? '$&' : ''), `${algo} ${encoding}`);
    }
  }
  const templated = hmac({ template: '{timestamp}.{method}.{path}.{body}', timestamp_header: 'X-Timestamp' });
  await edge.get('/rewrite/x?q=1', { method: 'POST', body: Buffer.from('{}'), headers: await caller(edge, templated) });
  const { headers: arrived, url } = edge.upstream.last();
  assert.ok(Math.abs(Number(arrived['x-timestamp']) - Date.now() / 1000) < 60);
  assert.equal(url, '/to/x?y=2&q=1');
  assert.equal(arrived['x-signature'], code('sha256', 'hex', `${arrived['x-timestamp']}.POST.${url}.{}`));
});

test('cookie: the caller\'s others stay', async (t) => {
  const edge = await start(t);
  const headers = await caller(edge, { strategy: 'cookie', strategy_config: { cookie_name: 'sid' }, credentials: { api_key: 'hunter2' } });
  await edge.get('/literal/', { headers: { ...headers, cookie: 'a=1; sid=mine; b=2' } });
  assert.equal(edge.upstream.header('cookie'), 'a=1; b=2; sid=hunter2');
  await edge.get('/literal/', { headers });
  assert.equal(edge.upstream.header('cookie'), 'sid=hunter2');
});

test('no secret is logged, and what was put on is counted', async (t) => {
  const edge = await start(t);
  const secret = 'canary-secret-key';
  for (const connection of [aws({}, { secret_key: secret, session_token: 'canary-session' }), hmac({}, 'canary-hmac'),
    { strategy: 'cookie', strategy_config: { cookie_name: 'sid' }, credentials: { api_key: 'canary-cookie' } }]) {
    await edge.get('/literal/', { method: 'POST', body: Buffer.from('x'), headers: await caller(edge, connection) });
  }
  const log = edge.nginx.errorLog();
  for (const canary of [secret, 'canary-session', 'canary-hmac', 'canary-cookie', edge.upstream.header('cookie')]) {
    assert.ok(!log.includes(canary), `${canary} is in the log`);
    assert.ok(!log.includes(Buffer.from(canary).toString('hex')), `${canary} is in the log, in hexadecimal`);
  }
});
