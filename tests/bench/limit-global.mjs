// Global limits: four nginx on one Redis, in three runs.
//
//   overload   wrk on each nginx asks for keys of several limits as fast as it can, with a key that is asked for in bursts:
//              `over_bound`, what the worst key was admitted beyond its limit and the documented bound (0 = nothing), and
//              `under_ratio`, what the worst key that was in demand was admitted of its limit
//   paced      1,000 requests a second of one key, at its limit, spread over the four: `redis_calls_per_request`
//   replay     1,000,000 requests of many keys with lease=0 against GCRA offline, at the times that Redis tells: `exact_over`
//
// What a key may have in a run is counted with the client's clock from before the first request to after the last; what
// it must have, with the time that all of wrk was running.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { request } from '../support/http.mjs';
import { newKeys } from '../support/keys.mjs';
import { startNginx } from '../support/nginx.mjs';
import { built } from '../support/paths.mjs';
import { mustRun } from '../support/process.mjs';
import { startRedis } from '../support/redis.mjs';
import { mustAnswer } from './hot-edge.mjs';
import { median, report } from './measure.mjs';

const EDGES = 4;
const LEASE_S = 0.1;
const ENOUGH_DEMAND = 1.3;   // of the limit: where less comes, it is not the limit that is measured
const REPLAYED = 1_000_000;
const limits = {
  tiny: { perSecond: 10, burst: 9 },
  small: { perSecond: 100, burst: 20 },
  usual: { perSecond: 1000, burst: 200 },
  large: { perSecond: 1500, burst: 500 },
  spiky: { perSecond: 500, burst: 1000 },
  exact: { perSecond: 300, burst: 50, lease: 0 },
  paced: { perSecond: 1000, burst: 200 },
};
const pace = { perSecond: 1000, everyMs: 20 };

export async function run({ t, json, rounds = 3, seconds = 10, log }) {
  const keys = newKeys();
  const redis = await startRedis(t);
  const results = [];
  for (let round = 1; round <= rounds; round++) {
    await redis.client.flushall();
    const edges = await startEdges(t, keys, redis);
    const overload = await runOverload(edges, seconds);
    const paced = await runPaced(edges, seconds);
    results.push({ ...overload, paced });
    log(`round ${round}/${rounds}: ${overload.worst.map(({ name, over, under, allowed }) => `${name} ${allowed} (over ${over.toFixed(0)}, ${under.toFixed(3)})`).join(', ')}; paced ${paced.toFixed(4)}`);
    await Promise.all(edges.map(({ nginx }) => nginx.stop()));
  }
  const replay = (await mustRun(built('tests/bench/nexus_limit_replay_bench'), [redis.socket, String(REPLAYED)], { timeout: 600_000 }))
    .trim().split(' ').map(Number);
  log(`replayed ${replay[0]}: ${replay[1]} admitted, ${replay[2]} only by Redis, ${replay[3]} only offline`);

  const bound = Math.max(...Object.values(limits).map(boundOf));
  report({ json, name: 'limit-global.over_bound', unit: 'requests', value: Math.max(...results.map(({ over }) => over)),
    baseline: 'the largest bound, requests', baseline_value: bound, rounds });
  report({ json, name: 'limit-global.under_ratio', unit: 'ratio', value: Math.min(...results.map(({ under }) => under)), baseline: 'the limit', baseline_value: 1, rounds });
  report({ json, name: 'limit-global.redis_calls_per_request', unit: 'calls', value: median(results.map(({ paced }) => paced)), baseline: 'lease=0', baseline_value: 1, rounds });
  report({ json, name: 'limit-global.exact_over', unit: 'requests', value: replay[2], baseline: 'requests replayed', baseline_value: replay[0], rounds: 1 });
}

const leaseOf = ({ lease = LEASE_S }) => lease;
const boundOf = (limit) => EDGES * Math.min(limit.perSecond * leaseOf(limit), limit.burst);

async function startEdges(t, keys, redis) {
  const zones = Object.entries(limits).map(([name, limit]) => `
    nexus_limit_zone ${name} key=all rate=${limit.perSecond}r/s burst=${limit.burst} scope=global lease=${leaseOf(limit) * 1000}ms edges=${EDGES};`);
  const locations = Object.keys(limits).map((name) => `
        location = /${name} { nexus_limit zone=${name}; empty_gif; }`);
  const edges = await Promise.all(Array.from({ length: EDGES }, async () => {
    const nginx = await startNginx(t, {
      logLevel: 'error',
      files: { 'cache.key': keys.CACHE_KEY },
      config: ({ dir, port, globals, http: paths }) => `
${globals}
worker_processes 1;
events { worker_connections 1024; }
http {
    ${paths}
    access_log off;
    keepalive_requests 1000000000;
    nexus_cache zone=nexus:1m;
    nexus_redis unix:${redis.socket} timeout=1s connect_timeout=1s;
    nexus_cache_key file:${path.join(dir, 'cache.key')};
    ${zones.join('')}
    server {
        listen 127.0.0.1:${port};
        ${locations.join('')}
        location = /up { return 200; }
        location = /metrics { nexus_metrics; }
    }
}`,
    });
    await mustAnswer(`${nginx.url}/up`);
    return { nginx, url: nginx.url };
  }));
  return edges;
}

