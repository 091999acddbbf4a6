// Every secret of a complete run is looked for in every place where it must not be: logs at debug level, Redis, the
// database, temporary files, answers. Secrets are searched in clear, base64 and hex.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import test from 'node:test';
import { assertNoSecrets, files } from '../support/canary.mjs';
import { expectStatus, startLine } from '../support/line.mjs';
import { findPort } from '../support/ports.mjs';
import { request } from '../support/http.mjs';
import { waitFor } from '../support/wait.mjs';

const canary = (name) => `canary-${name}-${randomBytes(12).toString('hex')}`;

for (const database of ['sqlite', 'postgres']) {
  test(`no secret in a log, in Redis or in the database (${database})`, async (t) => {
    const line = await startLine(t, { database });
    const apiKey = canary('api-key');
    const password = canary('password');
    const states = [];
    const codes = [];

    await line.createProvider();
    await line.createProvider(staticProfile('keyed', 'api_key', line));
    await line.createProvider(staticProfile('basic', 'basic_auth', line));
    await line.createProvider({
      ...staticProfile('queried', 'api_key', line),
      api_base_url: `http://127.0.0.1:${await findPort()}`,   // where nobody listens: nginx logs what it could not reach
      params: { auth_strategy: { type: 'query_param', config: { param_name: 'key' } } },
    });
    const agent = await line.createAgent();
    // A scoped key, used well, for too much, after its rotation, and with a slip.
    const scoped = expectStatus(201, await line.admin('POST', '/admin/keys', { name: 'ci', scopes: ['agents:read', 'keys:admin'] })).json;
    const rotated = expectStatus(201, await line.admin('POST', `/admin/keys/${scoped.id}/rotate`, { overlap_s: 0 })).json;
    for (const key of [scoped.key.secret, rotated.key.secret, `${rotated.key.secret}x`]) {
      for (const path of ['/admin/agents', '/admin/keys', '/connections', '/v1/providers']) {
        await request(line.site.front + path, { headers: { 'x-api-key': key } });
      }
    }

    const asked = expectStatus(200, await line.requestConnection(agent));
    states.push(asked.json.state);
    const codeSeen = watchCodes(line, codes);
    expectSuccess(await line.consent(asked.json.authUrl));
    codeSeen();
    const connection = asked.json.connection_id;
    const keyed = await line.capture(agent, 'keyed', { api_key: apiKey });
    const basic = await line.capture(agent, 'basic', { username: 'alice-the-user', password });
    const queried = await line.capture(agent, 'queried', { api_key: apiKey });

    line.api.accept = () => true;
    for (const id of [connection, keyed, basic]) {
      assert.equal((await line.call(agent, id, '/x', { method: 'POST', body: 'hello' })).status, 200);
      assert.equal((await line.token(agent, id)).status, 200);
    }
    assert.equal((await line.refresh(agent, connection)).status, 200);
    // The unhappy paths log more.
    assert.equal((await line.call(agent, queried)).status, 502);
    await line.nexusd.kill();
    codes.push(canary('late-code'));
    states.push(canary('late-state'));
    const late = new URLSearchParams({ code: codes.at(-1), state: states.at(-1) });
    assert.equal((await request(`${line.site.front}/auth/callback?${late}`)).status, 503);
    await line.nexusd.start();
    await line.token({ key: agent.key.slice(0, -1) }, connection);
    line.idp.fail('/token', { status: 400, body: { error: 'invalid_client', error_description: line.idp.clientSecret } });
    await line.refresh(agent, connection);
    await line.redis.kill();
    await line.call(agent, connection);
    await line.redis.restart();
    await line.call(agent, keyed);
    await line.site.reload();
    await line.call(agent, basic);
    await line.idp.revokeGrants();
    await waitFor('a refresh to be refused', async () => (await line.refresh(agent, connection)).status === 409, { timeout: 5000, interval: 300 });

    const secrets = {
      'agent key': agent.key, 'agent key secret': agent.key.split('_').slice(2).join('_'),
      'scoped key': scoped.key.secret, 'scoped key secret': scoped.key.secret.slice(21), 'rotated key': rotated.key.secret,
      'client secret': line.idp.clientSecret, 'api key credential': apiKey, password,
      'basic credential': Buffer.from(`alice-the-user:${password}`).toString('base64'),
      ...Object.fromEntries(Object.entries(line.keys)),
      ...Object.fromEntries([...line.idp.tokens.access].map((token, i) => [`access token ${i}`, token])),
      ...Object.fromEntries([...line.idp.tokens.refresh].map((token, i) => [`refresh token ${i}`, token])),
      ...Object.fromEntries([...line.idp.tokens.id].map((token, i) => [`id_token ${i}`, token.split('.')[2]])),
      ...Object.fromEntries(codes.map((code, i) => [`code ${i}`, code])),
    };
    const logged = { ...files(line.nexusd.dir, line.site.dir, line.redis.dir) };
    for (const name of ['cache.key', 'edge.key']) {
      delete logged[`${line.site.dir}/${name}`];   // the two files that hold them by intention
    }
    assert.ok(Object.keys(logged).some((name) => name.endsWith('error.log')));
    assert.match(line.site.errorLog(), /\[debug\]/, 'the debug log is on');
    assert.match(line.nexusd.log(), /debug/i);
    assertNoSecrets(secrets, logged);
    // `state` and `code` are good for ten minutes and one use; logs do not have them either.
    assertNoSecrets(Object.fromEntries(states.map((state, i) => [`state ${i}`, state])), Object.fromEntries(Object.entries(logged).filter(([name]) => /\.log$/.test(name))));

    const cached = await waitFor('Redis to be filled again', async () => {
      const all = await line.redis.dump();
      return [...all.keys()].some((key) => key.startsWith('nexus:tok:')) && [...all.keys()].some((key) => key.startsWith('nexus:agent:')) && all;
    });
    assertNoSecrets(secrets, Object.fromEntries([...cached].map(([key, value]) => [`Redis ${key}`, value])));
    assertNoSecrets(secrets, { 'Redis keys': [...cached.keys()].join('\n') });

    assertNoSecrets(secrets, { database: await line.databaseDump() });
    assertNoSecrets(secrets, { metrics: (await request(`${line.nexusd.url}/metrics`)).body });
    for (const pid of [line.nexusd.program.pid, line.site.pid]) {
      assertNoSecrets(secrets, { [`command line of ${pid}`]: fs.readFileSync(`/proc/${pid}/cmdline`) });
    }
  });
}

const staticProfile = (name, type, line) => ({
  name, auth_type: type, issuer: undefined, enable_discovery: undefined, auth_header: undefined, client_id: undefined,
  client_secret: undefined, scopes: undefined, api_base_url: line.api.url,
});

function expectSuccess(address) {
  assert.equal(new URL(address).searchParams.get('status'), 'success');
}

// The authorization code is in the address that the provider sends the browser to.
function watchCodes(line, codes) {
  line.idp.provider.on('authorization.success', remember);
  function remember(context, response) {
    if (response.code) {
      codes.push(response.code);
    }
  }
  return () => line.idp.provider.off('authorization.success', remember);
}
