// What edge-inject, edge-scale, edge-token and sigv4 have in common: one agent, one connection with a token as long as usual, both in Redis,
// and an nginx of one worker that has a processor for itself.
import crypto from 'node:crypto';
import path from 'node:path';
import { request } from '../support/http.mjs';
import { startNginx } from '../support/nginx.mjs';
import { startRedis } from '../support/redis.mjs';
import { callerKey, newAgentKey, sealCaller, sealToken } from '../support/records.mjs';
import { waitFor } from '../support/wait.mjs';
import { alternate, load } from './measure.mjs';

export const OTHER_CPU = 1;  // load generator, upstream, Redis; the worker that is measured has processor 0 for itself
const STARTS = 5;
const TOKEN_BYTES = 900;  // as long as a signed access token usually is

export const newToken = () => crypto.randomBytes(TOKEN_BYTES).toString('base64url').slice(0, TOKEN_BYTES);

/** grants: the agent's; connection: further members of the connection's record. returns {redis, cacheKey, headers, connection} */
export async function startRecords(t, { token, grants, connection: fields = {} }) {
  const cacheKey = crypto.randomBytes(32).toString('base64');
  const connection = crypto.randomUUID();
  const workspace = 'bench';
  const agentKey = newAgentKey();
  const redis = await startRedis(t);
  await redis.set(...await sealToken(cacheKey, {
    connection_id: connection, workspace_id: workspace, provider_id: crypto.randomUUID(), provider: 'bench', state: 'active',
    generation: 1, expires_at: Date.now() + 3600_000, refreshable: true, strategy: 'oauth2',
    credentials: { access_token: token, token_type: 'Bearer' }, allowed_hosts: ['127.0.0.1'], ...fields,
  }));
  await redis.set(callerKey(agentKey), await sealCaller(cacheKey, agentKey, {
    agent_id: crypto.randomUUID(), workspace_id: workspace, name: 'bench', generation: 1, grants,
  }));
  return { redis, cacheKey, connection, headers: { 'X-API-Key': agentKey, 'X-Nexus-Connection': connection } };
}

/**
 * An nginx whose worker is measured; `http` and `server`: what those blocks hold beside the usual. `globals`: the same.
 * cache, redis: parameters of nexus_cache, and further ones of nexus_redis. under: the words of a tool that runs it,
 * then as one process.
 */
export function startMeasuredEdge(t, records, {
  globals: moreGlobals = '', http: inHttp = '', server, files = {}, cache = 'zone=tokens:8m', redis = '', under,
}) {
  return startNginx(t, {
    logLevel: 'error',
    under,
    files: { 'cache.key': records.cacheKey, ...files },
    config: ({ dir, port, globals, http: paths }) => `
${globals}
${moreGlobals}
${under ? 'master_process off;' : 'worker_processes 1;'}
worker_cpu_affinity 01;
events { worker_connections 1024; }
http {
    ${paths}
    access_log off;
    keepalive_requests 1000000000;
    nexus_cache ${cache};
    nexus_redis unix:${records.redis.socket} ${redis};
    nexus_cache_key file:${path.join(dir, 'cache.key')};
    nexus_allow_private 127.0.0.0/8;
    ${inHttp}
    server {
        listen 127.0.0.1:${port};
        ${typeof server === 'function' ? server({ dir }) : server}
    }
}`,
  });
}

/** The answer of `url`, which must be 200 before long (the edge has to connect to Redis): nobody measures something that fails. */
export function mustAnswer(url, headers) {
  return waitFor(`${url} to answer 200`, async () => {
    const answer = await request(url, { headers });
    if (answer.status !== 200) {
      throw new Error(`it answered ${answer.status}: ${answer.text}`);
    }
    return answer;
  });
}

/** The same of several: {name: {url, headers}}. */
export async function mustAnswerAll(sides) {
  for (const { url, headers } of Object.values(sides)) {
    await mustAnswer(url, headers);
  }
}

/**
 * Requests to two sides of an edge, in turn, each round's pair as load() returns it: {first, second}. The rounds are spread
 * over several starts of the edge: where its code and memory lie differs from start to start, and what a request costs with it.
 *
 * start: makes {edge, sides: {name: {url, headers}}}; first, second: names of sides
 */
export async function compareSides({ start, first, second, rounds, seconds, log }) {
  const pairs = [];
  const starts = Math.min(STARTS, rounds);
  for (let i = 0; i < starts; i++) {
    const { edge, sides } = await start();
    const [worker] = edge.workers();   // after an answer: the master listens before it has workers
    const sample = (name) => load({ ...sides[name], pid: worker, seconds, cpu: OTHER_CPU });
    const before = pairs.length;
    pairs.push(...await alternate({
      rounds: Math.ceil((rounds - before) / (starts - i)),
      first: () => sample(first),
      second: () => sample(second),
      progress: (round, pair) => log(`round ${before + round}/${rounds}: ${first} ${pair.first.cpuUs.toFixed(2)} us, `
        + `${second} ${pair.second.cpuUs.toFixed(2)} us; ${Math.round(pair.first.rps)} and ${Math.round(pair.second.rps)} requests/s`),
    }));
    await edge.stop();
  }
  return pairs;
}

/** An upstream on the other processor that answers 200 only to what it knows (lines of a map of Authorization): a benchmark
 *  without a credential must not look fast. */
export function startCheckingUpstream(t, known) {
  return startNginx(t, {
    logLevel: 'error',
    config: ({ port, globals, http: paths }) => `
${globals}
worker_processes 1;
worker_cpu_affinity 10;
events { worker_connections 1024; }
http {
    ${paths}
    access_log off;
    map_hash_bucket_size 2048;
    map $http_authorization $is_known { default 0; ${known} }
    large_client_header_buffers 4 16k;
    keepalive_requests 1000000000;
    server {
        listen 127.0.0.1:${port};
        location / {
            if ($is_known = 0) { return 401; }
            return 200 "${'x'.repeat(200)}";
        }
    }
}`,
  });
}