/** Sums over the edges: {zone: {allowed, rejected, calls, unanswered}} */
async function counts(edges) {
  const all = Object.fromEntries(Object.keys(limits).map((name) => [name, { allowed: 0, rejected: 0, calls: 0, unanswered: 0 }]));
  for (const { url } of edges) {
    const { text } = await request(`${url}/metrics`);
    for (const [, zone, result, value] of text.matchAll(/^nexus_limit_requests_total\{zone="(\w+)",result="(allowed|rejected)"\} (\d+)$/gm)) {
      all[zone][result] += Number(value);
    }
    for (const [, what, zone, value] of text.matchAll(/^nexus_limit_(redis_calls|without_redis)_total\{zone="(\w+)"\} (\d+)$/gm)) {
      all[zone][what === 'redis_calls' ? 'calls' : 'unanswered'] += Number(value);
    }
  }
  return all;
}

async function runOverload(edges, seconds) {
  const steady = Object.keys(limits).filter((name) => name !== 'spiky' && name !== 'paced');
  const script = path.join(edges[0].nginx.dir, 'mixed.lua');
  fs.writeFileSync(script, `
local paths = { ${steady.map((name) => `"/${name}"`).join(', ')} }
local requests = {}
function init()
    math.randomseed(os.time())
    for i, path in ipairs(paths) do requests[i] = wrk.format("GET", path) end
end
function request() return requests[math.random(#requests)] end
`);
  const start = performance.now();
  const load = edges.map(({ url }) => mustRun('wrk', ['-t1', '-c16', `-d${seconds}s`, '-s', script, url], { timeout: (seconds + 60) * 1000 }));
  const spikes = (async () => {   // a second of each three
    for (let i = 0; i < Math.max(1, Math.floor(seconds / 3)); i++) {
      await Promise.all(edges.map(({ url }) => mustRun('wrk', ['-t1', '-c4', '-d1s', `${url}/spiky`], { timeout: 60_000 })));
      await new Promise((resolve) => setTimeout(resolve, 2000));
    }
  })();
  await Promise.all([...load, spikes]);
  const elapsed = (performance.now() - start) / 1000;
  const seen = await counts(edges);
  const worst = [...steady, 'spiky'].map((name) => {
    const { perSecond, burst } = limits[name];
    const { allowed, rejected, calls, unanswered } = seen[name];
    if (unanswered > 0) {
      throw new Error(`${unanswered} requests of ${name} were decided without Redis: the machine is too busy`);
    }
    const over = allowed - (burst + 1 + perSecond * elapsed) - boundOf(limits[name]);
    return { name, allowed, rejected, calls, over, under: allowed / (burst + 1 + perSecond * seconds), demand: (allowed + rejected) / (burst + 1 + perSecond * seconds) };
  });
  const inDemand = worst.filter(({ name, demand }) => name !== 'spiky' && demand >= ENOUGH_DEMAND);
  if (inDemand.length < steady.length - 1) {
    throw new Error(`too little was asked for: ${worst.map(({ name, demand }) => `${name} ${demand.toFixed(2)}`).join(', ')} of the limit`);
  }
  return {
    worst,
    over: Math.max(0, ...worst.map(({ over }) => over)),
    under: Math.min(...inDemand.map(({ under }) => under)),
  };
}

/** One key at its limit, evenly over all edges. returns questions to Redis per request */
async function runPaced(edges, seconds) {
  const agent = new http.Agent({ keepAlive: true });
  const batch = (pace.perSecond * pace.everyMs) / 1000;
  const before = (await counts(edges)).paced;
  const pending = [];
  const start = performance.now();
  for (let tick = 0; tick * pace.everyMs < seconds * 1000; tick++) {
    const late = start + tick * pace.everyMs - performance.now();
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, late)));
    for (let i = 0; i < batch; i++) {
      pending.push(request(`${edges[i % EDGES].url}/paced`, { agent }));
    }
  }
  await Promise.all(pending);
  agent.destroy();
  const after = (await counts(edges)).paced;
  return (after.calls - before.calls) / pending.length;
}
