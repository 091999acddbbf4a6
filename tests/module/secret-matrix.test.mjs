// A credential's whole way, in every combination of how the upstream is named, how the request comes, and what nginx does with
// it: upstream-signing-notes.md, section 11. It arrives once at each upstream it is meant for, and is nowhere else: not in a
// log (debug, HTTP included), a temporary file, a cache, a mirror or a subrequest. What is not done is refused as the table says.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { before, test } from 'node:test';
import { assertNoSecrets, files } from '../support/canary.mjs';
import { wholeFile } from '../support/cleanup.mjs';
import { newKey } from '../support/keys.mjs';
import { testConfig } from '../support/nginx.mjs';
import { sealToken } from '../support/records.mjs';
import { waitFor } from '../support/wait.mjs';
import { onlyRefreshes, startEdge } from './edge-fixture.mjs';
import { bodies, cells, decoyLocations, endingOf, httpBlock, isStreamed, locationsOf, modes, namings, refusals, requests } from './secret-matrix-cells.mjs';
import { startCaller, startUpstreams } from './secret-matrix-places.mjs';

const canary = randomBytes(16).toString('hex');
const staleToken = `${canary}-stale`;
const freshToken = `${canary}-fresh`;
const placeholder = randomBytes(16).toString('hex');   // what a caller says in Authorization
const secrets = { canary, 'upper case': canary.toUpperCase() };

const variables = ['request', 'args', 'uri', 'request_uri', 'request_body', 'request_body_file', 'http_authorization', 'http_x_nexus_connection', 'http_host', 'host', 'content_type',
  'proxy_host', 'proxy_port', 'proxy_add_x_forwarded_for', 'to', 'upstream_addr', 'upstream_status', 'upstream_http_www_authenticate', 'upstream_http_content_type', 'upstream_cache_status',
  'sent_http_www_authenticate', 'sent_http_content_type', 'remote_user', 'cookie_session', 'request_id', 'nexus_caller', 'nexus_workspace', 'nexus_connection', 'nexus_provider', 'nexus_state',
  'nexus_token_source', 'nexus_token_ttl', 'nexus_error', 'nexus_api_base_url', 'nexus_limit_status'];

const file = wholeFile();
const runnable = cells.filter((cell) => endingOf(cell).message === undefined);
const done = new Set();
const mirrored = cells.filter(({ mode }) => mode === 'mirror').length;
let edge, upstreams, call, headers;

/** What lies in nginx's temporary files while a request is under way. They have no names any more, but the workers hold them open. */
function lookIntoTemporaryFiles(arrival) {
  const temporary = edge.nginx.workers().flatMap((pid) => fs.readdirSync(`/proc/${pid}/fd`).flatMap((fd) => readTemporary(`/proc/${pid}/fd/${fd}`)));
  assertNoSecrets(secrets, Object.fromEntries(temporary));
  arrival.temporaryFiles = temporary.filter(([, content]) => content.length > 0).length;
}

function readTemporary(descriptor) {
  try {
    const name = fs.readlinkSync(descriptor);
    return /_temp\//.test(name) ? [[name, fs.readFileSync(descriptor)]] : [];
  } catch (error) {
    if (error.code === 'ENOENT') {   // closed meanwhile
      return [];
    }
    throw error;
  }
}

before(async () => {
  upstreams = await startUpstreams(file, { isStale: (said) => said.endsWith('-stale'), onBody: lookIntoTemporaryFiles });
  edge = await startEdge(file, {
    logLevel: 'debug',
    server: 'nexus_debug_http on;',
    http: ({ dir }) => `${httpBlock(upstreams.addresses, dir)}
    log_format all '${variables.map((name) => `$${name}`).join('|')}'; access_log ${dir}/variables.log all;`,
    locations: ({ upstream }) => runnable.map((cell) => locationsOf(cell, upstreams.addresses)).join('') + decoyLocations(upstream),
    controlPlane: onlyRefreshes(async (id, generation) => {
      const [, sealed] = await sealToken(edge.keys.CACHE_KEY, { connection_id: id, generation: generation + 1, credentials: { access_token: freshToken } });
      return sealed;
    }),
  });
  call = await startCaller(file, { url: edge.url, h2: edge.h2, heads: upstreams.heads });
  const key = await edge.addAgent();
  const fresh = await edge.addConnection({ credentials: { access_token: freshToken } });
  headers = { 'x-nexus-key': key, 'x-nexus-connection': fresh, authorization: `Bearer ${placeholder}` };
});

/** The credential stands in one header line, and the request holds it and the caller's own nowhere else. */
function assertOnce({ pairs, url, body }, token, where) {
  assert.deepEqual(pairs.filter(([name]) => name === 'authorization'), [['authorization', `Bearer ${token}`]], where);
  const whole = JSON.stringify([url, pairs, body.toString('latin1')]);
  assert.equal(whole.split(canary).length - 1, 1, where);
  assertNoSecrets({ placeholder, key: headers['x-nexus-key'] }, { [where]: whole });
}

