// Keys of every kind from their making to their end, workspaces suspended and resumed, allowlists by group of routes, and
// whose word about the client's address is believed.
import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import http from 'node:http';
import test from 'node:test';
import { cleanup } from '../support/cleanup.mjs';
import { assertError } from '../support/errors.mjs';
import { get, post, request } from '../support/http.mjs';
import { expectStatus, startLine } from '../support/line.mjs';
import { newKeys } from '../support/keys.mjs';
import { startNexusd } from '../support/nexusd.mjs';
import { built } from '../support/paths.mjs';
import { runProgram } from '../support/process.mjs';
import { startRedis } from '../support/redis.mjs';
import { waitFor } from '../support/wait.mjs';

for (const database of ['sqlite', 'postgres']) {
  test(`keys are rotated, used, suspended and revoked (${database})`, async (t) => {
    const line = await startLine(t, { database, logLevel: 'info' });
    await line.createProvider();
    const agent = await line.createAgent({ workspace: 'acme' });
    const connection = await line.connect(agent, { workspace: undefined, user_id: 'alice' });

    // A control-plane key: what it may, and no more.
    const made = expectStatus(201, await line.admin('POST', '/admin/keys', {
      name: 'ci', scopes: ['connections:read', 'agents:write', 'keys:admin'], workspace_id: 'acme', expires_in_s: 3600,
    })).json;
    assert.match(made.key.secret, /^nxk_[a-z0-9]{16}_[\w-]{43}$/);
    const by = (key, method, path, json) => request(line.site.front + path, { method, json, headers: { 'x-api-key': key } });
    assert.equal((await by(made.key.secret, 'GET', `/connections/${connection}`)).json.workspace_id, 'acme');
    assert.equal((await by(made.key.secret, 'GET', '/connections')).json.items.length, 1);
    assertError(await by(made.key.secret, 'GET', `/connections/${connection}/token`), 403, 'insufficient_grant');
    assertError(await by(made.key.secret, 'GET', '/providers'), 403, 'insufficient_grant');
    assertError(await by(made.key.secret, 'POST', '/admin/keys', { name: 'more', scopes: ['tokens:read'] }), 403, 'insufficient_grant');
    assertError(await by(made.key.secret, 'POST', '/admin/agents', { name: 'more', grants: ['token:read'] }), 403, 'insufficient_grant');
    assertError(await line.admin('POST', '/admin/keys', { name: 'all?', scopes: ['edge'], workspace_id: '' }), 400, 'invalid_request');
    assertError(await by(made.key.secret, 'PATCH', '/admin/workspaces/acme', { suspended: true }), 403, 'insufficient_grant');
    assert.equal((await by(made.key.secret, 'POST', '/admin/agents', { name: 'user', grants: ['token:use'] })).json.workspace_id, 'acme');
    assert.equal((await line.admin('GET', `/admin/keys/${made.id}`)).json.key, undefined, 'the text is never shown again');

    // Rotation: both work during the overlap, none of the old one's without.
    const rotated = expectStatus(201, await line.admin('POST', `/admin/keys/${made.id}/rotate`, { overlap_s: 600 })).json;
    assert.equal(rotated.old_key.id, made.id);
    for (const key of [made.key.secret, rotated.key.secret]) {
      assert.equal((await by(key, 'GET', '/connections')).status, 200);
    }
    const third = expectStatus(201, await line.admin('POST', `/admin/keys/${rotated.id}/rotate`, { overlap_s: 0 })).json;
    assertError(await by(rotated.key.secret, 'GET', '/connections'), 401, 'invalid_api_key');
    expectStatus(200, await line.admin('DELETE', `/admin/keys/${third.id}`));
    assertError(await by(third.key.secret, 'GET', '/connections'), 401, 'invalid_api_key');

    // The same for an agent's key, and the edges follow.
    assert.equal((await line.token(agent, connection)).status, 200);
    const second = expectStatus(201, await line.admin('POST', `/admin/agents/${agent.id}/keys/${agent.keyId}/rotate`, { overlap_s: 0 })).json;
    await waitFor('the edge to refuse the old key', async () => (await line.token(agent, connection)).status === 401);
    const renewed = { ...agent, key: second.key.secret, keyId: second.key.id };
    assert.equal((await line.token(renewed, connection)).status, 200);
    expectStatus(200, await line.admin('PATCH', `/admin/agents/${agent.id}`, { grants: ['token:use'] }));
    await waitFor('the edge to follow the grants', async () => (await line.token(renewed, connection)).status === 403);
    expectStatus(200, await line.admin('PATCH', `/admin/agents/${agent.id}`, { grants: ['token:use', 'token:read', 'connection:create'] }));
    await waitFor('the grants to be back', async () => (await line.token(renewed, connection)).status === 200);

    // Suspended: nobody of the workspace gets in, here and at the edge, and nothing new is made.
    expectStatus(200, await line.admin('PATCH', '/admin/workspaces/acme', { suspended: true }));
    assertError(await by(made.key.secret, 'GET', '/connections'), 401, 'invalid_api_key');
    assertError(await by(renewed.key, 'GET', `/v1/token/${connection}`), 401, 'invalid_api_key');
    await waitFor('the edge to refuse the workspace', async () => (await line.token(renewed, connection)).status === 401);
    assertError(await line.admin('POST', '/admin/agents', { name: 'new', workspace_id: 'acme', grants: ['token:use'] }), 403, 'access_denied');
    assert.equal((await line.admin('GET', `/connections/${connection}/token`)).status, 200, 'the operator still reads');
    const shown = (await line.admin('GET', '/admin/workspaces/acme')).json;
    assert.equal(shown.state, 'suspended');
    assert.deepEqual(shown.counts, { connections: 1, agents: 2, keys: 2 });
    expectStatus(200, await line.admin('PATCH', '/admin/workspaces/acme', { suspended: false, name: 'Acme' }));
    await waitFor('the edge to let it in again', async () => (await line.token(renewed, connection)).status === 200);

    // Last used: by an edge that asks about the key, and directly. The end writes what is there.
    const asked = createHash('sha256').update(renewed.key).digest('hex');
    expectStatus(200, await request(`${line.site.front}/edge/agents/${asked}`, { headers: { 'x-api-key': line.keys.EDGE_KEY } }));
    await line.nexusd.stop();
    await line.nexusd.start();
    const keys = (await line.admin('GET', `/admin/agents/${agent.id}`)).json.keys;
    assert.ok(keys.find((key) => key.id === renewed.keyId).last_used_at, JSON.stringify(keys));
    assert.equal(keys.find((key) => key.id === agent.keyId).state, 'expired');
    assert.ok((await line.admin('GET', `/admin/keys/${made.id}`)).json.last_used_at);
    assert.equal((await line.admin('GET', `/admin/keys/${third.id}`)).json.state, 'revoked');
  });

  test(`a key that may not read credentials lets no agent read more of them (${database})`, async (t) => {
    const line = await startLine(t, { database, logLevel: 'info' });
    await line.createProvider();
    const first = await line.createAgent();
    const [mine, others] = [await line.connect(first), await line.connect(first)];
    const agent = await line.createAgent({ name: 'narrow', grants: ['token:read'], connections: [mine] });
    const [weak, strong] = await Promise.all([['agents:write'], ['agents:write', 'tokens:read']].map(async (scopes) => {
      const { key } = expectStatus(201, await line.admin('POST', '/admin/keys', { name: 'ci', workspace_id: 'w1', scopes })).json;
      return (json) => request(`${line.site.front}/admin/agents/${agent.id}`, { method: 'PATCH', json, headers: { 'x-api-key': key.secret } });
    }));
    const read = async () => [(await line.token(agent, mine)).status, (await line.token(agent, others)).status];
    assert.deepEqual(await read(), [200, 404]);
    assertError(await weak({ connections: [] }), 403, 'insufficient_grant');
    assertError(await weak({ connections: [mine, others] }), 403, 'insufficient_grant');
    assert.deepEqual((await line.admin('GET', `/admin/agents/${agent.id}`)).json.connections, [mine]);
    assert.deepEqual(await read(), [200, 404]);
    expectStatus(200, await strong({ connections: [mine, others] }));
    await waitFor('the edge to let it see both', async () => (await line.token(agent, others)).status === 200);
    expectStatus(200, await weak({ connections: [mine] }));
    await waitFor('the edge to follow', async () => (await line.token(agent, others)).status === 404);
  });
}

