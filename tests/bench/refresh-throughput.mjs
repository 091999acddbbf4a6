// What a refresh costs nexusd, and whether a herd keeps to a provider's limit. PostgreSQL as in production (every commit
// durable), a provider that answers at once; all of it shares the machine's processors.
//
//   per_core_per_s  refreshes a second of nexusd's CPU time, while connections fall due at a steady rate. Its baseline is the
//                   same refresh on demand, POST /connections/{id}/refresh by 16 callers of the same nexusd, in turn
//   lag_p99_ms      from the moment a refresh is wanted to the answer's storing (the time in its row)
//   cap_ratio_max   a herd: connections that all expire in one second, two nexusd, a limit of 500 requests in 1 s. The fullest
//                   second that the provider saw, however it is cut, over 500
//
// NEXUS_REFRESH_RATE (refreshes a second that are offered, 500), NEXUS_HERD_CONNECTIONS (100000; 0 leaves the herd out).
import http from 'node:http';
import { maxInWindow } from '../refresh/window.mjs';
import { startFleet } from '../refresh/fleet.mjs';
import { inScope } from '../support/cleanup.mjs';
import { request } from '../support/http.mjs';
import { waitFor } from '../support/wait.mjs';
import { alternate, median, report } from './measure.mjs';

const RATE = Number(process.env.NEXUS_REFRESH_RATE ?? 500);
const HERD = Number(process.env.NEXUS_HERD_CONNECTIONS ?? 100000);
const LIMIT = 500;   // requests in a second
const CALLERS = 16;
const HEADSTART_MS = 3000;   // until the first is due, so that the schedule is known by then

const DAY = 86400;   // s: a token that is refreshed once in a run
const steady = { steady: { rotates: true, grace_s: 0, expires_in: DAY }, called: { rotates: true, grace_s: 0, expires_in: DAY } };

export async function run({ json, rounds = 3, seconds = 20, log }) {
  const pairs = await inScope((t) => steadyRate({ t, rounds, seconds, log }));
  report({
    json, name: 'refresh-throughput.per_core_per_s', unit: '1/s', value: median(pairs.map(({ second }) => second.perCore)),
    baseline: 'on demand, 16 callers', baseline_value: median(pairs.map(({ first }) => first.perCore)), rounds,
  });
  report({
    json, name: 'refresh-throughput.lag_p99_ms', unit: 'ms', value: median(pairs.map(({ second }) => second.lagMs)),
    baseline: `offered ${RATE}/s, done per s`, baseline_value: median(pairs.map(({ second }) => second.perSecond)), rounds,
  });
  if (HERD > 0) {
    const herd = await inScope((t) => runHerd({ t, log }));
    report({
      json, name: 'refresh-throughput.cap_ratio_max', unit: 'times', value: herd.fullest / LIMIT,
      baseline: `limit ${LIMIT} in 1 s; ${HERD} connections, their mean rate`, baseline_value: herd.perSecond / LIMIT, rounds: 1,
    });
  }
}

async function steadyRate({ t, rounds, seconds, log }) {
  const fleet = await startFleet(t, { classes: steady });
  const due = await fleet.seed('steady', RATE * seconds);
  const called = await fleet.seed('called', Math.ceil(RATE * seconds / 4));
  await fleet.plane.sql('VACUUM ANALYZE');
  log(`${due.length} connections, ${RATE} a second`);
  return alternate({
    rounds,
    first: () => onDemand(fleet, called),
    second: () => fallingDue(fleet, due),
    progress: (round, { first, second }) => log(`round ${round}/${rounds}: on demand ${Math.round(first.perCore)} per core and second; due `
      + `${Math.round(second.perCore)} per core and second, ${Math.round(second.perSecond)}/s, lag p99 ${second.lagMs} ms`),
  });
}

async function fallingDue(fleet, members) {
  const before = await fleet.provider.counts();
  const startsAt = Date.now() + HEADSTART_MS;
  await fleet.makeDue('steady', { startsAt, rate: RATE });
  const wanted = await fleet.wanted('steady');
  const cpu = fleet.cpu().nexusd;
  await allGood(fleet, before.good + members.length);
  const spent = fleet.cpu().nexusd - cpu;
  const stored = await storedAt(fleet, 'steady');
  const lags = members.map(({ id }) => stored.get(id) - wanted.get(id)).sort((a, b) => a - b);
  const last = members.reduce((most, { id }) => Math.max(most, stored.get(id)), 0);
  return {
    perCore: members.length / (spent / 1e6), perSecond: members.length / ((last - startsAt) / 1000),
    lagMs: lags[Math.ceil(lags.length * 0.99) - 1],
  };
}

/** When each connection's newest tokens were stored: Map of id -> Unix ms. */
async function storedAt(fleet, className) {
  const rows = await fleet.plane.sql(`SELECT id, last_refreshed_at FROM connections WHERE provider_id = '${fleet.providerIds[className]}'`);
  return new Map(rows.split('\n').map((row) => row.split('|')).map(([id, at]) => [id, Number(at)]));
}

async function onDemand(fleet, members) {
  const agent = new http.Agent({ keepAlive: true });
  const { nexusd, keys } = fleet.plane;
  const queue = [...members];
  const cpu = fleet.cpu().nexusd;
  await Promise.all(Array.from({ length: CALLERS }, async () => {
    for (let next = queue.pop(); next; next = queue.pop()) {
      const answer = await request(`${nexusd.url}/connections/${next.id}/refresh`, {
        agent, method: 'POST', headers: { 'x-api-key': keys.API_KEY, connection: 'keep-alive' },
      });
      if (answer.status !== 200) {
        throw new Error(`on demand: ${answer.status} ${answer.text}`);
      }
    }
  }));
  const spent = fleet.cpu().nexusd - cpu;
  agent.destroy();
  return { perCore: members.length / (spent / 1e6) };
}

async function runHerd({ t, log }) {
  const fleet = await startFleet(t, {
    classes: { herd: steady.steady }, nodes: 2,
    oauth: { herd: { refresh_token_use: 'single_use', rate_limits: [{ requests: LIMIT, window_s: 1, per: 'client' }] } },
  });
  const members = await fleet.seed('herd', HERD);
  await fleet.plane.sql('VACUUM ANALYZE');
  const startsAt = Date.now() + HEADSTART_MS;
  await fleet.makeDue('herd', { startsAt, rate: Infinity });
  log(`a herd of ${HERD}`);
  await allGood(fleet, HERD, HEADSTART_MS + 4 * HERD / LIMIT * 1000 + 60000);
  const received = [];
  const families = new Set();
  for await (const entry of await fleet.provider.ledger()) {
    received.push(entry.received);
    families.add(entry.family);
  }
  if (families.size !== members.length) {
    throw new Error(`${families.size} of ${members.length} were refreshed`);
  }
  const seconds = (received.at(-1) - startsAt) / 1000;
  const fullest = maxInWindow(received, 1000);
  log(`${received.length} requests for ${members.length} connections in ${seconds.toFixed(1)} s; the fullest second had ${fullest}`);
  return { fullest, perSecond: received.length / seconds };
}

function allGood(fleet, count, timeout = 300000) {
  return waitFor(`${count} refreshes`, async () => {
    const counts = await fleet.provider.counts();
    return counts.good >= count;
  }, { timeout, interval: 100 });
}
