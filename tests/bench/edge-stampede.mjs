// A thousand requests at the instant when a token ends: two edges of two workers that share a Redis, and a control plane
// that takes 50 ms. How many questions reach it, and how much longer than the question a request waits; and the same
// while the worker that asks is killed. Times are taken at the edges, from their access logs: the client shares the
// machine's two processors with them, and sleeps while they work.
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { newKey } from '../support/keys.mjs';
import { startNginx } from '../support/nginx.mjs';
import { sealToken } from '../support/records.mjs';
import { startRedis } from '../support/redis.mjs';
import { startSlowOrigin } from '../support/slow-origin.mjs';
import { waitFor } from '../support/wait.mjs';
import { median, report } from './measure.mjs';

const REQUESTS = 1000;
const FETCH_MS = 50;
const LEAD_MS = 1000;   // from the old record's making to its end: both edges must have it by then

export async function run({ t, json, rounds = 200, log }) {
  const fleet = await startFleet(t);
  const calm = [];
  for (let round = 1; round <= rounds; round++) {
    calm.push(await stampede(fleet));
    if (round % 20 === 0) {
      log(`${round}/${rounds}: calls ${counts(calm)}, wait over fetch p99 ${Math.max(...calm.map(({ p99 }) => p99))} ms at most`);
    }
  }
  const kills = Math.max(1, Math.round(rounds / 10));
  const killed = [];
  for (let round = 1; round <= kills; round++) {
    killed.push(await stampede(fleet, { kill: true }));
    log(`owner killed ${round}/${kills}: ${killed.at(-1).calls} calls, longest ${killed.at(-1).longest.toFixed(0)} ms`);
  }

  const figure = (name, unit, value, baseline_value) =>
    report({ json, name: `edge-stampede.${name}`, unit, value, baseline: `the question alone, ${FETCH_MS} ms`, baseline_value, rounds });
  const fetchMs = median(calm.map(({ fetch }) => fetch));
  figure('calls_max', 'calls', Math.max(...calm.map(({ calls }) => calls)), 1);
  figure('wait_over_fetch_p99_ms', 'ms', median(calm.map(({ p99 }) => p99)), fetchMs);
  figure('wait_over_fetch_p50_ms', 'ms', median(calm.map(({ p50 }) => p50)), fetchMs);
  figure('calls_max_owner_killed', 'calls', Math.max(...killed.map(({ calls }) => calls)), 1);
  figure('longest_owner_killed_ms', 'ms', Math.max(...killed.map(({ longest }) => longest)), fetchMs);
}

const counts = (results) => JSON.stringify(results.reduce((all, { calls }) => ({ ...all, [calls]: (all[calls] ?? 0) + 1 }), {}));

export async function startFleet(t) {
  const key = newKey();
  const redis = await startRedis(t);
  const origin = await startSlowOrigin(t, { delay: FETCH_MS });
  const edges = [];
  for (let i = 0; i < 2; i++) {
    edges.push(await startNginx(t, {
      logLevel: 'error', allow: /exited on signal 9/, files: { 'cache.key': key, 'edge.key': 'edge-key-for-benches-and-nothing-else' }, config: edgeConfig({ redis, origin }),
    }));
  }
  await redis.subscribers('nexus:events', 2);
  return { key, redis, origin, edges, clients: [] };
}

const edgeConfig = ({ redis, origin }) => ({ dir, port, globals, http: paths }) => `
${globals}
worker_processes 2;
worker_rlimit_core 0;
events { worker_connections 2048; }
http {
    ${paths}
    log_format waits '$msec $request_time $status $arg_round';
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    nexus_cache zone=tokens:8m early_refresh=0;
    nexus_redis unix:${redis.socket};
    nexus_cache_key file:cache.key;
    nexus_control_plane_key file:edge.key;
    upstream nexusd { server 127.0.0.1:${origin.port}; keepalive 16; }
    server {
        listen 127.0.0.1:${port} reuseport backlog=2048;
        nexus_control_plane /_nexus;
        nexus_auth off;
        location /_nexus/ {
            internal;
            access_log off;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header X-Pid $pid;
            proxy_pass http://nexusd/;
        }
        location /token/ {
            access_log ${path.join(dir, 'waits.log')} waits buffer=256k flush=20ms;   # instead of the usual one, which writes each line at once
            nexus_api token;
            nexus_connection $arg_id;
        }
    }
}`;

