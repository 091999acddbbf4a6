// nexusd alone, as its own clients see it: providers, a whole code flow, tokens, refresh, static credentials, agents,
// edges. What nginx adds is left to the other files.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import test from 'node:test';
import { Browser } from '../support/browser.mjs';
import { cleanup } from '../support/cleanup.mjs';
import { request, serve } from '../support/http.mjs';
import { startIdp } from '../support/idp.mjs';
import { newKeys } from '../support/keys.mjs';
import { startNexusd } from '../support/nexusd.mjs';
import { built } from '../support/paths.mjs';
import { findPort } from '../support/ports.mjs';
import { startPostgres } from '../support/postgres.mjs';
import { runProgram } from '../support/process.mjs';
import { startRedis } from '../support/redis.mjs';
import { openRecord, tokenKey } from '../support/records.mjs';
import { waitFor } from '../support/wait.mjs';

const scopes = ['openid', 'offline_access', 'api:read'];

async function start(t, { database = 'sqlite', idp: idpOptions = {}, env = {}, port: givenPort } = {}) {
  const keys = newKeys();
  const port = givenPort ?? await findPort();
  const baseUrl = `http://127.0.0.1:${port}`;
  const redis = await startRedis(t);
  const postgres = database === 'postgres' ? await startPostgres(t) : undefined;
  const idp = await startIdp(t, { redirectUris: [`${baseUrl}/auth/callback`], ...idpOptions });
  const app = await serve(await findPort(), (_, response) => response.end('done'));
  cleanup(t, () => app.close());
  const nexusd = await startNexusd(t, { port, baseUrl, databaseUrl: postgres?.url, redisUrl: redis.url, keys, env });
  return new ControlPlane({ keys, redis, postgres, idp, app, nexusd, baseUrl });
}

class ControlPlane {
  constructor(parts) {
    Object.assign(this, parts);
  }

  call(method, path, { key = this.keys.API_KEY, json, body, headers = {} } = {}) {
    return request(this.baseUrl + path, { method, json, body, headers: { ...(key ? { 'x-api-key': key } : {}), ...headers } });
  }

  profile(more = {}) {
    return {
      name: 'demo', auth_type: 'oauth2', issuer: this.idp.issuer, enable_discovery: true, auth_header: 'client_secret_basic',
      client_id: this.idp.clientId, client_secret: this.idp.clientSecret, scopes, api_base_url: 'https://api.example.com', ...more,
    };
  }

  async register(more) {
    const answer = await this.call('POST', '/providers', { json: { profile: this.profile(more) } });
    assert.equal(answer.status, 201, answer.text);
    return answer.json.id;
  }

  async ask(provider_id, more = {}) {
    const answer = await this.call('POST', '/auth/consent-spec', {
      json: { workspace_id: 'w1', provider_id, return_url: `${this.app.url}/done?x=1#f`, scopes: [], ...more },
    });
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  }

  async connect(provider_id) {
    const asked = await this.ask(provider_id);
    const end = new URL(await new Browser().consent(asked.authUrl, { until: (url) => url.startsWith(this.app.url) }));
    assert.equal(end.searchParams.get('status'), 'success', end.href);
    return { id: asked.connection_id, end };
  }

  async agent(more = {}) {
    const answer = await this.call('POST', '/admin/agents', {
      json: { name: 'a', workspace_id: 'w1', grants: ['token:read', 'connection:create', 'connection:refresh'], ...more },
    });
    assert.equal(answer.status, 201, answer.text);
    return answer.json;
  }
}

test('nexusd names the argument that it does not take, and the folder or file that it cannot use', async () => {
  const run = (args, env = {}) => runProgram(built('control_plane/nexusd'), args, { env: { PATH: process.env.PATH, ...env } });
  for (const [args, odd] of [[['--foo'], '"--foo"'], [['serve', 'twice'], '"twice"'], [['--foo', 'bar'], '"--foo"']]) {
    const { code, stderr } = await run(args);
    assert.deepEqual([code, stderr], [2, `nexusd: unexpected argument ${odd}; see nexusd --help\n`]);
  }
  assert.match((await run(['--help'])).stdout, /^usage: nexusd \[serve\] /);
  const usual = { ...newKeys(), BASE_URL: 'http://127.0.0.1:1', REDIS_URL: 'unix:/nonexistent/redis.sock' };
  const database = await run([], { ...usual, DATABASE_URL: 'sqlite:/nonexistent/nexus.db' });
  assert.match(database.stdout + database.stderr, /"start_failed".*\/nonexistent\/nexus\.db.*No such file or directory/);
});

