// Nobody reaches into another workspace: every route of the API documents, with every id of a foreign workspace, asked by
// every kind of caller that is not its own. Each answer must be a refusal without a word about what is there, and nothing
// may have changed afterwards. New routes join by standing in docs/openapi.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import http from 'node:http';
import test from 'node:test';
import { cleanup } from '../support/cleanup.mjs';
import { request } from '../support/http.mjs';
import { expectStatus, startLine } from '../support/line.mjs';
import { child, operations, validator } from '../support/openapi.mjs';
import { issuerHash } from '../support/records.mjs';

const PROBES = 1000;
const REFUSALS = [401, 403, 404];
const grants = ['token:use', 'token:read', 'connection:create', 'connection:refresh', 'admin'];
const boundScopes = [
  'providers:read', 'connections:read', 'connections:write', 'tokens:read', 'tokens:refresh', 'agents:read', 'agents:write',
  'keys:admin', 'audit:read',
];
const canary = (name) => `${name}-${randomBytes(6).toString('hex')}`;

for (const database of ['sqlite', 'postgres']) {
  test(`no route shows or changes another workspace (${database})`, { timeout: 200_000 }, async (t) => {
    const line = await startLine(t, { database, logLevel: 'info', idp: { accessTtl: 3600 } });   // an edge renews an expired token, whoever asks
    await line.createProvider();
    await line.createProvider(keyedProfile(line));
    const victim = await createTenant(line, canary('victim'));
    const other = await createTenant(line, canary('other'));
    const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
    cleanup(t, () => agent.destroy());

    const before = await snapshot(line, victim);
    for (const text of victim.canaries) {
      assert.ok(JSON.stringify(before).includes(text), `${text} shows nowhere: looking for it would prove nothing`);
    }
    const callers = await strangers(line, victim, other);
    let count = 0;
    const hits = [];
    for (const caller of callers) {
      for (const operation of caller.operations) {
        for (const probe of probesOf(operation, caller, victim, other)) {
          const answer = await request(caller.origin + probe.path, {
            method: operation.method, json: probe.body, headers: caller.headers, agent,
          });
          count += 1;
          const shown = JSON.stringify(answer.headers) + answer.text;
          const told = caller.secrets.filter((text) => shown.includes(text));
          const isRefusal = REFUSALS.includes(answer.status) || (!probe.isForeign && answer.status < 300);
          if (!isRefusal || told.length > 0) {
            hits.push(`${caller.name}: ${operation.method} ${probe.path} ${JSON.stringify(probe.body ?? '')} `
              + `answered ${answer.status} ${answer.text.slice(0, 200)} (shows ${told})`);
          }
        }
      }
    }
    t.diagnostic(`${count} probes, ${hits.length} hits`);
    console.log(`tenancy (${database}): ${count} probes, ${hits.length} hits`);
    assert.deepEqual(hits, []);
    assert.ok(count >= PROBES, `${count} probes only`);
    assert.deepEqual(await snapshot(line, victim), before, 'something was changed');

    // The same questions by the workspace's own key are answered: the refusals above are not those of a broken prober.
    for (const [kind, path] of ownPaths(victim)) {
      expectStatus(200, await request(line.site.front + path, { headers: { 'x-api-key': victim.controlKey } }));
      const foreign = await request(line.site.front + path, { headers: { 'x-api-key': other.controlKey } });
      assert.equal(foreign.status, 404, `${kind}: ${foreign.text}`);
    }
  });
}

const keyedProfile = (line) => ({
  name: 'keyed', auth_type: 'api_key', issuer: undefined, enable_discovery: undefined, auth_header: undefined,
  client_id: undefined, client_secret: undefined, scopes: undefined, api_base_url: line.api.url,
});

