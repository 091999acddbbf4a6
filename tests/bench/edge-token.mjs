// What a token costs at the edge: /v1/token/{id} out of shared memory, beside `return 200` with the same bytes in a location
// that is matched and asked in the same way. With --peers also beside what is usual today: `auth_request` to a server on
// this host in front of the same bytes, and a Lua handler that reads them from Redis (which authenticates nobody). The figure
// is the worker's CPU time per request.
import fs from 'node:fs';
import path from 'node:path';
import { startNginx } from '../support/nginx.mjs';
import { compareSides, mustAnswer, newToken, startMeasuredEdge, startRecords } from './hot-edge.mjs';
import { median, report } from './measure.mjs';

const MODULES = '/usr/lib/nginx/modules';
const PEERS_NEED = {
  'libnginx-mod-http-lua': `${MODULES}/ngx_http_lua_module.so`,
  'libnginx-mod-http-ndk': `${MODULES}/ndk_http_module.so`,
  'lua-nginx-redis': '/usr/share/lua/5.1/nginx/redis.lua',
};

/**
 * The edge that answers. peers: also in the ways that are usual today; under: as startMeasuredEdge takes it.
 * returns {edge, sides: {token, same, ...}}, each {url, headers}
 */
export async function start(t, { peers = false, under } = {}) {
  const records = await startRecords(t, { token: newToken(), grants: ['token:read'] });
  const { connection, headers } = records;
  const body = await bodyOf(t, records);
  await records.redis.set(`plain:${connection}`, body);
  const authority = peers ? await startNginx(t, { logLevel: 'error', config: authorityConfig }) : undefined;

  const edge = await startMeasuredEdge(t, records, {
    globals: peers ? `load_module ${MODULES}/ndk_http_module.so;\nload_module ${MODULES}/ngx_http_lua_module.so;` : '',
    http: peers ? peerBlocks(authority) : '',
    server: ({ dir }) => `
        default_type application/json;
        ${tokenLocation}
        ${sameBytesLocation(body)}
        ${peers ? peerLocations(dir, records) : ''}`,
    files: { 'same-bytes': body }, under,
  });
  const sides = Object.fromEntries(['token', 'same', ...(peers ? ['auth-request', 'lua'] : [])]
    .map((name) => [name, { url: `${edge.url}/v1/${name}/${connection}`, headers }]));
  for (const { url } of Object.values(sides)) {
    const answer = await mustAnswer(url, headers);
    if (answer.text !== body || answer.headers['content-type'] !== 'application/json' || answer.headers['cache-control'] !== 'no-store') {
      throw new Error(`${url} does not answer with the same bytes`);
    }
  }
  return { edge, sides };
}

export async function run({ t, json, peers = false, rounds = 10, seconds = 2, log }) {
  if (peers) {
    checkPeers();
  }
  const compare = async (name, figure, baseline) => {
    const pairs = await compareSides({ start: () => start(t, { peers }), first: name, second: 'token', rounds, seconds, log });
    report({
      json, name: `edge-token.${figure}`, unit: 'ratio',
      value: median(pairs.map(({ first, second }) => second.cpuUs / first.cpuUs)),
      baseline: `${baseline}, cpu_us`, baseline_value: median(pairs.map(({ first }) => first.cpuUs)), rounds,
    });
  };
  await compare('same', 'cpu_ratio', 'return 200 with the same bytes');
  if (peers) {
    await compare('auth-request', 'vs_auth_request', 'auth_request to a server on this host');
    await compare('lua', 'vs_lua', 'Lua that reads Redis');
  }
}

function checkPeers() {
  const missing = Object.entries(PEERS_NEED).filter(([, file]) => !fs.existsSync(file)).map(([name]) => name);
  if (missing.length > 0) {
    throw new Error(`--peers needs ${missing.join(', ')}: run scripts/install-deps --peers`);
  }
}

/** The bytes of the answer, from an edge of its own: what `return` says has to be known when nginx starts. */
async function bodyOf(t, records) {
  const edge = await startMeasuredEdge(t, records, { server: tokenLocation });
  const { text } = await mustAnswer(`${edge.url}/v1/token/${records.connection}`, records.headers);
  await edge.stop();
  return text;
}

// As in conf/gateway.conf.
const tokenLocation = `
        location ~ "^/v1/token/(?<nexus_id>[^/]+)$" {
            nexus_api token;
            nexus_connection $nexus_id;
        }`;

const sameBytesLocation = (body) => `
        location ~ "^/v1/same/(?<same_id>[^/]+)$" {
            add_header Cache-Control no-store;
            return 200 '${body}';
        }`;

const authorityConfig = ({ port, globals, http: paths }) => `
${globals}
worker_processes 1;
worker_cpu_affinity 10;
events { worker_connections 1024; }
http {
    ${paths}
    access_log off;
    keepalive_requests 1000000000;
    server {
        listen 127.0.0.1:${port};
        return 204;
    }
}`;

const peerBlocks = (authority) => `
    lua_package_path "/usr/share/lua/5.1/?.lua;;";
    upstream authority {
        server 127.0.0.1:${authority.port};
        keepalive 64;
        keepalive_requests 1000000000;
    }`;

const peerLocations = (dir, { redis }) => `
        location = /check {
            internal;
            proxy_pass http://authority/;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
        }
        location ~ "^/v1/auth-request/(?<asked_id>[^/]+)$" {
            auth_request /check;
            add_header Cache-Control no-store;
            open_file_cache max=10;
            alias ${path.join(dir, 'same-bytes')};
        }
        location ~ "^/v1/lua/(?<lua_id>[^/]+)$" {
            content_by_lua_block {
                local redis = require("nginx.redis"):new()
                redis:set_timeout(1000)
                local ok, why = redis:connect("unix:${redis.socket}")
                if not ok then
                    ngx.log(ngx.ERR, why)
                    return ngx.exit(503)
                end
                local body = redis:get("plain:" .. ngx.var.lua_id)
                redis:set_keepalive(60000, 64)
                if body == ngx.null then
                    return ngx.exit(404)
                end
                ngx.header["Cache-Control"] = "no-store"
                ngx.header["Content-Length"] = #body
                ngx.print(body)
            }
        }`;
