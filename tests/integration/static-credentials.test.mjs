// Connections with a static credential: an API key in a header or a query parameter, user name and password. They are
// captured once, sealed, and put onto each call; the caller never sees them go by.
import assert from 'node:assert/strict';
import test from 'node:test';
import { assertError, assertRefused } from '../support/errors.mjs';
import { startLine } from '../support/line.mjs';
import { post, request } from '../support/http.mjs';

const profile = (line, type, params) => ({
  name: type.replace('_', '-'), auth_type: type, issuer: undefined, enable_discovery: undefined, auth_header: undefined,
  client_id: undefined, client_secret: undefined, scopes: undefined, api_base_url: line.api.url, params,
});

for (const database of ['sqlite', 'postgres']) {
  test(`api_key: in X-API-Key unless the profile says otherwise (${database})`, async (t) => {
    const line = await startLine(t, { database });
    await line.createProvider(profile(line, 'api_key'));
    await line.createProvider({
      ...profile(line, 'api_key', { auth_strategy: { type: 'header', config: { header_name: 'Authorization', value_prefix: 'Token ' } } }),
      name: 'token-header',
    });
    await line.createProvider({
      ...profile(line, 'api_key', { auth_strategy: { type: 'query_param', config: { param_name: 'key' } } }), name: 'in-query',
    });
    const agent = await line.createAgent();
    const secret = 'k3y with/odd=characters&+é';

    line.api.accept = (incoming) => incoming.headers['x-api-key'] === 'plain-key';
    const plain = await line.capture(agent, 'api-key', { api_key: 'plain-key' });
    assert.equal((await line.call(agent, plain)).status, 200);
    assert.equal(line.api.last.headers['x-api-key'], 'plain-key');

    line.api.accept = (incoming) => incoming.headers.authorization === 'Token plain-key';
    const prefixed = await line.capture(agent, 'token-header', { api_key: 'plain-key' });
    assert.equal((await line.call(agent, prefixed)).status, 200);

    line.api.accept = (incoming) => new URL(incoming.url, 'http://x').searchParams.get('key') === secret;
    const queried = await line.capture(agent, 'in-query', { api_key: secret });
    const answer = await line.call(agent, queried, '/find?q=a%2Fb');
    assert.equal(answer.status, 200, answer.text);
    assert.match(line.api.last.url, /^\/find\?q=a%2Fb&key=/);
    assert.ok(!line.site.accessLog().includes('key='), 'the access log shows what the caller sent');
  });

  test(`basic_auth (${database})`, async (t) => {
    const line = await startLine(t, { database });
    await line.createProvider(profile(line, 'basic_auth'));
    const agent = await line.createAgent();
    const expected = `Basic ${Buffer.from('alice:s3cret:with:colons').toString('base64')}`;
    line.api.accept = (incoming) => incoming.headers.authorization === expected;
    const connection = await line.capture(agent, 'basic-auth', { username: 'alice', password: 's3cret:with:colons' });
    assert.equal((await line.call(agent, connection)).status, 200);

    assertError(await line.refresh(agent, connection), 400, 'static_token');
    assert.equal((await line.check(agent, connection)).json.status, 'active');
    assert.equal((await line.call(agent, connection)).status, 200, 'a refused refresh changes nothing');
  });
}

test('capturing is once, for the right kind of provider, with the right members', async (t) => {
  const line = await startLine(t);
  await line.createProvider();
  await line.createProvider(profile(line, 'api_key'));
  const agent = await line.createAgent();
  const capture = (body) => post(`${line.site.front}/auth/capture-credential`, { json: body });

  const asked = await line.requestConnection(agent, { provider: 'api-key', scopes: [] });
  assert.equal(asked.status, 200, asked.text);
  const schema = await request(`${line.site.front}/auth/capture-schema?state=${encodeURIComponent(asked.json.state)}`);
  assert.equal(schema.status, 200, schema.text);
  assert.equal(schema.json.provider_name, 'api-key');
  assert.equal(typeof schema.json.schema, 'object');

  assertRefused(await capture({ state: asked.json.state, credentials: {} }), 'nothing');
  assertRefused(await capture({ state: asked.json.state, credentials: { api_key: '' } }), 'empty');
  assertRefused(await capture({ state: asked.json.state, credentials: { api_key: 'a\r\nb: c' } }), 'a line break');
  assertRefused(await capture({ state: asked.json.state, credentials: { api_key: 'ok', junk: 'x' } }), 'junk');
  assertRefused(await capture({ state: `${asked.json.state}x`, credentials: { api_key: 'ok' } }), 'a forged state');
  const done = await capture({ state: asked.json.state, credentials: { api_key: 'good' } });
  assert.equal(done.status, 200, done.text);
  assert.equal(done.json.connection_id, asked.json.connection_id);
  assertRefused(await capture({ state: asked.json.state, credentials: { api_key: 'other' } }), 'the second time');
  line.api.accept = (incoming) => incoming.headers['x-api-key'] === 'good';
  assert.equal((await line.call(agent, asked.json.connection_id)).status, 200);

  const oauth = await line.requestConnection(agent);
  assertRefused(await capture({ state: oauth.json.state, credentials: { access_token: 'planted' } }), 'an OAuth flow\'s state');
  assert.equal((await line.check(agent, oauth.json.connection_id)).json.status, 'pending');
});

test('a browser hands credentials to the gateway without a key', async (t) => {
  const line = await startLine(t);
  await line.createProvider(profile(line, 'api_key'));
  const agent = await line.createAgent();
  const { json } = await line.requestConnection(agent, { provider: 'api-key', scopes: [] });
  const schema = await line.gateway('GET', `/v1/capture-schema?state=${encodeURIComponent(json.state)}`);
  assert.equal(schema.status, 200, schema.text);
  const done = await line.gateway('POST', '/v1/capture-credential', { json: { state: json.state, credentials: { api_key: 'good' } } });
  assert.equal(done.status, 200, done.text);
  assert.equal((await line.check(agent, json.connection_id)).json.status, 'active');
});