/** A workspace with something of everything. */
async function createTenant(line, workspace) {
  const name = canary('agent');
  const agent = await line.createAgent({ name, workspace, grants });
  const user = canary('user');
  const active = await line.connect(agent, { workspace: undefined, user_id: user });
  const keyed = await line.capture(agent, 'keyed', { api_key: canary('secret-of-a-person') }, { workspace: undefined, user_id: user });
  const pending = expectStatus(200, await line.requestConnection(agent, { workspace: undefined, user_id: user })).json.connection_id;
  const label = canary('label');
  expectStatus(200, await line.admin('PATCH', `/connections/${active}`, { labels: { team: label } }));
  const narrowed = await line.createAgent({ name: canary('narrow'), workspace, grants, connections: [keyed], providers: ['keyed'] });
  const keyName = canary('key');
  const key = expectStatus(201, await line.admin('POST', '/admin/keys', {
    name: keyName, scopes: boundScopes, workspace_id: workspace,
  })).json;
  const edge = expectStatus(201, await line.admin('POST', '/admin/keys', {
    name: canary('edge'), scopes: ['edge'], workspace_id: workspace,
  })).json;
  const issuerUrl = `https://${canary('idp')}.example`;
  const issuer = expectStatus(201, await line.admin('POST', '/admin/issuers', {
    issuer: issuerUrl, workspace_id: workspace, audiences: ['api://edge'], jwks: SOME_KEYS,
  })).json;
  const identity = expectStatus(201, await line.admin('POST', `/admin/agents/${agent.id}/identities`, {
    kind: 'jwt', issuer: issuerUrl, subject: canary('subject'),
  })).json;
  return {
    workspace, agent, narrowed, issuer: issuer.id, keyed, active, pending,
    controlKey: key.key.secret, edgeKey: edge.key.secret,
    connections: [active, keyed, pending],
    ids: [active, keyed, pending, agent.id, narrowed.id, agent.keyId, narrowed.keyId, key.id, edge.id, workspace, sha256(agent.key), issuer.id, identity.id,
      issuerHash(issuerUrl)],
    controlKeys: [key.id, edge.id],
    canaries: [workspace, name, user, label, keyName, active, keyed, pending, agent.id, narrowed.id, agent.keyId, key.id, edge.id, issuerUrl, issuer.id, identity.id, identity.subject],
  };
}

const sha256 = (text) => createHash('sha256').update(text).digest('hex');

