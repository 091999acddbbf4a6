// Fifty reloads and three binary upgrades under load, with connections open that outlast them: no request fails, what is
// in shared memory stays, records and limits, and the master does not grow.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import { test } from 'node:test';
import { cleanup } from '../support/cleanup.mjs';
import { accessTokenOf, handOver, startEdge } from '../support/edge.mjs';
import { get, serve } from '../support/http.mjs';
import { watched } from '../support/paths.mjs';
import { findPort } from '../support/ports.mjs';
import { waitFor } from '../support/wait.mjs';

const RELOADS = 50;
const SETTLING = 10;   // reloads until the heap has found its size
const KIB_A_RELOAD = 4;
const UPGRADES = 3;

/** Resident memory that belongs to a process alone, KiB: without shared memory and the binary's own pages. */
function ownKib(pid) {
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
}

/** An upstream that answers with a line and keeps the rest for later. returns {port, finish} */
async function startLongUpstream(t) {
  const open = [];
  const port = await findPort();
  const server = await serve(port, (request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('begun\n');
    open.push(response);
  });
  cleanup(t, () => server.close());
  return { port, finish: () => open.splice(0).forEach((response) => response.end('finished\n')) };
}

/** Opens a connection that stays. returns a promise of {text: promise of all that came} once it has begun. */
function openLong(url) {
  return new Promise((resolve, reject) => {
    http.get(url, { agent: false }, (response) => {
      let text = '';
      const whole = new Promise((done, fail) => {
        response.on('data', (chunk) => {
          text += chunk;
          resolve({ text: whole });
        });
        response.on('end', () => done(text));
        response.on('error', fail);
      });
    }).on('error', reject);
  });
}

/** Clients that ask without a pause, each request on a connection of its own. returns {more, stop, errors} */
function startClients(edge, { id, token }, count = 4) {
  const load = { errors: [], answered: 0 };
  let isOver = false;
  const client = async () => {
    while (!isOver) {
      const answer = await edge.token(id, { agent: false }).catch((error) => error);
      load.answered++;
      if (accessTokenOf(answer) !== token) {
        load.errors.push(answer.message ?? answer.text);
      }
    }
  };
  const clients = Array.from({ length: count }, client);
  load.more = async (requests = 20) => {
    const before = load.answered;
    await waitFor('more requests', () => load.answered >= before + requests);
  };
  load.stop = async () => {
    isOver = true;
    await Promise.all(clients);
  };
  return load;
}

test('fifty reloads and three upgrades under load', { timeout: 240_000 }, async (t) => {
  const upstream = await startLongUpstream(t);
  const edge = await startEdge(t, {
    daemon: true, workers: 2, logLevel: 'info',
    http: 'nexus_limit_zone once key=address rate=1r/h;',
    server: `location = /once { nexus_limit zone=once nodelay; empty_gif; }
        location /long { proxy_pass http://127.0.0.1:${upstream.port}/; proxy_buffering off; proxy_http_version 1.1; proxy_read_timeout 10m; }`,
  });
  await edge.subscribed();
  const record = await edge.write();
  const other = await edge.write();
  assert.equal(accessTokenOf(await edge.token(record.id)), record.token);
  assert.equal(accessTokenOf(await edge.token(other.id)), other.token);
  assert.equal((await get(`${edge.url}/once`)).status, 200);
  const load = startClients(edge, record);
  const long = [await openLong(`${edge.url}/long`)];

  let settled;
  for (let i = 1; i <= RELOADS; i++) {
    await handOver(edge);
    await load.more();
    if (i === SETTLING) {
      settled = ownKib(edge.nginx.pid);
      long.push(await openLong(`${edge.url}/long`));
    }
  }
  const grown = ownKib(edge.nginx.pid) - settled;
  // AddressSanitizer keeps what was freed.
  assert.ok(watched || grown <= (RELOADS - SETTLING) * KIB_A_RELOAD, `the master grew by ${grown} KiB in ${RELOADS - SETTLING} reloads`);

  upstream.finish();
  for (const { text } of long) {
    assert.equal(await text, 'begun\nfinished\n');
  }
  for (let i = 0; i < UPGRADES; i++) {
    await edge.nginx.beginUpgrade();
    const outlasting = await openLong(`${edge.url}/long`);
    await load.more();
    upstream.finish();
    assert.equal(await outlasting.text, 'begun\nfinished\n');
    await edge.nginx.finishUpgrade();
    await load.more();
  }
  const last = ownKib(edge.nginx.pid);
  assert.ok(watched || last <= settled + RELOADS * KIB_A_RELOAD, `the last master has ${last} KiB, the first one had ${settled}`);
  await load.stop();
  assert.deepEqual(load.errors, []);

  assert.equal((await get(`${edge.url}/once`)).status, 429, 'the limiter has not forgotten');
  // What was cached before all that is there still, with nobody left who could give it again.
  await edge.redis.del(other.redisKey);
  edge.controlPlane.answer = () => ({ status: 503, body: { error: 'store_unavailable' } });
  const answer = await edge.token(other.id);
  assert.equal(accessTokenOf(answer), other.token, answer.text);
  t.diagnostic(`master: ${settled} KiB after ${SETTLING} reloads, ${grown} KiB more after ${RELOADS}; ${last} KiB after ${UPGRADES} upgrades; ${load.answered} requests`);
});