test('headers of strangers open no allowlist, and groups have lists of their own', async (t) => {
  const line = await startLine(t, {
    logLevel: 'info',
    nexusd: {
      env: {
        TRUSTED_PROXIES: '127.0.0.1/32,10.0.0.0/8', ALLOWED_CIDRS: '127.0.0.1/32', ALLOWED_CIDRS_TOKENS: '10.7.0.0/16',
        ALLOWED_CIDRS_METRICS: '192.0.2.5/32',
      },
    },
  });
  const stranger = new http.Agent({ localAddress: '127.0.0.2' });
  cleanup(t, () => stranger.destroy());
  const ask = (origin, path, headers = {}, agent = undefined, method = 'GET') =>
    request(origin + path, { method, agent, headers: { 'x-api-key': line.keys.API_KEY, ...headers } });
  const direct = line.nexusd.url;

  assert.equal((await ask(direct, '/connections')).status, 200);
  for (const headers of [
    { 'x-real-ip': '203.0.113.9' }, { 'x-forwarded-for': '203.0.113.9' }, { 'x-forwarded-for': '127.0.0.1, 203.0.113.9' },
    { 'x-forwarded-for': '203.0.113.9, 10.0.0.1' }, { 'x-real-ip': '10.0.0.1', 'x-forwarded-for': '127.0.0.1, 203.0.113.9' },
    { 'x-forwarded-for': 'unknown' }, { 'x-forwarded-for': '127.0.0.1:80' }, { 'x-real-ip': 'localhost' }, { 'x-real-ip': '' },
    { 'x-real-ip': ['127.0.0.1', '127.0.0.1'] },
  ]) {
    assertError(await ask(direct, '/connections', headers), 403, 'access_denied', JSON.stringify(headers));
  }
  for (const origin of [direct, line.site.front]) {
    for (const headers of [{}, { 'x-real-ip': '127.0.0.1' }, { 'x-forwarded-for': '127.0.0.1' }, { 'x-forwarded-for': '127.0.0.1, 127.0.0.1' }]) {
      assertError(await ask(origin, '/connections', headers, stranger), 403, 'access_denied', `${origin} ${JSON.stringify(headers)}`);
    }
  }
  assert.equal((await ask(line.site.front, '/connections')).status, 200);
  assertError(await ask(line.site.front, '/connections', { 'x-forwarded-for': '203.0.113.9' }), 403, 'access_denied');

  const refresh = `/connections/${randomUUID()}/refresh`;
  assertError(await ask(direct, refresh, {}, undefined, 'POST'), 403, 'access_denied');
  assertError(await ask(direct, refresh, { 'x-real-ip': '10.7.0.1', 'x-forwarded-for': '10.7.0.1' }, undefined, 'POST'), 404, 'connection_not_found');
  assertError(await ask(direct, `/v1/token/${randomUUID()}`), 403, 'access_denied');
  assertError(await get(`${direct}/metrics`), 403, 'access_denied');
  assert.equal((await get(`${direct}/metrics`, { headers: { 'x-real-ip': '192.0.2.5' } })).status, 200);
  assert.equal((await get(`${direct}/health`, { agent: stranger })).status, 200);
  const agent = await line.createAgent();
  assertError(await request(`${direct}/v1/token/${randomUUID()}`, { agent: stranger, headers: { 'x-api-key': agent.key } }), 404,
    'connection_not_found', 'an agent comes from anywhere');
  assert.match(line.nexusd.log(), /address_refused/);
});

