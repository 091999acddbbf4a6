// The whole line for one test file: provider, protected API, Redis, database, nexusd, and nginx in front. It speaks the
// documented HTTP APIs in the roles of an administrator, a person with a browser, and an agent; it judges nothing.
import { DatabaseSync } from 'node:sqlite';
import { Browser } from './browser.mjs';
import { get, post, request, serve } from './http.mjs';
import { cleanup } from './cleanup.mjs';
import { newKeys } from './keys.mjs';
import { startIdp } from './idp.mjs';
import { DEFAULT_DATABASE, startNexusd } from './nexusd.mjs';
import { startPostgres } from './postgres.mjs';
import { startProtectedApi } from './protected-api.mjs';
import { findPort, findPorts } from './ports.mjs';
import { startRedis } from './redis.mjs';
import { startSite } from './site.mjs';

/**
 * Starts everything.
 *
 * database  sqlite or postgres (default: NEXUS_TEST_DATABASE, or sqlite); durable: the latter as in production, over its socket
 * publicUrl what BASE_URL says, where the test puts something in front (an ingress) itself
 * redis     {system: a Redis of another kind, with a url; url: for nexusd, where it is another; edge: more arguments of nexus_redis}
 * idp       options of startIdp; cache: arguments of nexus_cache; nexusd: {env}; workers of nginx
 */
export async function startLine(t, { database = DEFAULT_DATABASE, publicUrl, redis: redisOptions = {}, idp: idpOptions = {}, cache, nexusd: { env } = {}, workers, logLevel, allow, durable } = {}) {
  const keys = newKeys();
  const [gateway, sidecar, front, nexusdPort] = await findPorts(4);
  const baseUrl = publicUrl ?? `http://127.0.0.1:${front}`;
  const redis = redisOptions.system ?? await startRedis(t);
  const postgres = database === 'postgres' ? await startPostgres(t, { durable }) : undefined;
  const idp = await startIdp(t, {
    redirectUris: ['', ...(idpOptions.ownRedirects ?? []).map((id) => `/${id}`)].map((tail) => `${baseUrl}/auth/callback${tail}`), ...idpOptions,
  });
  const api = await startProtectedApi(t, { idp });
  const app = await startApp(t);
  const nexusd = await startNexusd(t, {
    port: nexusdPort, baseUrl, databaseUrl: durable ? postgres?.socketUrl : postgres?.url, redisUrl: redisOptions.url ?? redis.url, keys, env,
  });
  const site = await startSite(t, {
    redis: `${redis.url} ${redisOptions.edge ?? ''}`, keys, nexusdPort, ports: { gateway, sidecar, front }, cache, workers, logLevel, allow,
  });
  return new Line({ keys, redis, postgres, idp, api, app, nexusd, site });
}

// Where people come back to after consent: the program that asked for the connection.
async function startApp(t) {
  const app = await serve(await findPort(), (request, response) => response.end('welcome back'));
  cleanup(t, () => app.close());
  return app;
}

class Line {
  constructor(parts) {
    Object.assign(this, parts);
    this.browser = new Browser();
  }

  // ---- administrator

  admin(method, path, json, options = {}) {
    return request(this.site.front + path, { ...options, method, json, headers: { 'x-api-key': this.keys.API_KEY, ...options.headers } });
  }

  /** Registers the provider (by discovery); `profile` is laid over it. Returns its id. */
  async createProvider(profile = {}) {
    return expectStatus(201, await this.admin('POST', '/providers', {
      profile: {
        name: 'demo',
        auth_type: 'oauth2',
        issuer: this.idp.issuer,
        enable_discovery: true,
        auth_header: 'client_secret_basic',
        client_id: this.idp.clientId,
        client_secret: this.idp.clientSecret,
        scopes: ['openid', 'offline_access', 'api:read'],
        api_base_url: this.api.url,
        ...profile,
      },
    })).json.id;
  }

  /** Creates an agent: {id, key}. */
  async createAgent({ name = 'agent', workspace = 'w1', grants = ['token:use', 'token:read', 'connection:create', 'connection:refresh'], ...more } = {}) {
    const { json } = expectStatus(201, await this.admin('POST', '/admin/agents', { name, workspace_id: workspace, grants, ...more }));
    return { id: json.id, keyId: json.key.id, key: json.key.secret };
  }

  // ---- agent

  gateway(method, path, { key, json, headers, ...options } = {}) {
    return request(this.site.gateway + path, {
      method, json, headers: { ...(key === undefined ? {} : { 'x-api-key': key }), ...headers }, ...options,
    });
  }

  token(agent, connection) {
    return this.gateway('GET', `/v1/token/${connection}`, { key: agent.key });
  }

  refresh(agent, connection) {
    return this.gateway('POST', `/v1/refresh/${connection}`, { key: agent.key });
  }

  check(agent, connection) {
    return this.gateway('GET', `/v1/check-connection/${connection}`, { key: agent.key });
  }

  /** An API call through the sidecar: no credential, only the connection's id and the agent's own key. */
  call(agent, connection, path = '/hello', options = {}) {
    return request(this.site.sidecar + path, {
      ...options, headers: { 'x-nexus-key': agent.key, 'x-nexus-connection': connection, ...options.headers },
    });
  }

  /** Asks for a connection: the answer of /v1/request-connection. */
  requestConnection(agent, { workspace = 'w1', provider = 'demo', scopes = ['openid', 'offline_access', 'api:read'], ...more } = {}) {
    return this.gateway('POST', '/v1/request-connection', {
      key: agent.key, json: { user_id: workspace, provider_name: provider, scopes, return_url: `${this.app.url}/done`, ...more },
    });
  }

  // ---- person

  /** The whole consent: returns the connection's id. */
  async connect(agent, options = {}) {
    const { json } = expectStatus(200, await this.requestConnection(agent, options));
    const end = await this.consent(json.authUrl);
    const back = new URL(end);
    if (back.searchParams.get('status') !== 'success') {
      throw new Error(`consent came back to ${end}`);
    }
    return json.connection_id;
  }

  /** Walks login and consent; returns the address that the person ends on. */
  consent(authUrl, { login } = {}) {
    return new Browser().consent(authUrl, { login, until: (url) => url.startsWith(this.app.url) });
  }

  /** Connects a static credential: what a form at the capture schema's address would post. Returns the connection's id. */
  async capture(agent, provider, credentials, options = {}) {
    const { json } = expectStatus(200, await this.requestConnection(agent, { provider, scopes: [], ...options }));
    expectStatus(200, await post(`${this.site.front}/auth/capture-credential`, { json: { state: json.state, credentials } }));
    return json.connection_id;
  }

  /** The one number that a SELECT gives. */
  async count(sql) {
    if (this.postgres) {
      return Number(await this.postgres.sql(sql));
    }
    const database = new DatabaseSync(this.nexusd.databaseFile, { readOnly: true });
    try {
      return Number(Object.values(database.prepare(sql).get())[0]);
    } finally {
      database.close();
    }
  }

  /** Everything the database holds, as text. */
  async databaseDump() {
    return this.postgres ? this.postgres.dump() : '';
  }
}

/** Passes the answer on if it has the status, and otherwise shows it. */
export function expectStatus(status, answer) {
  if (answer.status !== status) {
    throw new Error(`expected ${status}, got ${answer.status}: ${answer.text.slice(0, 500)}`);
  }
  return answer;
}

export { get, post, request };
