// Many agents, each with a connection of its own, call at once a provider that is slow, fails, ends tokens early and echoes
// what it gets, while nginx is reloaded again and again. The secret is where it belongs and nowhere else: not in an answer, a
// log (debug), a variable or a temporary file; and nobody's call carries the credential of another.
// NEXUS_CANARY_CALLS calls (500), over a tenth as many connections.
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { assertNoSecrets, files } from '../support/canary.mjs';
import { cleanup } from '../support/cleanup.mjs';
import { sealToken } from '../support/records.mjs';
import { onlyRefreshes, startEdge } from './edge-fixture.mjs';

const CALLS = Number(process.env.NEXUS_CANARY_CALLS ?? 500);
const CONNECTIONS = Math.ceil(CALLS / 10);
const AT_ONCE = 24;
const RELOADS = 4;

const canary = randomBytes(16).toString('hex');   // in every credential; what follows says whose it is
const tokenOf = (id, generation) => `${canary}/${id}+${generation}`;

/** The same choices in every run: mulberry32. */
function choices(seed) {
  let state = seed;
  return (end) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % end;
  };
}

const inject = 'nexus_inject auto; nexus_connection $http_x_nexus_connection; nexus_allow_private 127.0.0.0/8; nexus_allow_hosts twice;';
const variables = ['request', 'http_authorization', 'http_cookie', 'http_x_nexus_key', 'http_x_nexus_connection', 'http_x_api_key', 'args', 'request_uri', 'uri', 'proxy_host',
  'upstream_addr', 'upstream_status', 'upstream_http_x_echo', 'sent_http_x_echo', 'upstream_http_location', 'sent_http_location', 'upstream_cookie_echo', 'sent_http_set_cookie',
  'request_body', 'request_body_file', 'nexus_caller', 'nexus_workspace', 'nexus_connection', 'nexus_provider', 'nexus_state', 'nexus_token_source', 'nexus_token_ttl', 'nexus_error',
  'nexus_safe_request', 'nexus_api_base_url', 'nexus_limit_status', 'remote_user', 'content_type', 'host'];

const locations = ({ upstream }) => `
        client_max_body_size 0; client_body_buffer_size 1k; proxy_buffer_size 2k; proxy_buffers 4 2k; proxy_busy_buffers_size 4k; proxy_max_temp_file_size 64m;
        proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host 127.0.0.1; proxy_next_upstream error timeout http_500 http_503 non_idempotent;
        nexus_retry_unauthorized on; nexus_scrub_response on body=1m;
        location / { ${inject} proxy_pass http://twice; }
        location /literal/ { ${inject} proxy_pass http://${upstream}; }
        location /mirrored/ { ${inject} mirror /copy; proxy_pass http://twice; }
        location = /copy { internal; proxy_pass http://${upstream}/copy; }
        location /fallback/ { ${inject} error_page 500 502 503 = @second; proxy_intercept_errors on; proxy_pass http://twice; }
        location @second { ${inject} proxy_pass http://${upstream}; }`;

/** What the provider does with a call; it says what it makes of the credential. */
function startJudging(random) {
  const seen = { wrong: [], right: 0, refused: 0, refreshes: 0, ended: new Map(), mirrored: [] };
  seen.answer = async (incoming, response, body) => {
    const { id, kind } = /^\/(?:\w+\/)?(?<id>[0-9a-f-]{36})\/(?<kind>\w+)/.exec(incoming.url)?.groups ?? {};
    const said = incoming.headers.authorization ?? '';
    if (incoming.url.startsWith('/copy')) {
      seen.mirrored.push(said);
      response.end();
      return;
    }
    const generation = Number(/\+(\d+)$/.exec(said)?.[1]);
    if (said !== `Bearer ${tokenOf(id, generation)}` || incoming.headers['x-nexus-key'] !== undefined) {
      seen.wrong.push(`${incoming.url}: ${said.replaceAll(canary, '<canary>')}`);
    }
    seen.right++;
    await delay(random(8));
    if (generation <= (seen.ended.get(id) ?? 0)) {
      seen.refused++;
      response.writeHead(401, { 'www-authenticate': `Bearer error="${said}"` });
      response.end(said);
    } else if (kind === 'cut') {
      incoming.socket.destroy();
    } else if (kind === 'error') {
      response.writeHead(500, { 'x-echo': said });
      response.end(`failed with ${said}`);
    } else if (kind === 'large') {
      response.writeHead(200, { 'x-echo': encodeURIComponent(said) });
      for (let i = 0; i < 8; i++) {
        response.write(`${said}${'.'.repeat(9000)}`);
        await delay(random(2));
      }
      response.end(Buffer.from(said).toString('base64'));
    } else {
      response.writeHead(kind === 'redirect' ? 302 : 200, {
        'x-echo': said, location: `/elsewhere?token=${encodeURIComponent(said)}`, 'set-cookie': `echo=${Buffer.from(said).toString('base64')}`,
      });
      response.end(JSON.stringify({ said, length: body.length, headers: incoming.rawHeaders }));
    }
  };
  return seen;
}