test('a guard that is off is said so, and one cannot be', async (t) => {
  const keys = newKeys();
  const redis = await startRedis(t);
  const nexusd = await startNexusd(t, { redisUrl: redis.url, keys, env: { REQUIRE_ALLOWLIST: 'false' } });
  assert.match(nexusd.log(), /guard_off.*REQUIRE_ALLOWLIST/);
  const answer = await get(`${nexusd.url}/connections`, { headers: { 'x-api-key': keys.API_KEY, 'x-real-ip': '203.0.113.9' } });
  assert.equal(answer.status, 200);
  const refused = await runProgram(built('control_plane/nexusd'), [], { env: { ...nexusd.env, PORT: '1', REQUIRE_API_KEY: 'false' } });
  assert.equal(refused.code, 78);
  assert.match(refused.stderr, /REQUIRE_API_KEY cannot be false/);
  const dropped = await runProgram(built('control_plane/nexusd'), [], { env: { ...nexusd.env, PORT: '1', ALLOWED_CIDRS: '10.0.0.0/8,oops' } });
  assert.equal(dropped.code, 78);
});

test('nexusctl manages keys and workspaces', async (t) => {
  const keys = newKeys();
  const redis = await startRedis(t);
  const nexusd = await startNexusd(t, { redisUrl: redis.url, keys });
  const ctl = (...args) => runProgram(built('control_plane/nexusctl'), args, {
    env: { PATH: process.env.PATH, NEXUS_URL: nexusd.url, API_KEY: keys.API_KEY },
  });
  const json = async (...args) => {
    const ran = await ctl(...args, '--json');
    assert.equal(ran.code, 0, ran.stderr);
    return JSON.parse(ran.stdout);
  };
  const key = await json('key', 'create', '--name', 'ci', '--scope', 'agents:read,connections:read', '--workspace', 'acme');
  assert.deepEqual(key.scopes, ['connections:read', 'agents:read']);
  const rotated = await json('key', 'rotate', key.id, '--overlap', '0');
  assert.match((await ctl('key', 'list')).stdout, /ID +NAME +WORKSPACE +STATE +LAST USED +SCOPES\n/);
  assert.equal((await ctl('key', 'revoke', rotated.id)).stdout, `revoked ${rotated.id}\n`);
  assert.deepEqual((await json('key', 'list')).map(({ state }) => state).sort(), ['expired', 'revoked']);

  const agent = await json('agent', 'create', '--name', 'mailer', '--workspace', 'acme', '--grant', 'token:use', '--provider', 'weather');
  assert.equal((await ctl('agent', 'update', agent.id, '--grant', 'token:read', '--all-providers')).code, 0);
  const shown = await json('agent', 'show', agent.id);
  assert.deepEqual([shown.grants, shown.providers, shown.name], [['token:read'], [], 'mailer']);
  assert.match((await ctl('agent', 'show', agent.id)).stdout, /KEY +STATE +EXPIRES +LAST USED/);
  const second = await json('agent', 'key', 'add', agent.id, '--expires-in', '60');
  const third = await json('agent', 'key', 'rotate', agent.id, second.key.id);
  assert.equal(third.old_key.id, second.key.id);
  assert.equal((await ctl('agent', 'key', 'revoke', agent.id, third.key.id)).code, 0);
  const use = (text) => post(`${nexusd.url}/v1/refresh/${randomUUID()}`, { headers: { 'x-api-key': text } });
  assert.equal((await use(third.key.secret)).status, 401);
  assert.equal((await use(second.key.secret)).status, 403, 'alive, without the grant');

  assert.equal((await ctl('workspace', 'suspend', 'acme')).stdout, 'acme is suspended\n');
  assert.equal((await use(second.key.secret)).status, 401);
  assert.equal((await json('workspace', 'list'))[0].state, 'suspended');
  assert.equal((await ctl('workspace', 'resume', 'acme')).stdout, 'acme is active\n');
  assert.equal((await ctl('agent', 'revoke', agent.id)).code, 0);
  assert.equal((await use(second.key.secret)).status, 401);
  assert.equal((await ctl('workspace', 'suspend', 'nowhere')).code, 1);
});
