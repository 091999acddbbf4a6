// Who is turned away, and with what: no key, a wrong key, another workspace, an unknown connection, a missing grant, a
// connection that needs a person.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { before } from 'node:test';
import { wholeFile } from '../support/cleanup.mjs';
import { assertError } from '../support/errors.mjs';
import { expectStatus, startLine } from '../support/line.mjs';
import { newAgentKey } from '../support/records.mjs';
import { get, post } from '../support/http.mjs';
import { waitFor } from '../support/wait.mjs';

const file = wholeFile();
let line;
let agent;
let connection;

before(async () => {
  line = await startLine(file);
  await line.createProvider();
  agent = await line.createAgent();
  connection = await line.connect(agent);
});

const callers = () => [
  ['token', (key, id) => line.token({ key }, id)],
  ['refresh', (key, id) => line.refresh({ key }, id)],
  ['check', (key, id) => line.check({ key }, id)],
  ['sidecar', (key, id) => line.call({ key }, id)],
];

test('without a key: 401 with WWW-Authenticate', async () => {
  const answers = [
    await get(`${line.site.gateway}/v1/token/${connection}`),
    await post(`${line.site.gateway}/v1/refresh/${connection}`),
    await get(`${line.site.gateway}/v1/check-connection/${connection}`),
    await post(`${line.site.gateway}/v1/request-connection`, { json: {} }),
    await get(`${line.site.gateway}/v1/providers`),
    await get(`${line.site.sidecar}/x`, { headers: { 'x-nexus-connection': connection } }),
  ];
  for (const answer of answers) {
    assertError(answer, 401, 'missing_api_key');
    assert.ok(answer.headers['www-authenticate'], 'WWW-Authenticate is missing');
  }
});

test('unknown, malformed and revoked keys: 401', async () => {
  const revoked = await line.createAgent({ name: 'revoked' });
  assert.equal((await line.token(revoked, connection)).status, 200);
  const deleted = await line.admin('DELETE', `/admin/agents/${revoked.id}`);
  assert.ok(deleted.status === 200 || deleted.status === 204, deleted.text);
  for (const key of [newAgentKey(), 'nonsense', 'nxa_', 'x'.repeat(5000), revoked.key]) {
    for (const [name, call] of callers()) {
      const answer = await call(key, connection);
      assertError(answer, 401, undefined, `${name} with ${key.slice(0, 12)}`);
      assert.ok(answer.headers['www-authenticate']);
    }
  }
});

test('another workspace\'s agent: 404, as for a connection that does not exist', async () => {
  const stranger = await line.createAgent({ name: 'stranger', workspace: 'w2' });
  for (const [name, call] of callers()) {
    const foreign = await call(stranger.key, connection);
    const unknown = await call(agent.key, randomUUID());
    assertError(foreign, 404, 'connection_not_found', name);
    assertError(unknown, 404, 'connection_not_found', name);
    assert.equal(foreign.json.message, unknown.json.message, 'the two cannot be told apart');
  }
});

test('missing grants: 403', async () => {
  const user = await line.createAgent({ name: 'user', grants: ['token:use'] });
  assertError(await line.token(user, connection), 403, 'insufficient_grant');
  assertError(await line.refresh(user, connection), 403, 'insufficient_grant');
  assertError(await line.requestConnection(user), 403, 'insufficient_grant');
  assert.equal((await line.call(user, connection)).status, 200);

  const reader = await line.createAgent({ name: 'reader', grants: ['token:read'] });
  assert.equal((await line.token(reader, connection)).status, 200);
  assertError(await line.call(reader, connection), 403, 'insufficient_grant');
});

test('an agent narrowed to other connections or providers: 404', async () => {
  const elsewhere = await line.createAgent({ name: 'elsewhere', connections: [randomUUID()] });
  const otherProvider = await line.createAgent({ name: 'other-provider', providers: ['other'] });
  const here = await line.createAgent({ name: 'here', connections: [connection], providers: ['demo'] });
  assertError(await line.token(elsewhere, connection), 404, 'connection_not_found');
  assertError(await line.token(otherProvider, connection), 404, 'connection_not_found');
  assert.equal((await line.token(here, connection)).status, 200);
});

test('the edge routes of nexusd are for edges', async () => {
  const url = `${line.nexusd.url}/edge/tokens/${connection}`;
  assertError(await get(url), 401);
  assert.ok([401, 403].includes((await get(url, { headers: { 'x-api-key': agent.key } })).status));
  const asEdge = await get(url, { headers: { 'x-api-key': line.keys.EDGE_KEY } });
  assert.equal(asEdge.status, 200);
  assert.equal(asEdge.headers['content-type'], 'application/vnd.nexus.record');
  const admin = await get(`${line.nexusd.url}/providers`, { headers: { 'x-api-key': line.keys.EDGE_KEY } });
  assertError(admin, 403, undefined, 'the edge key is no administrator\'s key');
});

test('one id leads through the logs of the edge and of nexusd', async () => {
  const answer = await line.requestConnection(agent, { provider: 'no-such-provider' });
  assertError(answer, 404, 'provider_not_found');
  const id = answer.json.request_id;
  const atTheEdge = await waitFor('the access log', () => line.site.accessLog().split('\n').find((one) => one.includes(`caller=${agent.id}`) && one.includes(`id=${id}`)));
  assert.match(atTheEdge, /POST \/v1\/request-connection/);

  const ofAgent = () => line.site.accessLog().split('\n').filter((one) => one.includes(`caller=${agent.id}`));
  const before = ofAgent().length;
  expectStatus(200, await line.requestConnection(agent));
  await waitFor('its line', () => ofAgent().length > before);
  const created = /id=(\w+)$/.exec(ofAgent().at(-1))[1];
  assert.match(line.nexusd.log(), new RegExp(`"request_id":"${created}"`));
});

test('a caller cannot name itself as another agent', async () => {
  const other = await line.createAgent({ name: 'creator-less', grants: ['token:use'] });
  const answer = await line.gateway('POST', '/v1/request-connection', {
    key: other.key, headers: { 'x-nexus-agent': agent.id },
    json: { user_id: 'w1', provider_name: 'demo', scopes: [], return_url: `${line.app.url}/done` },
  });
  assertError(answer, 403, 'insufficient_grant');
});

test('a connection whose grant the person took back: 409 with the reason', async () => {
  const lost = await line.connect(agent);
  const still = await line.connect(agent);
  assert.equal((await line.token(agent, lost)).status, 200);
  await line.idp.revokeGrants();

  const refreshed = await line.refresh(agent, lost);
  assertError(refreshed, 409, 'attention_required');
  assert.ok(refreshed.json.reason);
  assertError(await line.token(agent, lost), 409, 'attention_required');
  assertError(await line.call(agent, lost), 409, 'attention_required');
  assert.equal((await line.check(agent, lost)).json.status, 'attention');
  assert.equal((await line.check(agent, still)).json.status, 'active', 'others are not touched before they are refreshed');
});