// RFC 8037 appendix A.2
const SOME_KEYS = { keys: [{ kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo', kid: 'k1' }] };

function ownPaths({ connections, agent, controlKeys, workspace, issuer }) {
  return [
    ...connections.map((id) => ['connection', `/connections/${id}`]), ['agent', `/admin/agents/${agent.id}`],
    ...controlKeys.map((id) => ['key', `/admin/keys/${id}`]), ['workspace', `/admin/workspaces/${workspace}`], ['issuer', `/admin/issuers/${issuer}`],
  ];
}

/** All that an operator sees of the workspace. */
async function snapshot(line, tenant) {
  const seen = {};
  for (const path of [
    ...ownPaths(tenant).map(([, path]) => path), `/admin/agents/${tenant.narrowed.id}`,
    `/connections?workspace_id=${tenant.workspace}`, `/admin/agents?workspace_id=${tenant.workspace}`,
    `/admin/keys?workspace_id=${tenant.workspace}`, `/admin/issuers?workspace_id=${tenant.workspace}`,
  ]) {
    seen[path] = JSON.parse(expectStatus(200, await line.admin('GET', path)).text, (name, value) => (name === 'last_used_at' ? undefined : value));
  }
  return seen;
}

// ---- who asks

async function strangers(line, victim, other) {
  const reader = expectStatus(201, await line.admin('POST', '/admin/keys', { name: 'reader', scopes: ['providers:read'] })).json;
  const { front, gateway, sidecar } = line.site;
  const broker = [...operations('broker.yaml'), ...operations('gateway.yaml')].filter((one) => one.access && one.access !== 'public');
  const v1 = broker.filter((one) => one.path.startsWith('/v1/'));
  const sidecarCall = [{ method: 'GET', path: '/hello', parameters: [], isSidecar: true }];
  const all = victim.canaries;
  // For an agent of the same workspace, what is outside its lists is foreign.
  const outside = [victim.active, victim.pending];
  return [
    { name: 'agent at nexusd', origin: front, operations: broker, headers: { 'x-api-key': other.agent.key }, secrets: all },
    { name: 'agent at the edge', origin: gateway, operations: v1, headers: { 'x-api-key': other.agent.key }, secrets: all },
    { name: 'agent at the sidecar', origin: sidecar, operations: sidecarCall, headers: { 'x-nexus-key': other.agent.key }, secrets: all },
    { name: 'bound key', origin: front, operations: broker, headers: { 'x-api-key': other.controlKey }, secrets: all },
    { name: 'bound edge key', origin: front, operations: broker, headers: { 'x-api-key': other.edgeKey }, secrets: all },
    {
      name: 'bound edge key for a foreign agent', origin: front, operations: broker, secrets: all,
      headers: { 'x-api-key': other.edgeKey, 'x-nexus-agent': victim.agent.id },
    },
    {
      name: 'bound key for a foreign agent', origin: front, operations: v1, secrets: all,
      headers: { 'x-api-key': other.controlKey, 'x-nexus-agent': victim.agent.id },
    },
    { name: 'key without the scopes', origin: front, operations: broker, headers: { 'x-api-key': reader.key.secret }, secrets: all },
    {
      name: 'narrowed agent at nexusd', origin: front, operations: broker, headers: { 'x-api-key': victim.narrowed.key },
      secrets: outside, foreign: outside,
    },
    {
      name: 'narrowed agent at the edge', origin: gateway, operations: v1, headers: { 'x-api-key': victim.narrowed.key },
      secrets: outside, foreign: outside,
    },
  ].map((caller) => (caller.operations === sidecarCall ? { ...caller, isSidecar: true } : caller));
}

// ---- what they ask

/** {path, body?, isForeign}: isForeign says whether the request names something foreign. */
function* probesOf(operation, caller, victim, other) {
  const foreign = caller.foreign ?? victim.ids;
  if (operation.isSidecar) {
    for (const id of victim.connections) {
      caller.headers['x-nexus-connection'] = id;   // one request at a time
      yield { path: operation.path, isForeign: true };
    }
    return;
  }
  const bodies = bodiesOf(operation, caller, victim);
  const places = operation.parameters.filter(({ value }) => value.in === 'path');
  if (places.length > 0) {
    for (const values of choices(places, foreign, [other.agent.id, other.agent.keyId])) {
      const path = operation.path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(values[name]));
      for (const body of bodies) {
        yield { path, body: body.json, isForeign: true };
      }
    }
    return;
  }
  for (const body of bodies.filter(({ isForeign, isList }) => isForeign || isList)) {
    yield { path: operation.path, body: body.json, isForeign: body.isForeign };
  }
  if (operation.method === 'GET') {
    yield { path: operation.path, isForeign: false };
    for (const { value } of operation.parameters.filter(({ value: one }) => one.in === 'query' && /workspace|connection|agent/.test(one.name))) {
      const isWorkspace = value.name.startsWith('workspace');
      const named = caller.foreign && isWorkspace ? [] : isWorkspace ? [victim.workspace] : foreign.filter((id) => /-.*-.*-.*-/.test(id));
      for (const id of named) {
        // Filters by another id than the workspace's may answer with nothing.
        yield { path: `${operation.path}?${value.name}=${encodeURIComponent(id)}`, isForeign: isWorkspace };
      }
    }
  }
}

/** Every combination of ids that has a foreign one in it: ids whose form the parameter takes. */
function choices(places, foreign, own) {
  let all = [{ values: {}, isForeign: false }];
  for (const place of places) {
    const takes = validator(child(place, 'schema'));
    const candidates = [...foreign.map((id) => ({ id, isForeign: true })), ...own.map((id) => ({ id, isForeign: false }))]
      .filter(({ id }) => takes(id))
      .filter(({ isForeign }, _, list) => isForeign || list.every((one) => one.isForeign || places.length > 1));
    all = all.flatMap((chosen) => candidates.map(({ id, isForeign }) => ({
      values: { ...chosen.values, [place.value.name]: id }, isForeign: chosen.isForeign || isForeign,
    })));
  }
  return all.filter(({ isForeign }) => isForeign).map(({ values }) => values);
}

/** The documents' example bodies, with the foreign workspace wherever a body can name one. */
function bodiesOf(operation, caller, victim) {
  if (!operation.operation.requestBody) {
    return [{ json: undefined, isForeign: false }];
  }
  const media = child(operation.place, 'requestBody', 'content', 'application/json');
  const examples = [media.value.example, ...Object.keys(media.value.examples ?? {}).map((name) => child(media, 'examples', name).value.value)];
  const members = Object.keys(child(media, 'schema').value.properties ?? {});
  if (operation.path === '/connections/import' && !caller.foreign) {
    return imports(examples.filter((body) => body !== undefined), victim);
  }
  return examples.filter((body) => body !== undefined).map((body) => {
    const json = structuredClone(body);
    if (caller.foreign) {
      if ('provider_name' in json || 'provider_id' in json) {
        delete json.provider_id;
        return { json: { ...json, provider_name: 'demo' }, isForeign: true };
      }
      return { json, isForeign: false };
    }
    if (members.includes('workspace_id')) {
      json.workspace_id = victim.workspace;
    } else if (operation.path === '/admin/workspaces') {
      json.id = victim.workspace;
    }
    return { json, isForeign: members.includes('workspace_id') || operation.path === '/admin/workspaces' };
  });
}

/** Into the foreign workspace; and over a foreign connection, from one's own. Several at once answer one by one, with 200. */
function imports(examples, victim) {
  const item = { provider_name: 'keyed', credentials: { api_key: 'example-only' } };
  return [
    ...examples.map((body) => {
      const json = structuredClone(body);
      for (const one of json.connections ?? [json]) {
        Object.assign(one, item, { workspace_id: victim.workspace });
      }
      return { json, isForeign: !json.connections, isList: Boolean(json.connections) };
    }),
    ...victim.connections.map((id) => ({ json: { ...item, id, replace: true }, isForeign: true })),
    ...victim.connections.map((id) => ({ json: { connections: [{ ...item, id, replace: true }] }, isForeign: false, isList: true })),
  ];
}
