// One edge for a test of what requests see: nginx with the module, Redis with sealed records in it, a scripted control
// plane, and an upstream that shows what reached it.
import { randomUUID } from 'node:crypto';
import { cleanup } from '../support/cleanup.mjs';
import { patient } from '../support/edge.mjs';
import { request, serve } from '../support/http.mjs';
import { newKeys } from '../support/keys.mjs';
import { startNginx } from '../support/nginx.mjs';
import { findPort } from '../support/ports.mjs';
import { callerKey, keyHash, newAgentKey, sealCaller, sealToken } from '../support/records.mjs';
import { startRedis } from '../support/redis.mjs';

/**
 * Starts it.
 *
 * locations  text, or function of {upstream, dir, port} returning the locations of the tested server
 * http       the same, for the http block; server: the same, for the server block
 * main       text for the main context
 * workers    1 unless said; cache: more arguments of nexus_cache; controlPlane: handler(request, response, body), default: 404 to everything
 * edge       see the members returned: url, port, nginx, redis, upstream.requests, addAgent(), addConnection(), get()
 */
export async function startEdge(t, { locations = '', http = '', server = '', main = '', workers = 1, cache = '', controlPlane, upstream, listen = '', logLevel, allow, files = {}, env }) {
  const keys = newKeys();
  const redis = await startRedis(t);
  const seen = await startUpstream(t, upstream);
  const origin = await startControlPlane(t, controlPlane);
  const text = (part, values) => (typeof part === 'function' ? part(values) : part);

  const nginx = await startNginx(t, {
    ports: 2,
    logLevel,
    allow,
    env,
    files: { 'cache.key': keys.CACHE_KEY, 'edge.key': keys.EDGE_KEY, ...files },
    config: ({ dir, ports, globals, http: common }) => {
      const values = { upstream: `127.0.0.1:${seen.port}`, dir, port: ports[0], second: ports[1] };
      return `
${globals}
worker_processes ${workers};
${main}
events { worker_connections 512; }
http {
    ${common}
    nexus_cache zone=nexus:4m ${cache};
    nexus_redis unix:${redis.socket} ${patient};
    nexus_cache_key file:${dir}/cache.key;
    nexus_control_plane_key file:${dir}/edge.key;
    ${text(http, values)}
    server {
        listen 127.0.0.1:${ports[0]} ${listen};
        listen 127.0.0.1:${ports[1]} http2;
        nexus_control_plane /_nexus;
        ${text(server, values)}
        location /_nexus/ { internal; proxy_pass ${origin.url}/; }
        ${text(locations, values)}
    }
}`;
    },
  });

  const edge = {
    nginx, redis, keys, upstream: seen, origin,
    port: nginx.ports[0],
    h2: `http://127.0.0.1:${nginx.ports[1]}`,
    url: nginx.url,

    /** A caller known to Redis: returns its API key. */
    async addAgent(fields = {}) {
      const key = newAgentKey();
      await redis.set(callerKey(key), await sealCaller(keys.CACHE_KEY, key, fields));
      return key;
    },

    /** A connection known to Redis: returns its id. */
    async addConnection(fields = {}) {
      const id = fields.connection_id ?? randomUUID();
      const [key, sealed, options] = await sealToken(keys.CACHE_KEY, {
        connection_id: id, credentials: { access_token: `at-${id}` }, ...fields,
      });
      await redis.set(key, sealed, options);
      return id;
    },

    /** What nexusd does at a revoke, a reconnect that is needed, or a refresh. */
    async rewriteConnection(id, fields) {
      const [name, sealed, options] = await sealToken(keys.CACHE_KEY, {
        connection_id: id, credentials: { access_token: `at-${id}` }, generation: 2, ...fields,
      });
      await redis.set(name, sealed, options);
      await redis.publish('nexus:events', { kind: 'token', id, generation: 2 });
    },

    async revokeAgent(key) {
      await redis.set(callerKey(key), await sealCaller(keys.CACHE_KEY, key, { state: 'revoked', generation: 2 }));
      await redis.publish('nexus:events', { kind: 'agent', id: keyHash(key), generation: 2 });
    },

    get: (path, options) => request(`${nginx.url}${path}`, options),
  };
  return edge;
}

/** An agent and a connection that it may use, made of these fields. headers: what a request of it carries */
export async function caller(edge, connection = {}, agent = {}) {
  const key = await edge.addAgent(agent);
  const id = await edge.addConnection(connection);
  return { id, key, headers: { 'x-nexus-key': key, 'x-nexus-connection': id } };
}

/** An upstream that remembers each request: method, url, headers (raw pairs too), body. It answers 200 with its words. */
async function startUpstream(t, handler) {
  const seen = { requests: [] };
  const server = await serve(await findPort(), (incoming, response, body) => {
    seen.requests.push({ method: incoming.method, url: incoming.url, headers: incoming.headers, raw: incoming.rawHeaders, body });
    if (handler) {
      return handler(incoming, response, body, seen.requests.length);
    }
    response.setHeader('content-type', 'text/plain');
    response.end('from upstream');
  });
  cleanup(t, () => server.close());
  return Object.assign(seen, {
    port: server.port,
    url: server.url,
    server: server.server,
    last: () => seen.requests.at(-1),
    header: (name) => seen.requests.at(-1)?.headers[name],
  });
}

async function startControlPlane(t, handler) {
  const seen = { requests: [], handler };
  const server = await serve(await findPort(), (incoming, response, body) => {
    seen.requests.push({ method: incoming.method, url: incoming.url, headers: incoming.headers, body });
    if (seen.handler) {
      return seen.handler(incoming, response, body);
    }
    const [, , kind] = incoming.url.split('/');
    const code = { agents: 'invalid_api_key', issuers: 'issuer_not_found' }[kind] ?? 'connection_not_found';
    response.writeHead(404, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ error: code, code, message: 'scripted' }));
  });
  cleanup(t, () => server.close());
  return Object.assign(seen, { port: server.port, url: server.url });
}

/** The members that every error body of the API has, checked; returns the body. */
export function errorBody(assert, answer, status, code) {
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.headers['content-type'], /^application\/json/);
  assert.equal(answer.json.error, code);
  assert.equal(answer.json.code, code);
  assert.equal(typeof answer.json.message, 'string');
  assert.match(answer.json.request_id, /^[0-9a-f]{32}$/);
  assert.equal(answer.headers['cache-control'], 'no-store');
  return answer.json;
}

/**
 * A control plane that refreshes tokens and knows nothing else (404). renew(id, generation): the sealed record that comes next,
 * or undefined for 503.
 */
export const onlyRefreshes = (renew) => async (incoming, response) => {
  const [, id, generation] = /^\/edge\/tokens\/([^/]+)\/refresh\?generation=(\d+)/.exec(incoming.url) ?? [];
  if (id === undefined) {
    response.writeHead(404, { 'content-type': 'application/json' });
    response.end('{"error":"connection_not_found"}');
    return;
  }
  const sealed = await renew(id, Number(generation));
  if (sealed === undefined) {
    response.writeHead(503, { 'content-type': 'application/json', 'retry-after': '7' });
    response.end('{"error":"token_unavailable"}');
    return;
  }
  response.writeHead(200, { 'content-type': 'application/vnd.nexus.record', 'content-length': sealed.length });
  response.end(sealed);
};
