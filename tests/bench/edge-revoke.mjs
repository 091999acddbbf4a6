// How long a revoked connection can still be used: two edges of two workers under load, a nexusd, and a Redis between
// them. From when the revoke is asked of nexusd (its commit comes later: the figures are no smaller than those from the
// commit) until the last answer with the credential, at any worker. With --full also without a Redis.
import fs from 'node:fs';
import http from 'node:http';
import { spawn } from 'node:child_process';
import { cleanup } from '../support/cleanup.mjs';
import { get } from '../support/http.mjs';
import { expectStatus, startLine } from '../support/line.mjs';
import { startNginx } from '../support/nginx.mjs';
import { waitFor } from '../support/wait.mjs';
import { report } from './measure.mjs';

const WITHOUT_REDIS = 10;   // connections, revoked at once

export async function run({ t, json, full, rounds = 200, log }) {
  const line = await startLine(t, { logLevel: 'error', nexusd: { env: { LOG_LEVEL: 'warn' } } });
  const agent = await prepare(line);
  const edges = [await startEdge(t, line), await startEdge(t, line)];
  await line.redis.subscribers('nexus:events', 3);   // the line's own nginx is the third
  const workers = [];
  for (const edge of edges) {
    workers.push(...await connectionsTo(edge, 2));
  }

  const busy = await connect(line, agent);
  const idle = await revokeAll({ line, agent, workers, rounds, log, what: 'idle' });
  for (const edge of edges) {
    startLoad(t, `${edge.url}/token/${busy}`);
  }
  const loaded = await revokeAll({ line, agent, workers, rounds, log, what: 'under load' });

  const figure = (name, value, baseline_value) =>
    report({ json, name: `edge-revoke.${name}`, unit: 'ms', value, baseline: 'the same edges, idle', baseline_value, rounds });
  figure('p50_ms', quantile(loaded, 0.5), quantile(idle, 0.5));
  figure('p99_ms', quantile(loaded, 0.99), quantile(idle, 0.99));
  figure('max_ms', Math.max(...loaded), Math.max(...idle));
  if (full) {
    figure('max_ms_without_redis', await revokeWithoutRedis({ line, agent, workers, log }), Math.max(...idle));
  }
}

async function prepare(line) {
  await line.createProvider({
    name: 'keyed', auth_type: 'api_key', issuer: undefined, enable_discovery: undefined, auth_header: undefined,
    client_id: undefined, client_secret: undefined, scopes: undefined, api_base_url: line.api.url,
  });
  return line.createAgent();
}

const connect = (line, agent) => line.capture(agent, 'keyed', { api_key: 'bench' });

const startEdge = (t, line) => startNginx(t, {
  logLevel: 'error',
  files: { 'cache.key': line.keys.CACHE_KEY, 'edge.key': line.keys.EDGE_KEY },
  config: ({ port, globals, http: paths }) => `
${globals}
worker_processes 2;
events { worker_connections 1024; }
http {
    ${paths}
    access_log off;
    keepalive_requests 1000000000;
    nexus_cache zone=tokens:8m;
    nexus_redis unix:${line.redis.socket};
    nexus_cache_key file:cache.key;
    nexus_control_plane_key file:edge.key;
    upstream nexusd { server 127.0.0.1:${line.nexusd.port}; keepalive 16; }
    server {
        listen 127.0.0.1:${port} reuseport;
        nexus_control_plane /_nexus;
        nexus_auth off;
        add_header X-Pid $pid always;
        location /_nexus/ {
            internal;
            proxy_http_version 1.1;
            proxy_set_header Connection "keep-alive";
            proxy_pass http://nexusd/;
        }
        location ~ "^/token/(?<nexus_id>[^/]+)$" { nexus_api token; nexus_connection $nexus_id; }
        location = /up { return 204; }
    }
}`,
});

/** Kept connections to each worker of an edge: [{url, agent}]. */
async function connectionsTo(edge, count) {
  const found = new Map();
  await waitFor(`connections to ${count} workers`, async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const { headers } = await get(`${edge.url}/up`, { agent });
    found.set(headers['x-pid'], { url: edge.url, agent });
    return found.size === count;
  });
  return [...found.values()];
}

function startLoad(t, url) {
  const wrk = spawn('wrk', ['-t1', '-c16', '-d3600s', url], { stdio: 'ignore' });
  cleanup(t, () => wrk.kill());
}

/** Revokes one connection after the other: [ms from the request to the last use]. */
async function revokeAll({ line, agent, workers, rounds, log, what }) {
  const delays = [];
  for (let round = 1; round <= rounds; round++) {
    const [delay] = await revoke({ line, workers, ids: [await connect(line, agent)] });
    delays.push(delay);
    if (round % 50 === 0) {
      log(`${what}, ${round}/${rounds}: p50 ${quantile(delays, 0.5).toFixed(1)} ms, max ${Math.max(...delays).toFixed(1)} ms`);
    }
  }
  return delays;
}

/** Every worker uses the connections all the time while they are revoked: [ms from the request to the last use of each]. */
async function revoke({ line, workers, ids, timeout = 15_000 }) {
  const uses = ids.map((id) => workers.map((worker) => useUntilRefused({ ...worker, id, timeout })));
  await Promise.all(uses.flat().map(({ begun }) => begun));
  const asked = performance.now();
  for (const id of ids) {
    expectStatus(200, await line.admin('POST', `/connections/${id}/revoke`));
  }
  const last = await Promise.all(uses.map((of) => Promise.all(of.map(({ ended }) => ended))));
  return last.map((times) => Math.max(0, Math.max(...times) - asked));
}

/** Asks for the token again and again: `begun` when it was had once, `ended` with the time of the last answer that had it. */
function useUntilRefused({ url, agent, id, timeout }) {
  let begin;
  const begun = new Promise((resolve) => { begin = resolve; });
  const ended = (async () => {
    const deadline = performance.now() + timeout;
    for (let last = 0;;) {
      const { status, text } = await get(`${url}/token/${id}`, { agent });
      if (status === 403 && text.includes('connection_revoked')) {
        return last;
      }
      if (status !== 200 || performance.now() > deadline) {
        throw new Error(`${status} ${text}`);
      }
      last = performance.now();
      begin();
    }
  })();
  ended.catch(begin);
  return { begun, ended };
}

async function revokeWithoutRedis({ line, agent, workers, log }) {
  const ids = [];
  for (let i = 0; i < WITHOUT_REDIS; i++) {
    ids.push(await connect(line, agent));
  }
  for (const { url, agent: connection } of workers) {
    for (const id of ids) {
      await get(`${url}/token/${id}`, { agent: connection });
    }
  }
  await line.redis.kill();
  fs.rmSync(line.redis.socket, { force: true });
  const delays = await revoke({ line, workers: [workers[0], workers[2]], ids, timeout: 120_000 });
  log(`without Redis: ${delays.map((ms) => (ms / 1000).toFixed(1)).join(', ')} s`);
  return Math.max(...delays);
}

function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];
}
