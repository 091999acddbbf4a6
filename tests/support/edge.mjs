// An edge for tests of its lookups: nginx with the module, a Redis, and a scripted control plane that answers the
// edge's questions (docs/edge-protocol.md) with sealed records. What is in the records is the test's.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { randomUUID } from 'node:crypto';
import { cleanup } from './cleanup.mjs';
import { get, serve } from './http.mjs';
import { newKey } from './keys.mjs';
import { startNginx } from './nginx.mjs';
import { valgrind } from './paths.mjs';
import { findPort } from './ports.mjs';
import { sealToken } from './records.mjs';
import { startRedis } from './redis.mjs';
import { waitFor } from './wait.mjs';

const RECORD = 'application/vnd.nexus.record';
// A machine full of tests answers later than the 50 ms of production now and then, which is not what most tests are about.
export const patient = valgrind ? 'timeout=10s connect_timeout=10s' : 'timeout=1s connect_timeout=1s';

/**
 * A control plane in this process: {port, calls, answer}. `calls` are the requests it got: {method, url, headers, body}.
 * answer(request): {status, headers, body, delay (ms, or a promise), hang, cut}; replace it at will. By default it
 * knows the records given to `put`.
 */
export async function startControlPlane(t) {
  const records = new Map();
  const stub = {
    port: await findPort(),
    calls: [],
    put(id, sealed) {
      records.set(id, sealed);
    },
    forget(id) {
      records.delete(id);
    },
    known({ url }) {
      const sealed = records.get(/^\/edge\/(?:tokens|agents)\/([^/?]+)/.exec(url)?.[1]);
      return sealed === undefined
        ? { status: 404, body: { error: url.includes('/agents/') ? 'invalid_api_key' : 'connection_not_found' } }
        : { status: 200, body: sealed };
    },
  };
  stub.answer = stub.known;
  stub.start = async () => {
    stub.server = await serve(stub.port, async (request, response, body) => {
      const call = { method: request.method, url: request.url, headers: request.headers, body, response };
      stub.calls.push(call);
      const answer = await stub.answer(call);
      await answer.delay;
      send(response, answer);
    });
  };
  stub.stop = () => stub.server.close();
  await stub.start();
  cleanup(t, () => stub.stop());
  return stub;
}

function send(response, { status = 200, headers = {}, body = '', hang = false, cut = false }) {
  if (hang) {
    return;
  }
  const isRecord = Buffer.isBuffer(body);
  const bytes = isRecord ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  response.writeHead(status, {
    'content-type': isRecord ? RECORD : 'application/json',
    'content-length': bytes.length,
    ...headers,
  });
  if (cut) {
    response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy());
    return;
  }
  response.end(bytes);
}

/**
 * Starts it all. `cache`, `redis`, `controlPlane`: arguments added to the directives; `redisUrl`: another Redis than the
 * one started, '' for none; `redisServer`: what `write` and `event` go to then; `origin: false`: no control plane; `http`, `server`: more
 * configuration. `beside`: another edge, whose key, Redis and control plane this one shares.
 *
 * GET /token/ID answers the gateway's token body, POST /refresh/ID refreshes; X-Source, X-State and X-Ttl say what the edge knew.
 */