/** One stampede. returns {calls, fetch, p50, p99 (ms over the fetch, at the edges), longest (at the client)} */
export async function stampede(fleet, { kill = false } = {}) {
  const { key, redis, origin, edges } = fleet;
  const id = randomUUID();
  const fields = { connection_id: id, workspace_id: 'bench' };
  const [, next] = await sealToken(key, { ...fields, generation: 2, credentials: { access_token: 'new' } });
  await Promise.all(edges.map((edge) => fillUp(fleet, edge)));

  const end = Date.now() + LEAD_MS;
  await redis.set(...await sealToken(key, { ...fields, generation: 1, expires_at: end, credentials: { access_token: 'old' } }));
  origin.serve(next);
  await Promise.all(edges.map((edge) => warm(fleet, edge, id)));
  const asked = origin.whenAsked();
  await delay(end - Date.now());
  while (Date.now() <= end) {
    // the instant is not to be missed by a timer's grain
  }

  const began = performance.now();
  fleet.clients.forEach((client) => client.ask(id));
  const owner = await asked;
  if (kill) {
    process.kill(owner.pid, 'SIGKILL');
  }
  sleepSync(2 * FETCH_MS);   // a socket that is paused is read all the same
  const answers = await Promise.all(fleet.clients.map((client) => client.answer));
  const good = answers.filter(({ token }) => token === 'new');
  const lost = answers.filter(({ lost: isLost }) => isLost);
  if (good.length + lost.length !== answers.length || (!kill && lost.length > 0)) {
    const bad = answers.find(({ token, lost: isLost }) => token !== 'new' && !isLost);
    throw new Error(`${good.length} good answers, ${lost.length} lost, of ${answers.length}; e.g. ${bad?.text}`);
  }
  fleet.clients = fleet.clients.filter((client) => !client.isClosed);
  const answeredAt = kill ? undefined : origin.calls[0].answeredAt;
  const waits = kill ? [] : await waitsOf(fleet, id, answeredAt);
  return {
    calls: origin.calls.length,
    fetch: kill ? undefined : answeredAt - origin.calls[0].at,
    p50: quantile(waits, 0.5),
    p99: quantile(waits, 0.99),
    longest: Math.max(...good.map(({ at }) => at - began)),
  };
}

/** This whole thread sleeps; the control plane has one of its own. */
function sleepSync(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** ms from the answer's leaving the control plane until each request was served, by the edges' logs. */
async function waitsOf(fleet, id, answeredAt) {
  const lines = await waitFor('the access logs', () => {
    const all = fleet.edges.flatMap((edge) => fs.readFileSync(path.join(edge.dir, 'waits.log'), 'utf8').split('\n'))
      .filter((line) => line.endsWith(` ${id}`));
    return all.length >= REQUESTS && all;
  });
  for (const edge of fleet.edges) {
    fs.truncateSync(path.join(edge.dir, 'waits.log'));
  }
  return lines.map((line) => Number(line.split(' ')[0]) * 1000 - answeredAt);
}

function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];
}

/** As many open connections as its share of the requests. */
async function fillUp(fleet, edge) {
  const missing = REQUESTS / fleet.edges.length - fleet.clients.filter((client) => client.edge === edge).length;
  const opened = Array.from({ length: missing }, () => new Client(edge));
  await Promise.all(opened.map((client) => client.connected));
  fleet.clients.push(...opened);
}

/** The token is looked up while it lives, so that the edge has it in shared memory. */
async function warm(fleet, edge, id) {
  for (const client of fleet.clients.filter((c) => c.edge === edge)) {
    client.ask(id, '-');
    const { token, lost, text } = await client.answer;
    if (token === 'old') {
      return;
    }
    if (!lost) {   // a connection to the worker that was killed: the next one
      throw new Error(`the old token was not there: ${text}`);
    }
  }
}

/** A kept connection that sends a request and remembers when its answer came. */
class Client {
  constructor(edge) {
    this.edge = edge;
    this.isClosed = false;
    this.socket = net.connect(edge.port, '127.0.0.1');
    this.socket.setNoDelay(true);
    this.connected = new Promise((resolve, reject) => {
      this.socket.once('connect', resolve);
      this.socket.once('error', reject);
    });
    this.socket.on('error', () => {});
    this.socket.on('data', (bytes) => this.onData(bytes));
    this.socket.on('close', () => {
      this.isClosed = true;
      this.resolve?.({ lost: true, at: performance.now() });
    });
    this.socket.unref();
  }

  ask(id, round = id) {
    this.text = '';
    this.answer = new Promise((resolve) => { this.resolve = resolve; });
    if (this.isClosed) {
      this.resolve({ lost: true, at: performance.now() });
      return;
    }
    this.socket.write(`GET /token/?id=${id}&round=${round} HTTP/1.1\r\nHost: edge\r\n\r\n`);
  }

  onData(bytes) {
    this.text += bytes.toString('latin1');
    const head = this.text.indexOf('\r\n\r\n');
    const length = head < 0 ? NaN : Number(/content-length: (\d+)/i.exec(this.text)?.[1]);
    if (this.text.length >= head + 4 + length) {
      this.resolve({ at: performance.now(), token: /"access_token":"(\w+)"/.exec(this.text)?.[1], text: this.text });
    }
  }
}
