// What the edge adds to a proxied request: authenticate by API key, authorise, find the token in shared memory and
// inject it, beside plain proxy_pass that sets a static Authorization header of the same length. Same nginx, same worker,
// same upstream; the worker's CPU time per request is the figure, as requests per second swing with the machine.
import crypto from 'node:crypto';
import http from 'node:http';
import path from 'node:path';
import { startNginx } from '../support/nginx.mjs';
import { startRedis } from '../support/redis.mjs';
import { callerKey, newAgentKey, sealCaller, sealToken } from '../support/records.mjs';
import { alternate, load, median, report } from './measure.mjs';

const OTHER_CPU = 1;  // load generator, upstream, Redis; the worker that is measured has processor 0 for itself
const TOKEN_BYTES = 900;  // as long as a signed access token usually is

export async function run({ t, json, rounds = 10, seconds = 2, log }) {
  const cacheKey = crypto.randomBytes(32).toString('base64');
  const token = crypto.randomBytes(TOKEN_BYTES).toString('base64url').slice(0, TOKEN_BYTES);
  const connection = crypto.randomUUID();
  const workspace = 'bench';
  const agentKey = newAgentKey();

  const upstream = await startNginx(t, { logLevel: 'error', config: upstreamConfig(token) });
  const redis = await startRedis(t);
  await redis.set(...await sealToken(cacheKey, {
    connection_id: connection, workspace_id: workspace, provider_id: crypto.randomUUID(), provider: 'bench', state: 'active',
    generation: 1, expires_at: Date.now() + 3600_000, refreshable: true, strategy: 'oauth2',
    credentials: { access_token: token, token_type: 'Bearer' }, api_base_url: upstream.url, allowed_hosts: ['127.0.0.1'],
  }));
  await redis.set(callerKey(agentKey), await sealCaller(cacheKey, agentKey, {
    agent_id: crypto.randomUUID(), workspace_id: workspace, name: 'bench', generation: 1, grants: ['token:use'],
  }));

  const edge = await startNginx(t, {
    logLevel: 'error',
    files: { 'cache.key': cacheKey },
    config: edgeConfig({ upstream, redis, token }),
  });
  const callerHeaders = { 'X-API-Key': agentKey, 'X-Nexus-Connection': connection };
  await mustAnswer(`${edge.url}/inject`, callerHeaders);
  const [worker] = edge.workers();   // after an answer: the master listens before it has workers

  const sample = (url, headers) => load({ url, headers, pid: worker, seconds, cpu: OTHER_CPU });
  const pairs = await alternate({
    rounds,
    first: () => sample(`${edge.url}/plain`, {}),
    second: () => sample(`${edge.url}/inject`, callerHeaders),
    progress: (round, { first, second }) => log(`round ${round}/${rounds}: plain ${first.cpuUs.toFixed(2)} us, `
      + `inject ${second.cpuUs.toFixed(2)} us; ${Math.round(first.rps)} and ${Math.round(second.rps)} requests/s`),
  });

  const baseline = 'proxy_pass with a static header';
  report({
    json, name: 'edge-inject.added_cpu_us', unit: 'us',
    value: median(pairs.map(({ first, second }) => second.cpuUs - first.cpuUs)),
    baseline: `${baseline}, cpu_us`, baseline_value: median(pairs.map(({ first }) => first.cpuUs)), rounds,
  });
  report({
    json, name: 'edge-inject.rps_ratio', unit: 'ratio',
    value: median(pairs.map(({ first, second }) => second.rps / first.rps)),
    baseline: `${baseline}, rps`, baseline_value: median(pairs.map(({ first }) => first.rps)), rounds,
  });
}

/** Answers 200 only to the one token, so that a benchmark without injection cannot look fast. */
const upstreamConfig = (token) => ({ port, globals, http: paths }) => `
${globals}
worker_processes 1;
worker_cpu_affinity 10;
events { worker_connections 1024; }
http {
    ${paths}
    access_log off;
    map_hash_bucket_size 2048;
    map $http_authorization $known {
        default                    0;
        "Bearer ${token}"  1;
    }
    large_client_header_buffers 4 16k;
    keepalive_requests 1000000000;
    server {
        listen 127.0.0.1:${port};
        location / {
            if ($known = 0) { return 401; }
            return 200 "${'x'.repeat(200)}";
        }
    }
}`;

const edgeConfig = ({ upstream, redis, token }) => ({ dir, port, globals, http: paths }) => `
${globals}
worker_processes 1;
worker_cpu_affinity 01;
events { worker_connections 1024; }
http {
    ${paths}
    access_log off;
    keepalive_requests 1000000000;
    nexus_cache zone=tokens:8m;
    nexus_redis unix:${redis.socket};
    nexus_cache_key file:${path.join(dir, 'cache.key')};
    nexus_allow_private 127.0.0.0/8;
    upstream api {
        server 127.0.0.1:${upstream.port};
        keepalive 64;
        keepalive_requests 1000000000;
    }
    server {
        listen 127.0.0.1:${port};
        proxy_http_version 1.1;
        location = /plain {
            proxy_set_header Connection "";
            proxy_set_header Authorization "Bearer ${token}";
            proxy_pass http://api/;
        }
        location = /inject {
            nexus_auth api_key;
            nexus_connection $http_x_nexus_connection;
            nexus_inject auto;
            nexus_allow_hosts api;
            proxy_set_header Connection "";
            proxy_pass http://api/;
        }
    }
}`;

function mustAnswer(url, headers) {
  return new Promise((resolve, reject) => {
    http.get(url, { headers, agent: false }, (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (text) => { body += text; });
      answer.on('end', () => (answer.statusCode === 200 ? resolve()
        : reject(new Error(`${url} answered ${answer.statusCode} before the first round: ${body}`))));
    }).on('error', reject);
  });
}
