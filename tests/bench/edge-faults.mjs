// How long a request waits at the edge while what stands behind it is away, beside the same request while nothing is:
// cached tokens with a Redis that is stopped and its breaker open, and answers 503 with a control plane that is gone.
// Times are a client's, one request after the other on one connection, medians of rounds.
import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { startEdge } from '../support/edge.mjs';
import { waitFor } from '../support/wait.mjs';
import { median, report } from './measure.mjs';

const REDIS_TIMEOUT_MS = 50;
const VERIFIED_MS = 5000;   // without a subscription entries are asked for again after that
const REQUESTS = 300;

export async function run({ t, json, rounds = 5, log }) {
  const edge = await startEdge(t, {
    logLevel: 'error', redis: `timeout=${REDIS_TIMEOUT_MS}ms connect_timeout=${REDIS_TIMEOUT_MS}ms`,
    server: 'location = /503 { add_header Retry-After 1 always; return 503; }',
  });
  await edge.subscribed();
  const ask = client();
  const figures = { cached: [], breaker: [], refused: [], plain: [], first: [] };

  for (let round = 1; round <= rounds; round++) {
    const records = [];
    for (let i = 0; i < 20; i++) {
      records.push(await edge.write());
      await ask(`${edge.url}/token/${records[i].id}`, 200);
    }
    const paths = records.map(({ id }) => `${edge.url}/token/${id}`);
    figures.cached.push(await sample(ask, paths, 200));
    edge.redis.pause();
    await delay(VERIFIED_MS + 500);   // the next requests want to verify what they find
    figures.first.push(Math.max(...await times(ask, paths.slice(0, 5), 200)));
    figures.breaker.push(await sample(ask, paths, 200));
    edge.redis.resume();
    await edge.subscribed();
    // The breaker closes by itself, not with the subscription; until then the control plane is asked, which has no record.
    await waitFor('Redis to be asked again', async () => (await ask(`${edge.url}/token/${(await edge.write()).id}`)).status === 200);

    figures.plain.push(await sample(ask, [`${edge.url}/503`], 503));
    edge.controlPlane.stop();
    const unknown = await Promise.all(Array.from({ length: 20 }, () => edge.record()));
    figures.refused.push(await sample(ask, unknown.map(({ id }) => `${edge.url}/token/${id}`), 503));
    await edge.controlPlane.start();
    await waitFor('the control plane', async () => (await ask(`${edge.url}/token/${(await edge.record()).id}`)).status === 404);
    log(`round ${round}/${rounds}: ${Object.entries(figures).map(([name, all]) => `${name} ${JSON.stringify(all.at(-1))}`).join(', ')}`);
  }

  const figure = (name, value, baseline, baseline_value) =>
    report({ json, name: `edge-faults.${name}`, unit: 'ms', value, baseline, baseline_value, rounds });
  const of = (name, key) => median(figures[name].map((one) => one[key]));
  for (const quantile of ['p50', 'p99']) {
    figure(`breaker_added_${quantile}_ms`, of('breaker', quantile) - of('cached', quantile), 'Redis answers', of('cached', quantile));
  }
  figure('first_requests_max_ms', Math.max(...figures.first), 'the time-out', REDIS_TIMEOUT_MS);
  for (const quantile of ['p50', 'p99']) {
    figure(`control_plane_down_503_${quantile}_ms`, of('refused', quantile), 'return 503', of('plain', quantile));
  }
}

/** returns ask(url, status): one request on the one connection; {status, ms} */
function client() {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  return (url, expected) => new Promise((resolve, reject) => {
    const began = performance.now();
    http.get(url, { agent }, (response) => {
      const ms = performance.now() - began;
      response.resume();
      response.on('end', () => {
        if (expected !== undefined && (response.statusCode !== expected || (expected === 503 && !response.headers['retry-after']))) {
          reject(new Error(`${url} answered ${response.statusCode}, not ${expected} (503 with Retry-After)`));
        } else {
          resolve({ status: response.statusCode, ms });
        }
      });
    }).on('error', reject);
  });
}

async function times(ask, urls, status) {
  const all = [];
  for (const url of urls) {
    all.push((await ask(url, status)).ms);
  }
  return all;
}

async function sample(ask, urls, status) {
  const all = await times(ask, Array.from({ length: REQUESTS }, (_, i) => urls[i % urls.length]), status);
  all.sort((a, b) => a - b);
  const at = (share) => Number(all[Math.floor(share * (all.length - 1))].toFixed(3));
  return { p50: at(0.5), p99: at(0.99) };
}