async function run(cell) {
  const { status, arrivals: expected, says } = endingOf(cell);
  const own = cell.mode === 'replay' ? { ...headers, 'x-nexus-connection': await edge.addConnection({ credentials: { access_token: staleToken } }) } : headers;
  const answer = await call(cell, own);
  const got = upstreams.arrivals.splice(0);
  const where = `${cell.path}: ${answer.text}`;

  assert.equal(answer.status, status, where);
  assert.deepEqual(got.map(({ place }) => place), expected.map(([place]) => place), where);
  got.forEach((arrival, i) => {
    assertOnce(arrival, expected[i][1] === 'fresh' ? freshToken : staleToken, where);
    assert.equal(arrival.url, cell.path);
    assert.ok(arrival.body.equals(bodies[cell.request]), `${where}: a body of ${arrival.body.length}`);
  });
  if (cell.request === 'temp-file' && !isStreamed(cell)) {
    assert.ok(got[0].temporaryFiles > 0, `${where}: the body lay in a file`);
  }
  assert.match(answer.text, says ?? new RegExp(`${status}$`), where);
  assertNoSecrets(secrets, { [where]: answer.text });
  done.add(cell.path);
}

for (const naming of namings) {
  for (const mode of modes.filter((one) => runnable.some((cell) => cell.naming === naming && cell.mode === one))) {
    test(`${naming}, ${mode}`, async () => {
      for (const cell of runnable.filter((one) => one.naming === naming && one.mode === mode)) {
        await run(cell);
      }
    });
  }
}

for (const naming of namings.filter((one) => refusedByName(one).length > 0)) {
  test(`${naming}: what nginx -t refuses`, async (t) => {
    await Promise.all(refusedByName(naming).map((cell) => assertRefusedAtLoad(t, cell)));
  });
}

function refusedByName(naming) {
  return cells.filter((cell) => cell.naming === naming && endingOf(cell).message !== undefined);
}

async function assertRefusedAtLoad(t, cell) {
  const addresses = { answers: '127.0.0.1:1', fails: '127.0.0.1:2', grpcAnswers: '127.0.0.1:3', grpcFails: '127.0.0.1:4' };
  const check = (mode) => testConfig(t, {
    files: { 'cache.key': newKey() },
    config: ({ dir, port, globals, http }) => `
${globals}
events {}
http {
    ${http}
    nexus_cache zone=nexus:1m; nexus_redis unix:${dir}/redis.sock; nexus_cache_key file:${dir}/cache.key;
    ${httpBlock(addresses, dir)}
    server { listen 127.0.0.1:${port}; ${locationsOf({ ...cell, mode }, addresses)} }
}`,
  });
  const [refused, plain] = [await check(cell.mode), await check('plain')];
  assert.ok(plain.ok, plain.message);
  assert.equal(refused.ok, false, cell.path);
  assert.match(refused.message, endingOf(cell).message, cell.path);
  done.add(cell.path);
}

test('mirrors and subrequests had neither the credential nor what else came with the request', async () => {
  const seen = (url) => edge.upstream.requests.filter((one) => one.url === url);
  await waitFor('the mirrors', () => seen('/mirror').length === mirrored);
  for (const decoy of edge.upstream.requests) {
    const whole = JSON.stringify([decoy.url, decoy.raw, decoy.body.toString('latin1')]);
    assertNoSecrets(secrets, { [decoy.url]: whole });
    if (decoy.url !== '/ask') {   // auth_request is asked before the caller is known, and sees what it said
      assertNoSecrets({ placeholder, key: headers['x-nexus-key'] }, { [decoy.url]: whole });
    }
  }
  assert.ok(seen('/ask').length === mirrored && seen('/after').length === mirrored, 'as many cells of either');
});

test('the credential is in no file that nginx has written', () => {
  assertNoSecrets(secrets, files(edge.nginx.dir));
  assert.match(edge.nginx.errorLog(), /\[debug\].*http proxy header:/, 'the log is as talkative as it can be');
  assert.ok(edge.nginx.errorLog().includes(headers['x-nexus-key']), 'and the test can tell');
  assert.match(fs.readFileSync(`${edge.nginx.dir}/variables.log`, 'utf8'), /^POST \/grpc\/http2\/plain /m);
});

test(`every one of the ${cells.length} cells was tried`, () => {
  assert.equal(cells.length, namings.length * requests.length * modes.length);
  assert.deepEqual(cells.filter((cell) => !done.has(cell.path)), []);
  for (const { why, fits } of refusals) {
    assert.ok(cells.some(fits), `nothing is refused because ${why}`);
  }
  console.log(refusals.map(({ why }) => `${cells.filter((cell) => refusals.find(({ fits }) => fits(cell))?.why === why).length} cells: ${why}`).join('\n'));
});