test(`${CALLS} calls over ${CONNECTIONS} connections, with reloads`, async (t) => {
  const random = choices(7);
  const provider = startJudging(random);
  const edge = await startEdge(t, {
    workers: 2, locations, upstream: provider.answer,
    http: ({ upstream, dir }) => `
      nexus_debug_http off;
      upstream twice { server ${upstream} max_fails=0; server localhost:${upstream.split(':')[1]} max_fails=0; keepalive 16; }
      log_format all '${variables.map((name) => `$${name}`).join('|')}'; access_log ${dir}/variables.log all;`,
    controlPlane: onlyRefreshes(async (id, generation) => {
      provider.refreshes++;
      const next = generation + 1;
      const [, sealed] = await sealToken(edge.keys.CACHE_KEY, {
        connection_id: id, workspace_id: workspaces.get(id), generation: next, credentials: { access_token: tokenOf(id, next) },
      });
      return sealed;
    }),
  });
  const workspaces = new Map();
  const callers = [];
  const introduce = async (i) => {
    const workspace = `w${i % 10}`;
    const id = randomUUID();
    workspaces.set(id, workspace);
    await edge.addConnection({ connection_id: id, workspace_id: workspace, generation: 1, credentials: { access_token: tokenOf(id, 1) } });
    callers.push({ id, workspace, key: await edge.addAgent({ workspace_id: workspace, connections: [id] }) });
  };
  for (let i = 0; i < CONNECTIONS; i += 8) {
    await Promise.all(Array.from({ length: Math.min(8, CONNECTIONS - i) }, (_, k) => introduce(i + k)));
  }

  const counts = { 200: 0 };
  const agent = new http.Agent({ keepAlive: true, maxSockets: AT_ONCE });
  cleanup(t, () => agent.destroy());
  const kinds = ['fine', 'fine', 'fine', 'error', 'large', 'redirect', 'cut', 'ended'];
  const places = ['', 'literal/', 'mirrored/', 'fallback/'];

  async function call(number) {
    const caller = callers[(number * 37 + random(CONNECTIONS)) % CONNECTIONS];
    const kind = kinds[random(kinds.length)];
    if (kind === 'ended') {
      provider.ended.set(caller.id, (provider.ended.get(caller.id) ?? 0) + 1);
    }
    // Now and then somebody else's connection: of another workspace, or of another agent.
    const other = random(12) === 0 ? callers[(number + 1 + random(CONNECTIONS - 1)) % CONNECTIONS] : undefined;
    const wanted = other && other !== caller ? other.id : caller.id;
    const body = [undefined, undefined, Buffer.from('small'), Buffer.alloc(60_000, 'b')][random(4)];
    const answer = await edge.get(`/${places[random(places.length)]}${wanted}/${kind}/${number}?n=${number}`, {
      agent, method: body ? 'POST' : 'GET', body, timeout: 60_000, headers: { 'x-nexus-key': caller.key, 'x-nexus-connection': wanted },
    }).catch((error) => {
      assert.match(error.message, /ECONNRESET|socket hang up|EPIPE/, `call ${number}`);   // a connection that a reload ended
      return undefined;
    });
    counts[answer?.status] = (counts[answer?.status] ?? 0) + 1;
    if (answer !== undefined) {
      assert.equal(answer.status === 404, wanted !== caller.id, `call ${number} ${kind}: ${answer.status} ${answer.text.slice(0, 200)}`);
      assertNoSecrets({ canary }, { [`the answer to call ${number}`]: Buffer.concat([Buffer.from(JSON.stringify(answer.headers)), answer.body]) });
    }
  }

  let looked = 0;
  /** The debug log since the last look, overlapping it a little, and whatever else nginx has written. */
  function lookAround() {
    const log = fs.openSync(edge.nginx.errorLogFile);
    const size = fs.fstatSync(log).size;
    for (const PIECE = 32 * 1024 * 1024; looked < size;) {
      const from = Math.max(0, looked - 4096);
      const bytes = Buffer.alloc(Math.min(PIECE, size - from));
      fs.readSync(log, bytes, 0, bytes.length, from);
      assertNoSecrets({ canary }, { 'the error log': bytes });
      looked = from + bytes.length;
    }
    fs.closeSync(log);
    const rest = files(edge.nginx.dir);
    delete rest[edge.nginx.errorLogFile];
    assertNoSecrets({ canary }, rest);
  }

  let next = 0;
  const reloadAt = Array.from({ length: RELOADS }, (_, i) => Math.floor(((i + 1) * CALLS) / (RELOADS + 1)));
  const callAll = async () => {
    while (next < CALLS) {
      const number = next++;
      if (reloadAt.includes(number)) {
        edge.nginx.program.signal('SIGHUP');
        lookAround();
      }
      await call(number);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, callAll));
  lookAround();

  console.log(`${CALLS} calls, ${CONNECTIONS} connections: ${JSON.stringify(counts)}; at the provider ${provider.right}, refused ${provider.refused}, refreshed ${provider.refreshes}; error log ${Math.round(looked / 1e6)} MB`);
  assert.deepEqual(provider.wrong, []);
  assert.ok(provider.mirrored.length > 0 && provider.mirrored.every((said) => !said.includes(canary)), 'mirrors carry no credential');
  assert.ok(provider.refused > 0 && provider.refreshes > 0 && counts[200] > CALLS / 4 && counts[404] > 0, JSON.stringify(counts));
  assert.match(edge.nginx.errorLog().slice(0, 1_000_000), /held the credential, which is covered/, 'the provider has echoed it');
});