export async function startEdge(t, options = {}) {
  const {
    workers = 1, cache = '', redis: redisArgs = patient, controlPlane: controlPlaneArgs = '', redisUrl, origin = true,
    http = '', server = '', zone = '1m', logLevel = 'debug', main = '', beside,
  } = options;
  const key = beside?.key ?? newKey();
  const redis = beside?.redis ?? (redisUrl === undefined ? await startRedis(t, { tcp: options.tcp }) : options.redisServer);
  const controlPlane = beside?.controlPlane ?? (origin ? await startControlPlane(t) : undefined);
  const url = redisUrl ?? redis.url;

  const nginx = await startNginx(t, {
    logLevel,
    allow: options.allow,
    daemon: options.daemon,
    files: { 'cache.key': key, 'edge.key': 'edge-key-for-tests-and-for-nothing-else', ...options.files },
    config: ({ dir, port, globals, http: defaults }) => `
${globals}
worker_processes ${workers};
worker_rlimit_core 0;
${main}
events { worker_connections 512; }
http {
    ${defaults}
    nexus_cache zone=nexus:${zone} ${cache};
    ${url === '' ? '' : `nexus_redis ${url} ${redisArgs};`}
    nexus_cache_key file:${dir}/cache.key;
    nexus_control_plane_key file:${dir}/edge.key;
    ${http}
    server {
        listen 127.0.0.1:${port} reuseport;
        ${origin ? `nexus_control_plane /_nexus ${controlPlaneArgs};` : ''}
        nexus_auth off;
        add_header X-Source $nexus_token_source always;
        add_header X-State $nexus_state always;
        add_header X-Pid $pid always;
        location /_nexus/ {
            internal;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            ${origin ? `proxy_pass http://127.0.0.1:${controlPlane.port}/;` : 'return 404;'}
        }
        location ~ "^/token/(?<nexus_id>[^/]+)$" { nexus_api token; nexus_connection $nexus_id; }
        location ~ "^/refresh/(?<nexus_id>[^/]+)$" { nexus_api refresh; nexus_connection $nexus_id; }
        location = /metrics { nexus_metrics; }
        location = /up { return 204; }
        ${server}
    }
}`,
  });

  const edge = {
    nginx, redis, controlPlane, key,
    url: nginx.url,
    /** Seals a token record: {id, sealed, token, redisKey, px}; not stored anywhere yet. `key`: by another key. */
    async record(fields = {}) {
      const id = fields.connection_id ?? randomUUID();
      const token = fields.token ?? `at-${randomUUID()}`;
      const { token: _, key: otherKey, ...rest } = fields;
      const [redisKey, sealed, { px }] = await sealToken(otherKey ?? key, {
        connection_id: id, credentials: { access_token: token, token_type: 'Bearer' }, ...rest,
      });
      return { id, sealed, token, redisKey, px };
    },
    /** Seals a record and writes it to Redis as nexusd would, event included unless `silent`. */
    async write(fields = {}, { silent = false } = {}) {
      const record = await edge.record(fields);
      await redis.set(record.redisKey, record.sealed, { px: record.px });
      if (!silent) {
        await edge.event(record.id, fields.generation ?? 1);
      }
      return record;
    },
    event(id, generation, kind = 'token') {
      return redis.publish('nexus:events', { kind, id, generation });
    },
    token(id, requestOptions) {
      return get(`${nginx.url}/token/${id}`, requestOptions);
    },
    /** Waits for the subscription (of as many edges as share the Redis): from here on, entries count as verified. */
    subscribed(edges = 1) {
      return redis.subscribers('nexus:events', edges);
    },
    /** A counter's value from /metrics; 0 if it is not there. */
    async metric(name) {
      const { text } = await get(`${nginx.url}/metrics`);
      const line = text.split('\n').find((l) => l.startsWith(`${name} `));
      return line === undefined ? 0 : Number(line.split(' ').pop());
    },
  };
  return edge;
}

export const accessTokenOf = (answer) => answer.json?.credentials?.access_token;
export const sourceOf = (answer) => answer.headers['x-source'];

/** Holds the control plane's answers until `release` is called. */
export function hold(edge, sealed) {
  let release;
  const held = new Promise((resolve) => { release = resolve; });
  edge.controlPlane.answer = () => ({ status: 200, body: sealed, delay: held });
  return release;
}

/** Connections that have each been answered once, by `count` different workers: [{pid, agent}]. */
export async function connectionsTo(edge, count) {
  const found = new Map();
  await waitFor(`connections to ${count} workers`, async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const { headers } = await get(`${edge.url}/up`, { agent });
    const pid = Number(headers['x-pid']);
    if (found.has(pid)) {
      agent.destroy();
    } else {
      found.set(pid, agent);
    }
    return found.size === count;
  });
  return [...found].map(([pid, agent]) => ({ pid, agent }));
}

/** Reloads without waiting for those that still have requests: returns when only new workers take connections. */
export async function handOver(edge) {
  const before = edge.nginx.workers();
  edge.nginx.program.signal('SIGHUP');
  await waitFor('the old workers to stop listening', () => before.every(isShuttingDown));
  await waitFor('the new workers', async () => {
    const answers = await Promise.all([1, 2, 3, 4].map(() => get(`${edge.url}/up`, { agent: false })));
    return answers.every((answer) => answer.status === 204 && !before.includes(Number(answer.headers['x-pid'])));
  });
}

/** Has it been told to quit? A worker says so in its title, and closes its listening sockets at once. */
function isShuttingDown(pid) {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('is shutting down');
  } catch {
    return true;   // gone
  }
}

/** Are so many lookups of this connection waiting, or have been? The debug log says so. */
export function haveWaited(edge, id, count) {
  return edge.nginx.errorLog().split(`lookup of "${id}" waits`).length - 1 >= count;
}

/** Open file descriptors of a process that are sockets. */
export function socketsOf(pid) {
  const dir = `/proc/${pid}/fd`;
  return fs.readdirSync(dir).filter((fd) => {
    try {
      return fs.readlinkSync(path.join(dir, fd)).startsWith('socket:');
    } catch {
      return false;
    }
  }).length;
}
