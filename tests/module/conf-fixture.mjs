// The servers of conf/, as a starter includes them, in front of a scripted nexusd and a scripted provider.
import { randomUUID } from 'node:crypto';
import { cleanup } from '../support/cleanup.mjs';
import { request, serve } from '../support/http.mjs';
import { newKeys } from '../support/keys.mjs';
import { findPorts } from '../support/ports.mjs';
import { callerKey, newAgentKey, sealCaller, sealToken } from '../support/records.mjs';
import { startRedis } from '../support/redis.mjs';
import { startSite } from '../support/site.mjs';
import { waitFor } from '../support/wait.mjs';

/** more: text behind snippets of nexus.d/, by name (site.mjs) */
export async function startAll(t, nexusdHandler, env = {}, more = {}) {
  const keys = newKeys();
  const redis = await startRedis(t);
  const [gateway, sidecar, front, nexusdPort, providerPort, grpc] = await findPorts(6);
  const nexusd = { requests: [] };
  const provider = { requests: [] };
  const server = await serve(nexusdPort, (incoming, response, body) => {
    nexusd.requests.push({ method: incoming.method, url: incoming.url, headers: incoming.headers, body });
    nexusdHandler(incoming, response, body);
  });
  const api = await serve(providerPort, (incoming, response, body) => {
    provider.requests.push({ url: incoming.url, headers: incoming.headers, body });
    if (provider.handler) {
      return provider.handler(incoming, response, body);
    }
    response.writeHead(200, provider.headers);
    response.end('provider');
  });
  provider.server = api.server;
  cleanup(t, () => Promise.all([server.close(), api.close()]));
  const site = await startSite(t, { redis: redis.url, keys, nexusdPort, ports: { gateway, sidecar, front, grpc }, env, more, scripted: true });

  const key = newAgentKey();
  const id = randomUUID();
  await redis.set(callerKey(key), await sealCaller(keys.CACHE_KEY, key, { agent_id: 'agent-1', grants: ['token:use', 'token:read', 'connection:refresh'], aliases: { 'my-api': id } }));
  const [name, sealed, options] = await sealToken(keys.CACHE_KEY, {
    connection_id: id, credentials: { access_token: 'canary-token-1' }, allowed_hosts: [], api_base_url: `${api.url}/base/`,
  });
  await redis.set(name, sealed, options);
  await waitFor('every worker\'s connection to Redis, and the subscriber\'s', async () => {
    const [, connects] = /^nexus_redis_connects_total (\d+)/m.exec((await request(`${site.gateway}/metrics`)).text);
    return Number(connects) >= site.workers().length + 1;
  });
  return { keys, redis, site, nexusd, provider, key, id, server, grpcUrl: `http://127.0.0.1:${grpc}` };
}

export const notFound = (incoming, response) => {
  response.writeHead(404, { 'content-type': 'application/json' });
  response.end('{"error":"connection_not_found"}');
};
