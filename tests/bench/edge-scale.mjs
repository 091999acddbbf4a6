// What a hit costs when there are many: /v1/token/{id} out of shared memory with 1,000, 100,000 and 1,000,000 connections
// cached, asked for at random, each number in an nginx of its own whose zone is as large as docs/operations.md says; and how
// much memory of a full zone an entry takes beyond its sealed record. --sizes N,N,... for other numbers.
import path from 'node:path';
import { get } from '../support/http.mjs';
import { fillTokens, numberedId } from '../support/records.mjs';
import { mustAnswer, newToken, OTHER_CPU, startMeasuredEdge, startRecords } from './hot-edge.mjs';
import { load, median, report } from './measure.mjs';

const SCRIPT = path.join(import.meta.dirname, 'edge-scale.lua');
const DAY = 24 * 3600_000;
const ENTRY_BYTES = 160;      // of the zone, beside the record
const FIXED_BYTES = 3 << 20;  // what a zone takes in any case

export async function run({ t, json, rounds = 10, seconds = 3, sizes = '1000,100000,1000000', log }) {
  const counts = sizes.split(',').map(Number);
  const [first, last] = [counts[0], counts.at(-1)];
  const token = newToken();
  const records = await startRecords(t, { token, grants: ['token:read'] });
  await fillTokens(records.redis, records.cacheKey, last, {
    workspace_id: 'bench', credentials: { access_token: token, token_type: 'Bearer' }, expires_at: Date.now() + DAY });
  const sealed = (await records.redis.get(`nexus:tok:{${numberedId(0)}}`)).length;
  log(`${last} records of ${sealed} bytes are in Redis`);

  const edges = new Map();
  for (const count of counts) {
    const edge = await startEdge(t, records, Math.ceil(count * (sealed + ENTRY_BYTES) * 1.02) + FIXED_BYTES);
    await warm(edge, count);
    log(`${count} are cached`);
    edges.set(count, edge);
  }
  const samples = [];
  for (let round = 0; round <= rounds; round++) {
    const sample = {};
    for (const count of round % 2 ? [...counts].reverse() : counts) {
      sample[count] = (await hits(edges.get(count), count, seconds)).cpuUs;
    }
    if (round > 0) {   // one that is not counted
      samples.push(sample);
      log(`round ${round}/${rounds}: ${counts.map((count) => `${count} ${sample[count].toFixed(2)} us`).join(', ')}`);
    }
  }
  for (const count of counts.slice(1)) {
    report({
      json, name: `edge-scale.cpu_ratio_${short(count)}`, unit: 'ratio', value: median(samples.map((sample) => sample[count] / sample[first])),
      baseline: `a hit with ${first} connections cached, cpu_us`, baseline_value: median(samples.map((sample) => sample[first])), rounds,
    });
  }

  const full = await fullZone(t, records, last, sealed);
  report({
    json, name: 'edge-scale.bytes_over_record', unit: 'bytes', value: full.bytes / full.records - sealed,
    baseline: `the sealed record; ${full.records} fill a zone of ${full.bytes} bytes`, baseline_value: sealed, rounds: 1,
  });
}

const short = (count) => (count % 1_000_000 === 0 ? `${count / 1_000_000}m` : count % 1000 === 0 ? `${count / 1000}k` : String(count));

async function startEdge(t, records, zoneBytes) {
  const edge = await startMeasuredEdge(t, records, {
    cache: `zone=tokens:${Math.ceil(zoneBytes / 1024)}k max_ttl=12h`, redis: 'timeout=1s connect_timeout=1s', server: locations,
  });
  const headers = { 'X-API-Key': records.headers['X-API-Key'] };
  await mustAnswer(`${edge.url}/v1/token/${numberedId(0)}`, headers);
  const [worker] = edge.workers();   // after an answer: the master listens before it has workers
  return {
    ask: (count, from, time) => load({
      url: edge.url, headers, pid: worker, seconds: time, cpu: OTHER_CPU, script: SCRIPT, args: [String(count), String(from)] }),
    metrics: async () => new Map((await get(`${edge.url}/metrics`)).text.split('\n').map((line) => line.split(' ')).map(([name, value]) => [name, Number(value)])),
  };
}

/** Asks for each connection until all are cached. */
async function warm(edge, count) {
  for (let pass = 0; pass < 3; pass++) {
    await askForEach(edge, count);
    const metrics = await edge.metrics();
    if (metrics.get('nexus_cache_evictions_total') > 0) {
      break;
    }
    if (metrics.get('nexus_cache_records') === count + 1) {   // and the caller
      return;
    }
  }
  const metrics = await edge.metrics();
  throw new Error(`the zone holds ${metrics.get('nexus_cache_records')} records, ${metrics.get('nexus_cache_evictions_total')} `
    + `were evicted: not all of ${count}`);
}

async function askForEach(edge, count, isDone = () => false) {
  const IN_FLIGHT = 64;   // what wrk asks for and does not wait for at its end is asked for again
  for (let from = 0; from < count && !await isDone();) {
    const { requests } = await edge.ask(count, from, count > 10_000 ? 5 : 1);
    from += Math.max(requests - IN_FLIGHT, 1);
  }
}

const TOKEN_LOOKUPS = 'nexus_lookups_total{kind="token",source=';

/** A measured load in which every lookup of a token was answered out of shared memory. */
async function hits(edge, count, seconds) {
  const before = await edge.metrics();
  const result = await edge.ask(count, 'random', seconds);
  const after = await edge.metrics();
  const missed = [...after.keys()].filter((name) => name.startsWith(TOKEN_LOOKUPS) && !name.includes('"l1"') && after.get(name) !== before.get(name));
  const hit = after.get(`${TOKEN_LOOKUPS}"l1"}`) - before.get(`${TOKEN_LOOKUPS}"l1"}`);
  if (missed.length > 0 || hit < result.requests) {
    throw new Error(`with ${count} connections ${hit} of ${result.requests} lookups were hits; others: ${missed.join(', ')}`);
  }
  return result;
}

/** A zone for about a tenth of what there is, filled until it has evicted for a while. */
async function fullZone(t, records, count, sealed) {
  const edge = await startEdge(t, records, (count / 10) * sealed + FIXED_BYTES);
  const enough = async () => {
    const metrics = await edge.metrics();
    return metrics.get('nexus_cache_evictions_total') > metrics.get('nexus_cache_records') / 2;
  };
  await askForEach(edge, count, enough);
  if (!await enough()) {
    throw new Error('the zone did not become full');
  }
  const metrics = await edge.metrics();
  return { bytes: metrics.get('nexus_cache_size_bytes'), records: metrics.get('nexus_cache_records') };
}

const locations = `
        location ~ "^/v1/token/(?<nexus_id>[^/]+)$" {
            nexus_api token;
            nexus_connection $nexus_id;
        }
        location = /metrics {
            nexus_metrics;
        }`;