test('a callback path of one\'s own', async (t) => {
  const port = await findPort();
  const own = '2d16defc-1306-45a3-badc-c91e9c406e5b';
  const callback = `http://127.0.0.1:${port}/oauth/return`;
  const cp = await start(t, { port, idp: { redirectUris: [callback, `${callback}/${own}`] }, env: { REDIRECT_PATH: '/oauth/return' } });
  const shared = await cp.register();
  assert.equal((await new Browser().leave((await cp.ask(shared)).authUrl)).searchParams.get('redirect_uri'), callback);
  const { id } = await cp.connect(shared);
  assert.equal((await cp.call('GET', `/connections/${id}/token`)).status, 200);

  const made = await cp.call('POST', '/providers', { json: { id: own, profile: cp.profile({ name: 'own', oauth: { redirect_uri: 'own' } }) } });
  assert.equal(made.status, 201, made.text);
  await cp.connect(own);

  for (const taken of ['/health', '/connections', '/v1/token']) {
    const refused = await runProgram(built('control_plane/nexusd'), [], { env: { ...cp.nexusd.env, PORT: String(await findPort()), REDIRECT_PATH: taken } });
    assert.equal(refused.code, 78, refused.stderr);
    assert.match(refused.stderr, new RegExp(`REDIRECT_PATH must not be ${taken}, `));
  }
});

for (const database of ['sqlite', 'postgres']) {
  test(`a whole code flow (${database})`, async (t) => {
    const cp = await start(t, { database });
    const provider = await cp.register();

    const shown = await cp.call('GET', `/providers/${provider}`);
    assert.equal(shown.json.client_secret, undefined);
    assert.equal(shown.json.client_secret_set, true);
    assert.ok(!shown.text.includes(cp.idp.clientSecret));
    assert.equal((await cp.call('POST', '/providers', { json: { profile: cp.profile() } })).json.error, 'provider_exists');

    const asked = await cp.ask(provider);
    assert.equal(asked.authUrl, `${cp.baseUrl}/connect/${asked.state}`);
    const url = await new Browser().leave(asked.authUrl);
    assert.equal(url.searchParams.get('code_challenge_method'), 'S256');
    assert.match(url.searchParams.get('code_challenge'), /^[\w-]{43}$/);
    assert.notEqual(url.searchParams.get('nonce'), asked.state);
    assert.notEqual(url.searchParams.get('state'), asked.state, 'the provider gets one that is bound to the browser');
    assert.equal((await cp.call('GET', `/connections/${asked.connection_id}/token`)).json.error, 'connection_pending');
    assert.equal((await cp.call('GET', `/v1/check-connection/${asked.connection_id}`)).json.status, 'pending');

    const { id, end } = await cp.connect(provider);
    assert.equal(end.searchParams.get('x'), '1');
    assert.equal(end.searchParams.get('connection_id'), id);
    assert.equal(end.searchParams.get('provider'), 'demo');
    assert.equal(end.hash, '#f');

    const token = await cp.call('GET', `/connections/${id}/token`);
    assert.equal(token.status, 200, token.text);
    assert.ok(cp.idp.tokens.access.has(token.json.access_token));
    assert.equal(token.json.credentials.access_token, token.json.access_token);
    assert.deepEqual(token.json.strategy, { type: 'oauth2', config: {} });
    assert.equal(token.json.expired, false);
    assert.match(token.json.expiry, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.ok(token.json.id_token);
    assert.ok(!token.text.includes('refresh_token'));

    const refreshed = await cp.call('POST', `/connections/${id}/refresh`);
    assert.equal(refreshed.status, 200, refreshed.text);
    const both = await Promise.all(Array.from({ length: 8 }, () => cp.call('POST', `/connections/${id}/refresh`)));
    assert.equal(new Set(both.map((answer) => answer.json.access_token)).size, 1);
    assert.equal(both[0].json.access_token, refreshed.json.access_token, 'joined: less than two seconds ago');
    assert.equal(cp.idp.counts.refresh, 1);

    const record = await openRecord(cp.keys.CACHE_KEY, tokenKey(id), await cp.redis.get(tokenKey(id)));
    assert.equal(record.credentials.access_token, refreshed.json.access_token);
    assert.deepEqual(record.allowed_hosts, ['api.example.com:443']);

    const listed = await cp.call('GET', '/connections?workspace_id=w1&state=active&provider=demo');
    assert.deepEqual(listed.json.items.map((item) => item.id), [id]);
    const revoked = await cp.call('POST', `/connections/${id}/revoke`);
    assert.equal(revoked.json.state, 'revoked');
    assert.equal((await cp.call('GET', `/connections/${id}/token`)).json.error, 'connection_revoked');
    const tombstone = await openRecord(cp.keys.CACHE_KEY, tokenKey(id), await cp.redis.get(tokenKey(id)));
    assert.equal(tombstone.state, 'revoked');
    assert.deepEqual(tombstone.credentials, {});

    for (const secret of [cp.idp.clientSecret, ...cp.idp.tokens.refresh, ...cp.idp.tokens.access, cp.keys.API_KEY, asked.state]) {
      assert.ok(!cp.nexusd.log().includes(secret), 'a secret in the log');
    }
  });

  test(`agents, workspaces and revocation (${database})`, async (t) => {
    const cp = await start(t, { database });
    const provider = await cp.register();
    const agent = await cp.agent();
    const stranger = await cp.agent({ workspace_id: 'w2' });
    const key = agent.key.secret;
    assert.match(key, /^nxa_[a-z0-9]{16}_[\w-]{43}$/);

    const asked = await cp.call('POST', '/v1/request-connection', {
      key, json: { user_id: 'u', provider_name: 'DEMO', return_url: cp.app.url, metadata: { a: 1 }, action: 'x' },
    });
    assert.equal(asked.status, 200, asked.text);
    const { id } = await cp.connect(provider);
    assert.equal((await cp.call('GET', `/v1/token/${id}`, { key })).status, 200);
    assert.equal((await cp.call('GET', `/v1/token/${id.toUpperCase()}`, { key: null, headers: { authorization: `Bearer ${key}` } })).status, 200);
    assert.equal((await cp.call('GET', `/v1/token/${id}`, { key: stranger.key.secret })).json.error, 'connection_not_found');
    assert.equal((await cp.call('GET', `/v1/check-connection/${id}`, { key: stranger.key.secret })).status, 404);
    assert.equal((await cp.call('GET', '/connections', { key })).json.error, 'insufficient_grant');
    assert.equal((await cp.call('GET', `/v1/token/${id}`, { headers: { 'x-nexus-agent': stranger.id } })).status, 404);
    assert.equal((await cp.call('GET', `/v1/token/${id}`, { key: cp.keys.EDGE_KEY, headers: { 'x-nexus-agent': agent.id } })).status, 200);
    assert.equal((await cp.call('GET', `/v1/token/${id}`, { key: cp.keys.EDGE_KEY })).status, 403);
    assert.equal((await cp.call('GET', `/v1/token/${id}`, { key, headers: { 'x-nexus-agent': agent.id } })).status, 401);
    assert.equal((await cp.call('GET', '/providers', { key: cp.keys.EDGE_KEY })).status, 403);

    const user = await cp.agent({ grants: ['token:use'] });
    assert.equal((await cp.call('GET', `/v1/token/${id}`, { key: user.key.secret })).json.error, 'insufficient_grant');
    const narrowed = await cp.agent({ providers: ['other'] });
    assert.equal((await cp.call('GET', `/v1/token/${id}`, { key: narrowed.key.secret })).status, 404);
    assert.deepEqual((await cp.call('GET', '/v1/providers', { key: narrowed.key.secret })).json, {});
    assert.equal((await cp.call('GET', '/v1/providers', { key })).json.oauth2.demo.id, provider);

    const none = await cp.call('GET', `/v1/token/${id}`, { key: null });
    assert.equal(none.status, 401);
    assert.equal(none.json.error, 'missing_api_key');
    assert.ok(none.headers['www-authenticate']);

    const second = await cp.call('POST', `/admin/agents/${agent.id}/keys`, { json: { expires_in_s: 3600 } });
    assert.equal(second.status, 201, second.text);
    assert.equal((await cp.call('DELETE', `/admin/agents/${agent.id}/keys/${agent.key.id}`)).status, 200);
    assert.equal((await cp.call('GET', `/v1/token/${id}`, { key })).json.error, 'invalid_api_key');
    assert.equal((await cp.call('GET', `/v1/token/${id}`, { key: second.json.key.secret })).status, 200);
    const hash = createHash('sha256').update(key).digest('hex');
    const record = await cp.call('GET', `/edge/agents/${hash}`, { key: cp.keys.EDGE_KEY });
    assert.equal(record.status, 200);
    assert.equal(record.headers['content-type'], 'application/vnd.nexus.record');
    const unknown = await cp.call('GET', `/edge/agents/${'0'.repeat(64)}`, { key: cp.keys.EDGE_KEY });
    assert.equal(unknown.status, 404);
    assert.equal(unknown.json.error, 'invalid_api_key');
    assert.equal((await cp.call('DELETE', `/admin/agents/${agent.id}`)).status, 200);
    assert.equal((await cp.call('GET', `/v1/token/${id}`, { key: second.json.key.secret })).status, 401);
    assert.equal((await cp.call('GET', '/admin/agents?workspace_id=w2')).json.items.length, 1);
    assert.equal((await cp.call('GET', `/admin/agents/${agent.id}`)).json.state, 'revoked');
  });

  test(`static credentials, once and by the schema (${database})`, async (t) => {
    const cp = await start(t, { database });
    const made = await cp.call('POST', '/providers', {
      json: { profile: { name: 'keyed', auth_type: 'api_key', api_base_url: 'https://api.example.com', params: { header_name: 'X-Key', value_prefix: 'k ' } } },
    });
    assert.equal(made.status, 201, made.text);
    const asked = await cp.ask(made.json.id);
    assert.equal(asked.authUrl, `${cp.baseUrl}/connect/${asked.state}`);
    const form = await request(asked.authUrl);
    assert.deepEqual(form.json, {
      provider_name: 'keyed', schema: { type: 'object', properties: { api_key: { type: 'string' } }, required: ['api_key'] },
    });
    const post = (state, credentials) => cp.call('POST', '/auth/capture-credential', { key: null, json: { state, credentials } });
    assert.equal((await post(asked.state, {})).json.error, 'missing_fields');
    assert.equal((await post(asked.state, { api_key: 7 })).status, 400);
    assert.equal((await post(asked.state, { api_key: 'canary-key', more: 'x' })).status, 400);
    const good = await post(asked.state, { api_key: 'canary-key' });
    assert.equal(good.status, 200, good.text);
    assert.equal(good.json.status, 'active');
    assert.match(good.json.redirect_url, /\?x=1&status=success&connection_id=[0-9a-f-]{36}&provider=keyed#f$/);
    assert.equal((await post(asked.state, { api_key: 'other' })).json.error, 'invalid_state');

    const token = await cp.call('GET', `/connections/${asked.connection_id}/token`);
    assert.deepEqual(token.json.credentials, { api_key: 'canary-key' });
    assert.deepEqual(token.json.strategy, { type: 'header', config: { header_name: 'X-Key', value_prefix: 'k ', credential_field: 'api_key' } });
    assert.equal(token.json.api_key, undefined);
    assert.equal((await cp.call('POST', `/connections/${asked.connection_id}/refresh`)).json.error, 'static_token');

    const oauth = await cp.ask(await cp.register());
    assert.equal((await post(oauth.state, { access_token: 'planted' })).json.error, 'invalid_state');
    assert.ok(!cp.nexusd.log().includes('canary-key'));
  });
}

test('a callback that fails goes back to return_url, and each state works once', async (t) => {
  const cp = await start(t);
  const provider = await cp.register();
  const browser = new Browser();
  const callback = (query) => browser.open(`${cp.baseUrl}/auth/callback?${query}`, {
    headers: { accept: '*/*' }, until: (url) => url.startsWith(cp.app.url),
  });
  const begin = async (asked) => encodeURIComponent((await browser.leave(asked.authUrl)).searchParams.get('state'));
  const denied = await cp.ask(provider);
  const state = await begin(denied);
  const answer = await callback(`state=${state}&error=access_denied&error_description=canary%20text&iss=${encodeURIComponent(cp.idp.issuer)}`);
  assert.ok(answer.stopped);
  const back = new URL(answer.url);
  assert.equal(back.searchParams.get('status'), 'error');
  assert.equal(back.searchParams.get('error'), 'access_denied');
  assert.ok(!answer.url.includes('canary'));
  assert.equal((await cp.call('GET', `/connections/${denied.connection_id}`)).json.state, 'failed');
  const error = async (query) => JSON.parse((await callback(query)).text).error;
  assert.equal(await error(`state=${state}&code=x`), 'invalid_state');
  assert.equal(await error(`state=${state}x&code=x`), 'invalid_state');
  assert.equal(await error('code=x'), 'missing_fields');
  assert.equal((await callback(`state=${state}&state=${state}`)).status, 400);

  const bad = await cp.ask(provider);
  const wrong = await callback(`state=${await begin(bad)}&code=wrong&iss=${encodeURIComponent(cp.idp.issuer)}`);
  assert.equal(new URL(wrong.url).searchParams.get('error'), 'token_exchange_failed');
  const mixed = await cp.ask(provider);
  const codes = cp.idp.counts.code;
  const other = await callback(`state=${await begin(mixed)}&code=x&iss=https%3A%2F%2Fevil.example`);
  assert.equal(new URL(other.url).searchParams.get('error'), 'invalid_issuer');
  assert.equal(cp.idp.counts.code, codes, 'no code went out');
});

test('what is refused', async (t) => {
  const cp = await start(t);
  const provider = await cp.register();
  const consent = (more) => cp.call('POST', '/auth/consent-spec', { json: { workspace_id: 'w', provider_id: provider, return_url: cp.app.url, ...more } });
  assert.equal((await consent({ return_url: 'https://evil.example/' })).json.error, 'return_url_not_allowed');
  assert.equal((await consent({ return_url: 'javascript:alert(1)' })).status, 400);
  assert.equal((await consent({ provider_id: 'x' })).json.error, 'invalid_provider_id');
  assert.equal((await consent({ provider_id: '00000000-0000-4000-8000-000000000000' })).json.error, 'provider_not_found');
  assert.equal((await consent({ scopes: 'openid' })).status, 400);
  assert.equal((await consent({ nonsense: 1 })).json.error, 'invalid_request');
  assert.equal((await cp.call('POST', '/auth/consent-spec', { json: {} })).json.error, 'missing_fields');
  assert.equal((await cp.call('POST', '/auth/consent-spec', { body: '{', headers: { 'content-type': 'application/json' } })).json.error, 'invalid_json');
  assert.equal((await cp.call('GET', '/connections/nonsense/token')).json.error, 'invalid_connection_id');
  assert.equal((await cp.call('GET', '/connections/00000000-0000-4000-8000-000000000000/token')).json.error, 'connection_not_found');
  assert.equal((await cp.call('GET', '/connections?state=odd')).status, 400);
  assert.equal((await cp.call('GET', '/connections?limit=0')).status, 400);
  assert.equal((await cp.call('GET', '/connections?odd=1')).status, 400);
  assert.equal((await cp.call('PATCH', '/providers')).status, 405);
  for (const [more, name] of [[{ odd: 1 }, 'profile.odd'], [{ scopes: 'x' }, 'profile.scopes'], [{ name: 'Bad Name' }, 'profile.name'],
    [{ token_url: 'ftp://x/' }, 'profile.token_url'], [{ params: { state: 'x' } }, 'profile.params.state'],
    [{ params: { prompt: 1 } }, 'profile.params.prompt'], [{ client_id: undefined }, 'profile.client_id']]) {
    const answer = await cp.call('POST', '/providers', { json: { profile: cp.profile({ name: 'x', ...more }) } });
    assert.equal(answer.status, 400, answer.text);
    assert.ok(answer.text.includes(name), `${name}: ${answer.text}`);
  }
  // null, and what is empty in a query, count as absent.
  for (const path of ['/connections?limit=&label=&state=', '/providers?limit=&cursor=', `/providers/${provider}?include=`]) {
    assert.equal((await cp.call('GET', path)).status, 200, path);
  }
  assert.equal((await cp.call('PATCH', `/providers/${provider}`, { json: { profile: null, description: 'e' } })).json.changed, true);
  assert.equal((await cp.call('PATCH', `/providers/${provider}`, { json: { profile: null, description: null } })).json.changed, true);
  assert.equal((await cp.call('POST', '/connections/import', { json: { connections: null, dry_run: null, provider_id: provider, workspace_id: 'w' } })).json.detail, 'credentials');
  assert.equal((await cp.call('POST', '/v1/request-connection', { json: { connection_id: null, workspace_id: 'w', user_id: 'u', provider_id: provider, return_url: cp.app.url } })).status, 200);

  const same = await cp.call('PUT', `/providers/${provider}`, { json: cp.profile() });
  assert.equal(same.json.changed, false, same.text);
  assert.equal((await cp.call('PUT', `/providers/${provider}`, { json: cp.profile({ client_secret: undefined, description: 'd' }) })).json.changed, true);
  assert.equal((await cp.call('PUT', `/providers/${provider}`, { json: { profile: cp.profile({ client_secret: 'other' }) } })).json.changed, true);

  const { id } = await cp.connect(await cp.register({ name: 'second' }));
  const second = (await cp.call('GET', '/providers/by-name/second')).json.id;
  assert.equal((await cp.call('DELETE', `/providers/${second}`)).status, 200);
  assert.equal((await cp.call('GET', `/providers/${second}`)).status, 404);
  assert.equal((await cp.call('GET', `/connections/${id}/token`)).json.error, 'connection_revoked');
  assert.equal((await cp.call('POST', `/connections/${id}/refresh`)).json.error, 'connection_revoked');
});

test('refresh: passing failures change nothing, a dead grant needs a person', async (t) => {
  const cp = await start(t, { idp: { accessTtl: 8 } });
  const provider = await cp.register();
  const { id } = await cp.connect(provider);
  const row = async () => (await cp.call('GET', `/connections/${id}`)).json;
  const token = await cp.call('GET', `/connections/${id}/token`);

  cp.idp.fail('/token', '503');
  const throttled = await cp.call('POST', `/connections/${id}/refresh`);
  assert.equal(throttled.json.error, 'token_unavailable', throttled.text);
  assert.equal(throttled.headers['retry-after'], '7', 'the provider\'s own');
  const calls = cp.idp.counts.token;
  assert.equal((await cp.call('POST', `/connections/${id}/refresh`)).status, 503);
  assert.equal(cp.idp.counts.token, calls, 'the provider is left alone meanwhile');
  assert.equal((await row()).state, 'active');
  assert.equal((await cp.call('GET', `/connections/${id}/token`)).json.access_token, token.json.access_token);

  const other = await cp.connect(provider);
  for (const [kind, error] of [[{ status: 401, body: { error: 'invalid_client', error_description: 'canary-provider-text' } }, 'upstream_error'],
    [{ status: 200, body: { error: 'something_else' } }, 'upstream_error'], [{ status: 200, body: {} }, 'upstream_error']]) {
    cp.idp.fail('/token', kind);
    const refused = await cp.call('POST', `/connections/${other.id}/refresh`);
    assert.equal(refused.json.error, error, refused.text);
    assert.ok(!refused.text.includes('canary'));
    assert.equal((await cp.call('GET', `/connections/${other.id}`)).json.state, 'active');
    await waitFor('the provider to be asked again', async () => {
      const before = cp.idp.counts.token;
      await cp.call('POST', `/connections/${other.id}/refresh`);
      return cp.idp.counts.token > before;
    });
    await waitFor('the joining window to pass', async () => Date.now() - Date.parse((await cp.call('GET', `/connections/${other.id}`)).json.last_refreshed_at) > 3000);
  }
  assert.ok(!cp.nexusd.log().includes('canary-provider-text'));

  const third = await cp.connect(provider);
  await cp.idp.revokeGrants();
  const dead = await cp.call('POST', `/connections/${third.id}/refresh`);
  assert.equal(dead.status, 409, dead.text);
  assert.equal(dead.json.error, 'attention_required');
  assert.equal(dead.json.code, 'attention_required');
  assert.equal(dead.json.reason, 'invalid_grant');
  assert.equal((await cp.call('GET', `/connections/${third.id}/token`)).status, 409);
  assert.equal((await cp.call('GET', `/connections?state=attention`)).json.items.length, 1);
  const edge = await cp.call('GET', `/edge/tokens/${third.id}`, { key: cp.keys.EDGE_KEY });
  assert.equal(edge.status, 200, 'edges get the record in whatever state');
});

test('an expired token is refreshed for whoever reads it, and without a refresh token the connection has expired', async (t) => {
  const cp = await start(t, { idp: { accessTtl: 6 } });
  const provider = await cp.register();
  const { id } = await cp.connect(provider);
  const first = (await cp.call('GET', `/connections/${id}/token`)).json.access_token;
  await waitFor('a newer token', async () => (await cp.call('GET', `/connections/${id}/token`)).json.access_token !== first, { timeout: 10000 });
  assert.ok(cp.idp.counts.refresh >= 1);

  const plain = await start(t, { idp: { accessTtl: 2, issueRefresh: false } });
  const other = await plain.connect(await plain.register({ scopes: ['openid'] }));
  assert.equal((await plain.call('POST', `/connections/${other.id}/refresh`)).json.error, 'no_refresh_token');
  await waitFor('the end', async () => (await plain.call('GET', `/connections/${other.id}/token`)).json.error === 'connection_not_active');
  assert.equal((await plain.call('GET', `/v1/check-connection/${other.id}`)).json.status, 'expired');
});

test('auto_refresh=true reads a token that was refreshed first', async (t) => {
  const cp = await start(t);
  const { id } = await cp.connect(await cp.register());
  const first = (await cp.call('GET', `/connections/${id}/token`)).json.access_token;
  assert.equal((await cp.call('GET', `/connections/${id}/token?auto_refresh=false`)).json.access_token, first);
  const second = await cp.call('GET', `/connections/${id}/token?auto_refresh=true`);
  assert.equal(second.status, 200, second.text);
  assert.notEqual(second.json.access_token, first);
  assert.equal(second.json.refresh_token, undefined);
  const joined = await cp.call('GET', `/connections/${id}/token?auto_refresh=true`);
  assert.equal(joined.json.access_token, second.json.access_token, 'joins the one that has just ended');
  const refused = await cp.call('GET', `/connections/${id}/token?auto_refresh=yes`);
  assert.equal(refused.status, 400, refused.text);
  assert.equal(refused.json.error, 'invalid_request');
});

test('nexusd says what it is for and refuses a wrong start', async (t) => {
  const cp = await start(t);
  assert.equal((await request(`${cp.baseUrl}/health`)).json.status, 'healthy');
  assert.deepEqual((await request(`${cp.baseUrl}/ready`)).json, { status: 'ready', database: 'ok', redis: 'ok' });
  assert.match((await request(`${cp.baseUrl}/metrics`)).text, /nexus_http_requests_total/);
});
