// Providers that go their own ways, each described by its profile alone (docs/providers.md): a scripted provider insists on
// its oddity, the account is connected, the token read and refreshed. And the reference implementation's defects in this
// area (D1, D11, D15, D17, D19 to D22, D26), which must not be here.
import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import test, { before } from 'node:test';
import { Browser } from '../support/browser.mjs';
import { cleanup, wholeFile } from '../support/cleanup.mjs';
import { assertError } from '../support/errors.mjs';
import { request, serve } from '../support/http.mjs';
import { startIdp } from '../support/idp.mjs';
import { newKeys } from '../support/keys.mjs';
import { startLine } from '../support/line.mjs';
import { startNexusd } from '../support/nexusd.mjs';
import { startOddProvider } from '../support/odd-provider.mjs';
import { findPort } from '../support/ports.mjs';
import { startPostgres } from '../support/postgres.mjs';
import { openRecord, tokenKey } from '../support/records.mjs';
import { startRedis } from '../support/redis.mjs';
import { refusalOf } from '../support/sigv4-verifier.mjs';

class Broker {
  constructor(parts) {
    Object.assign(this, parts);
    this.names = 0;
  }

  call(method, path, { key = this.keys.API_KEY, json } = {}) {
    return request(this.nexusd.url + path, { method, json, headers: key ? { 'x-api-key': key } : {} });
  }

  profile(more = {}) {
    const { url } = this.odd;
    return {
      name: `odd-${++this.names}`, client_id: 'id 1', client_secret: 's&cret', auth_url: `${url}/authorize`,
      token_url: `${url}/token`, scopes: ['a:r', 'b'], api_base_url: `${url}/api`, ...more,
    };
  }

  async register(more) {
    const answer = await this.call('POST', '/providers', { json: { profile: this.profile(more) } });
    assert.equal(answer.status, 201, answer.text);
    return answer.json.id;
  }

  ask(provider_id, more = {}) {
    return this.call('POST', '/auth/consent-spec', {
      json: { workspace_id: 'w1', provider_id, return_url: `${this.app.url}/done`, ...more },
    });
  }

  /** Walks a consent. callback(url): the provider's answer, from the address that the person was sent to. */
  async consent(provider_id, { callback = standard, ...more } = {}) {
    const asked = await this.ask(provider_id, more);
    assert.equal(asked.status, 200, asked.text);
    const browser = new Browser();
    const sentTo = await browser.leave(asked.json.authUrl);
    const back = new URL('/auth/callback', this.nexusd.url);
    back.search = new URLSearchParams(callback(sentTo)).toString();
    const end = await browser.open(back.href, { until: (url) => url.startsWith(this.app.url) });
    assert.ok(end.stopped, end.text);
    return { id: asked.json.connection_id, sentTo, end: new URL(end.url) };
  }

  async connect(provider_id, more) {
    const done = await this.consent(provider_id, more);
    assert.equal(done.end.searchParams.get('status'), 'success', done.end.href);
    return done;
  }

  token(id) {
    return this.call('GET', `/connections/${id}/token`);
  }

  refresh(id) {
    return this.call('POST', `/connections/${id}/refresh`);
  }

  row(id) {
    const database = new DatabaseSync(this.nexusd.databaseFile, { readOnly: true });
    try {
      return database.prepare('SELECT metadata, variables, scopes FROM connections WHERE id = ?').get(id);
    } finally {
      database.close();
    }
  }
}

async function start(t, { database = 'sqlite' } = {}) {
  const keys = newKeys();
  const redis = await startRedis(t);
  const postgres = database === 'postgres' ? await startPostgres(t) : undefined;
  const odd = await startOddProvider(t);
  const app = await serve(await findPort(), (_, response) => response.end('done'));
  cleanup(t, () => app.close());
  const nexusd = await startNexusd(t, { databaseUrl: postgres?.url, redisUrl: redis.url, keys });
  return new Broker({ keys, redis, odd, app, nexusd });
}

const standard = (url) => ({ code: 'c0', state: url.searchParams.get('state') });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });

// oauth: the quirk; profile: other members; sentTo, exchanged, refreshed: what the provider must have seen (query of the
// authorization URL; requests); answer: of the token endpoint; check: the token's answer, and the row.
const quirks = [
  {
    name: 'extra authorization parameters, from oauth and from params', onPostgres: true,
    oauth: { authorization_params: { access_type: 'offline', max_age: 60 } }, profile: { params: { prompt: 'consent' } },
    sentTo: (q) => assert.deepEqual([q.get('access_type'), q.get('max_age'), q.get('prompt')], ['offline', '60', 'consent']),
  },
  {
    name: 'PKCE off',
    oauth: { pkce: 'off' },
    sentTo: (q) => assert.ok(!q.has('code_challenge') && !q.has('code_challenge_method')),
    exchanged: ({ form }) => assert.equal(form.code_verifier, undefined),
  },
  {
    name: 'client_secret_basic, on refresh as well (D20)', onPostgres: true,
    oauth: { client_auth: 'basic' },
    exchanged: ({ form, basic }) => assert.deepEqual([basic, form.client_secret, form.client_id], ['id+1:s%26cret', undefined, undefined]),
    refreshed: ({ form, basic }) => assert.deepEqual([basic, form.client_secret], ['id+1:s%26cret', undefined]),
  },
  {
    name: 'the secret as Basic user',
    oauth: { client_auth: 'secret_as_user' },
    exchanged: ({ basic }) => assert.equal(basic, 's%26cret:'),
  },
  {
    name: 'a public client',
    oauth: { client_auth: 'none' }, profile: { client_secret: undefined },
    exchanged: ({ form, basic }) => assert.deepEqual([form.client_id, form.client_secret, basic], ['id 1', undefined, undefined]),
  },
  {
    name: 'URL templates and templated parameters', onPostgres: true,
    oauth: {
      variables: { n: { pattern: '[0-9]', title: 'Number' }, tenant: { pattern: '[a-z/]+', default: 'a/b' } },
      authorization_params: { audience: 'urn:{n}:{client_id}' }, token_params: { org: '{tenant}' },
    },
    profile: (url) => ({ auth_url: `${url.replace('0.1:', '0.{n}:')}/{tenant}/authorize`, token_url: `${url.replace('0.1:', '0.{n}:')}/token` }),
    ask: { variables: { n: '1' } },
    sentTo: (q, url) => assert.deepEqual([url.hostname, url.pathname, q.get('audience')], ['127.0.0.1', '/a%2Fb/authorize', 'urn:1:id 1']),
    exchanged: ({ form }) => assert.equal(form.org, 'a/b'),
    check: (_, row) => row && assert.deepEqual(JSON.parse(row.variables), { n: '1', tenant: 'a/b' }),
  },
  {
    name: 'fields of the token answer are kept, and make the API\'s address',
    oauth: {
      keep_response_fields: ['instance.url', 'nothing'],
      variables: { base: { pattern: 'http://127\\.0\\.0\\.1:[0-9]+', from: 'response', field: 'instance.url' } },
    },
    profile: { api_base_url: '{base}/v9' },
    answer: (_, { url }) => ({ access_token: 'at', refresh_token: 'rt', instance: { url } }),
    check: async (_, row, broker, id) => {
      assert.deepEqual(JSON.parse(row.metadata), { 'instance.url': broker.odd.url });
      const record = await openRecord(broker.keys.CACHE_KEY, tokenKey(id), await broker.redis.get(tokenKey(id)));
      assert.equal(record.api_base_url, `${broker.odd.url}/v9`);
      assert.deepEqual(record.allowed_hosts, [`127.0.0.1:${broker.odd.port}`]);
    },
  },
  {
    name: 'fields of the callback are kept, and say where the token endpoint is',
    oauth: {
      keep_callback_fields: { company: 'realmId' },
      variables: { accounts: { pattern: 'http://127\\.0\\.0\\.1:[0-9]+', from: 'callback', field: 'accounts-server' } },
    },
    profile: { token_url: '{accounts}/token' },
    callback: (url, { odd }) => ({ ...standard(url), realmId: '77', 'accounts-server': odd.url }),
    check: (_, row) => assert.deepEqual(JSON.parse(row.metadata), { company: '77' }),
  },
  {
    name: 'a request and response map of its own', onPostgres: true,
    oauth: {
      authorization_rename: { client_id: 'client_key' }, token_rename: { client_id: 'client_key', code: 'auth_code', redirect_uri: null },
      token_body: 'json', token_headers: { 'X-Client': '{client_id}' }, success: { path: 'code', equals: 0 },
      response: { access_token: 'data.access_token', refresh_token: 'data.refresh_token', expires_in: 'data.ttl', expires_in_unit: 'ms', error: 'message' },
    },
    sentTo: (q) => assert.deepEqual([q.get('client_key'), q.has('client_id')], ['id 1', false]),
    exchanged: ({ json, headers }) => {
      assert.deepEqual([json.client_key, json.auth_code, json.redirect_uri, json.client_secret], ['id 1', 'c0', undefined, 's&cret']);
      assert.equal(headers['x-client'], 'id 1');
    },
    refreshed: ({ json }) => assert.deepEqual([json.client_key, json.refresh_token], ['id 1', 'rt']),
    answer: () => ({ code: 0, message: 'success', data: { access_token: 'at', refresh_token: 'rt', ttl: 3600000 } }),
    check: (token) => {
      const left = Date.parse(token.expires_at) - Date.now();
      assert.ok(left > 3500000 && left <= 3600000, token.expires_at);
    },
  },
  {
    name: 'a JSON body beside Basic',
    oauth: { client_auth: 'basic', token_body: 'json' },
    exchanged: ({ json, basic }) => assert.deepEqual([basic, json.grant_type, json.client_secret], ['id+1:s%26cret', 'authorization_code', undefined]),
  },
  {
    name: 'scopes with commas',
    oauth: { scope_separator: ',' },
    sentTo: (q) => assert.equal(q.get('scope'), 'a:r,b'),
    answer: () => ({ access_token: 'at', refresh_token: 'rt', scope: 'a:r,c' }),
    check: (token) => assert.deepEqual(token.scopes, ['a:r', 'c']),
  },
  {
    name: 'a refresh URL of its own',
    oauth: (url) => ({ refresh_url: `${url}/renew` }), refreshPath: '/renew',
    check: (_, __, { odd }) => assert.equal(odd.last('/token').form.grant_type, 'authorization_code'),
  },
  {
    name: 'parameters that are not percent-encoded, an empty one left out',
    oauth: { authorization_encoding: { raw: ['scope'], skip_empty: true }, authorization_params: { nothing: '' } },
    sentTo: (q, url) => assert.ok(url.search.includes('scope=a:r%20b&') && !q.has('nothing'), url.search),
  },
  {
    name: 'a short-lived token for a long-lived one',
    oauth: (url) => ({ chain: { url: `${url}/long`, body: 'query', params: { grant_type: 'swap', t: '{access_token}', s: '{client_secret}' } } }),
    answer: ({ path }) => (path === '/long' ? { access_token: 'long', expires_in: 5000 } : { access_token: 'at', refresh_token: 'rt' }),
    check: (token, _, { odd }) => assert.deepEqual([token.access_token, odd.last('/long').query], ['long', { grant_type: 'swap', t: 'at', s: 's&cret' }]),
    accessToken: 'long',
  },
  {
    name: 'a header of its own for the token', onPostgres: true,
    oauth: { injection: { header_name: 'X-Shop-Token' } },
    check: (token) => assert.deepEqual(token.strategy,
      { type: 'header', config: { header_name: 'X-Shop-Token', value_prefix: '', credential_field: 'access_token' } }),
    accessToken: undefined,
  },
  {
    name: 'the code under another name',
    oauth: { code_param: 'spapi_oauth_code' },
    callback: (url) => ({ spapi_oauth_code: 'c0', state: url.searchParams.get('state') }),
  },
  {
    name: 'constants of exchange and refresh',
    oauth: { token_params: { resource: 'r' }, refresh_params: { type: 'refresh', grant_type: 'renew' } },
    exchanged: ({ form }) => assert.deepEqual([form.resource, form.type], ['r', undefined]),
    refreshed: ({ form }) => assert.deepEqual([form.resource, form.type, form.grant_type], [undefined, 'refresh', 'renew']),
  },
  {
    name: 'an access token that renews itself, by GET',
    oauth: { refresh_with: 'access_token', token_body: 'query', refresh_params: { grant_type: 'renew_token' } },
    answer: () => ({ access_token: 'at' }),
    exchanged: ({ method, query }) => assert.deepEqual([method, query.code], ['GET', 'c0']),
    refreshed: ({ method, query }) => assert.deepEqual([method, query.grant_type, query.access_token], ['GET', 'renew_token', 'at']),
  },
  {
    name: 'private_key_jwt',
    oauth: { client_auth: 'private_key_jwt', client_assertion: { kid: 'k1' } },
    profile: { client_secret: rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }) },
    exchanged: ({ form }, { odd }) => {
      const [header, claims] = form.client_assertion.split('.').slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url')));
      assert.deepEqual([header.alg, header.kid, claims.aud, form.client_secret], ['RS256', 'k1', `${odd.url}/token`, undefined]);
      assert.ok(claims.exp - claims.iat <= 60);
    },
    refreshed: ({ form }, { odd }) => {
      const sent = odd.asked.filter(({ path }) => path === '/token').map((one) => one.form.client_assertion);
      assert.ok(form.client_assertion && new Set(sent.slice(-2)).size === 2, 'never the same twice');
    },
  },
  {
    name: 'no word of a lifetime',
    oauth: { default_expires_in: 7200 },
    check: (token) => assert.ok(Date.parse(token.expires_at) - Date.now() > 7100000, token.expires_at),
  },
];

const file = wholeFile();
let broker;
before(async () => {
  broker = await start(file);
});

const resolved = (value, url) => (typeof value === 'function' ? value(url) : value);

async function liveThrough(at, quirk) {
  const { odd } = at;
  odd.answer = (asked) => (quirk.answer ? quirk.answer(asked, odd) : { access_token: 'at', refresh_token: 'rt' });
  const provider = await at.register({ ...resolved(quirk.profile, odd.url), oauth: resolved(quirk.oauth, odd.url) });
  const { id, sentTo } = await at.connect(provider, {
    ...quirk.ask, callback: (url) => (quirk.callback ? quirk.callback(url, at) : standard(url)),
  });
  quirk.sentTo?.(sentTo.searchParams, sentTo);
  quirk.exchanged?.(odd.last('/token'), at);
  const token = await at.token(id);
  assert.equal(token.status, 200, token.text);
  assert.equal(token.json.credentials.access_token, quirk.accessToken ?? 'at');
  await quirk.check?.(token.json, at.nexusd.env.DATABASE_URL.startsWith('sqlite:') ? at.row(id) : undefined, at, id);
  odd.asked.length = quirk.refreshed && quirk.name === 'private_key_jwt' ? odd.asked.length : 0;
  const refreshed = await at.refresh(id);
  assert.equal(refreshed.status, 200, refreshed.text);
  const path = quirk.refreshPath ?? '/token';
  assert.ok(odd.count(path) >= 1, 'the provider was asked');
  quirk.refreshed?.(odd.last(path), at);
  assert.ok(!at.nexusd.log().includes('s&cret'));
}

for (const quirk of quirks) {
  test(`${quirk.name}: connected and refreshed by its profile`, () => liveThrough(broker, quirk));
}

test('some of them on PostgreSQL', async (t) => {
  const at = await start(t, { database: 'postgres' });
  for (const quirk of quirks.filter((one) => one.onPostgres)) {
    await liveThrough(at, quirk);
  }
});

test('what does not fit a pattern, or its place, connects nothing', async () => {
  const { odd } = broker;
  const provider = await broker.register({
    auth_url: odd.url.replace('127.0.0.1', '{host}') + '/authorize', token_url: `${odd.url}/token`,
    oauth: { variables: { host: { pattern: '.+' }, dc: { pattern: 'eu|us', from: 'callback' } } },
  });
  for (const variables of [undefined, {}, { host: 'x@127.0.0.1' }, { host: '127.0.0.1/..' }, { host: '127.0.0.1', dc: 'eu' }, { host: 7 }]) {
    const answer = await broker.ask(provider, variables === undefined ? {} : { variables });
    assert.equal(answer.status, 400, JSON.stringify(variables));
    assert.match(answer.json.detail, /^variables\./, answer.text);
  }
  const before = odd.count('/token');
  for (const dc of ['mars', undefined]) {
    const { end, id } = await broker.consent(provider, {
      variables: { host: '127.0.0.1' }, callback: (url) => ({ ...standard(url), ...(dc ? { dc } : {}) }),
    });
    assert.equal(end.searchParams.get('status'), 'error');
    assertError(await broker.token(id), 403, 'connection_not_active');
  }
  assert.equal(odd.count('/token'), before, 'and the code went nowhere');
});

test('200 with an error body is a failure, at the exchange and at the refresh (D17)', async () => {
  const { odd } = broker;
  const provider = await broker.register({ oauth: { success: { path: 'ok', equals: true }, dead_grant_errors: ['token_revoked'] } });
  for (const body of [{ error: 'bad_verification_code' }, { ok: false, access_token: 'x' }, { ok: true, error: 'invalid_client', access_token: 'x' }]) {
    odd.answer = () => body;
    const { id, end } = await broker.consent(provider);
    assert.equal(end.searchParams.get('status'), 'error', JSON.stringify(body));
    assertError(await broker.token(id), 403, 'connection_not_active');
  }
  odd.answer = () => ({ ok: true, access_token: 'good', refresh_token: 'rt' });
  const { id } = await broker.connect(provider);
  odd.answer = () => ({ ok: false, error: 'ratelimited' });
  assert.equal((await broker.refresh(id)).status, 503);
  assert.equal((await broker.token(id)).json.access_token, 'good', 'the good token is not overwritten');
});

test('a provider\'s own code for a dead grant needs a person', async () => {
  const provider = await broker.register({ oauth: { success: { path: 'ok', equals: true }, dead_grant_errors: ['token_revoked'] } });
  broker.odd.answer = () => ({ ok: true, access_token: 'good', refresh_token: 'rt' });
  const { id } = await broker.connect(provider);
  broker.odd.answer = () => ({ ok: false, error: 'token_revoked' });
  assertError(await broker.refresh(id), 409, 'attention_required');
});

test('a provider that echoes what it was sent gives nothing away (D11)', async () => {
  const provider = await broker.register();
  broker.odd.answer = () => ({ access_token: 'good', refresh_token: 'rt-canary' });
  const { id } = await broker.connect(provider);
  broker.odd.answer = ({ form }) => ({ status: 400, body: { error: 'invalid_request', error_description: JSON.stringify(form) } });
  const refused = await broker.refresh(id);
  assertError(refused, 502, 'upstream_error');
  const audit = new DatabaseSync(broker.nexusd.databaseFile, { readOnly: true });
  const events = JSON.stringify(audit.prepare('SELECT event_type, event_data FROM audit_events').all());
  audit.close();
  for (const secret of ['s&cret', 's%26cret', 'rt-canary']) {
    for (const [where, text] of Object.entries({ answer: refused.text, audit: events, log: broker.nexusd.log() })) {
      assert.ok(!text.includes(secret), `${secret} in ${where}`);
    }
  }
});

test('an answer without a refresh token keeps the old one, refresh after refresh (D15)', async () => {
  const provider = await broker.register();
  broker.odd.answer = () => ({ access_token: 'a1', refresh_token: 'rt1', expires_in: 1 });
  const { id } = await broker.connect(provider);
  broker.odd.answer = ({ form }) => (form.refresh_token === 'rt1' ? { access_token: 'a2', expires_in: 1 } : { status: 400, body: { error: 'invalid_grant' } });
  for (let round = 0; round < 3; round++) {
    const answer = await broker.refresh(id);
    assert.equal(answer.status, 200, answer.text);
  }
});

test('discovery alone is enough, and never overrides what is configured (D19, D20)', async () => {
  const { odd } = broker;
  const document = { issuer: odd.url, authorization_endpoint: `${odd.url}/found-authorize`, token_endpoint: `${odd.url}/found-token`, jwks_uri: `${odd.url}/jwks` };
  odd.answer = ({ path }) => (path.endsWith('openid-configuration') ? document : { access_token: 'at', refresh_token: 'rt' });
  odd.asked.length = 0;
  const found = await broker.register({ issuer: odd.url, enable_discovery: true, auth_url: undefined, token_url: undefined });
  const { sentTo } = await broker.connect(found);
  assert.equal(sentTo.pathname, '/found-authorize');
  assert.equal(odd.count('/found-token'), 1);
  const configured = await broker.register({ issuer: odd.url, enable_discovery: true, auth_url: undefined });
  const { id } = await broker.connect(configured);
  assert.equal((await broker.refresh(id)).status, 200);
  assert.equal(odd.count('/token'), 2, 'exchange and refresh went where the profile says');
  assert.equal(odd.count('/found-token'), 1);
});

test('registration: errors are JSON, name the member, and tell a duplicate from a bad name (D21, D22)', async () => {
  const refused = (more) => broker.call('POST', '/providers', { json: { profile: broker.profile(more) } });
  const missing = await refused({ client_id: undefined, token_url: undefined });
  assertError(missing, 400, 'missing_fields');
  assert.equal(missing.json.detail, 'profile.client_id, profile.token_url');
  assert.equal(missing.json.message, 'missing profile.client_id, profile.token_url');
  await broker.register({ name: 'twice' });
  assertError(await refused({ name: 'twice' }), 409, 'provider_exists');
  const mixed = await refused({ params: { prompt: 'consent', odd: 7 } });
  assertError(mixed, 400, 'invalid_request');
  assert.equal(mixed.json.detail, 'profile.params.odd');
  const flagged = await broker.register({ params: { prompt: 'consent', skip_scope_on_auth: true } });
  const { sentTo } = await broker.consent(flagged);
  assert.deepEqual([sentTo.searchParams.get('prompt'), sentTo.searchParams.has('scope')], ['consent', false]);
});

test('a deleted provider is of no use any more (D26)', async () => {
  broker.odd.answer = () => ({ access_token: 'at', refresh_token: 'rt' });
  const provider = await broker.register({ name: 'gone' });
  const { id } = await broker.connect(provider);
  const asked = await broker.ask(provider);
  assert.equal((await broker.call('DELETE', `/v1/providers/${provider}`)).status, 200);
  const before = broker.odd.count('/token');
  assertError(await broker.ask(provider), 404, 'provider_not_found');
  assertError(await broker.token(id), 403, 'connection_revoked');
  assertError(await broker.refresh(id), 403, 'connection_revoked');
  assert.ok((await request(asked.json.authUrl)).status >= 400, 'a link that was out already leads nowhere');
  assert.equal(broker.odd.count('/token'), before);
  assertError(await broker.call('GET', `/providers/${provider}`), 404, 'provider_not_found');
  assert.notEqual(await broker.register({ name: 'gone' }), provider);
});

test('PATCH keeps what it does not name; the secret is for secrets:read alone (D1)', async () => {
  const provider = await broker.register({ description: 'old', category: 'c', user_info_endpoint: `${broker.odd.url}/u`, oauth: { pkce: 'off' } });
  const path = `/v1/providers/${provider}`;
  const original = (await broker.call('GET', path)).json;
  const changed = await broker.call('PATCH', path, { json: { description: 'new', category: null } });
  assert.deepEqual([changed.status, changed.json.changed], [200, true], changed.text);
  const { updated_at, ...now } = (await broker.call('GET', path)).json;
  assert.ok(updated_at >= original.updated_at);
  assert.deepEqual({ ...now, updated_at: original.updated_at }, { ...original, description: 'new', category: '' });
  assertError(await broker.call('PATCH', path, { json: { odd: 1 } }), 400, 'invalid_request');
  assertError(await broker.call('PATCH', '/providers/00000000-0000-4000-8000-000000000000', { json: {} }), 404, 'provider_not_found');

  const key = async (scopes) => {
    const made = await broker.call('POST', '/admin/keys', { json: { name: scopes.join(' '), scopes } });
    assert.equal(made.status, 201, made.text);
    return made.json.key.secret;
  };
  const reader = await key(['providers:read', 'providers:write']);
  const trusted = await key(['providers:read', 'secrets:read']);
  assert.equal((await broker.call('GET', path, { key: trusted })).json.client_secret, undefined, 'who does not ask gets none');
  assertError(await broker.call('GET', `${path}?include=client_secret`, { key: reader }), 403, 'insufficient_grant');
  assertError(await broker.call('PATCH', path, { key: trusted, json: { token_url: `${broker.odd.url}/evil` } }), 403, 'insufficient_grant');
  for (const change of [
    { token_url: `${broker.odd.url}/evil` }, { issuer: broker.odd.url }, { user_info_endpoint: `${broker.odd.url}/evil` },
    { oauth: { refresh_url: `${broker.odd.url}/evil` } }, { oauth: { revocation_url: `${broker.odd.url}/evil` } },
    { api_base_url: 'https://evil.example' }, { allowed_hosts: ['evil.example'] }, { token_url: `${broker.odd.url}/evil`, client_secret: 'mine' },
  ]) {
    assertError(await broker.call('PATCH', path, { key: reader, json: change }), 403, 'insufficient_grant', JSON.stringify(change));
  }
  assert.equal((await broker.call('PATCH', path, { key: reader, json: { description: 'newer' } })).status, 200);
  const shown = await broker.call('GET', `${path}?include=client_secret`, { key: trusted });
  assert.deepEqual([shown.json.client_secret, shown.headers['cache-control']], ['s&cret', 'no-store']);
  const audit = new DatabaseSync(broker.nexusd.databaseFile, { readOnly: true });
  const reads = audit.prepare('SELECT actor FROM audit_events WHERE event_type = ?').all('provider.secret_read');
  audit.close();
  assert.equal(reads.length, 1);
  assert.match(reads[0].actor, /^key:/);

  const agent = await broker.call('POST', '/admin/agents', { json: { name: 'a', workspace_id: 'w1', grants: ['admin'] } });
  for (const [method, route, json] of [['GET', path], ['PATCH', path, { description: 'x' }], ['DELETE', path], ['POST', '/v1/providers', { profile: broker.profile() }]]) {
    assertError(await broker.call(method, route, { key: agent.json.key.secret, json }), 403, 'insufficient_grant', `${method} ${route}`);
    assertError(await broker.call(method, route, { key: '', json }), 401, 'missing_api_key');
  }
  assert.ok((await broker.call('GET', '/v1/providers', { key: agent.json.key.secret })).json.oauth2[original.name]);
});

test('private_key_jwt is understood by a certified provider', async (t) => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwks = { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES256', use: 'sig' }] };
  const idp = await startIdp(t, { redirectUris: [`${broker.nexusd.url}/auth/callback`], clientAuth: 'private_key_jwt', jwks });
  const provider = await broker.register({
    issuer: idp.issuer, enable_discovery: true, auth_url: undefined, token_url: undefined, client_id: idp.clientId,
    client_secret: JSON.stringify({ ...privateKey.export({ format: 'jwk' }), kid: 'k1' }), scopes: ['openid', 'offline_access'],
    oauth: { client_auth: 'private_key_jwt', client_assertion: { alg: 'ES256' } },
  });
  const asked = await broker.ask(provider);
  const end = new URL(await new Browser().consent(asked.json.authUrl, { until: (url) => url.startsWith(broker.app.url) }));
  assert.equal(end.searchParams.get('status'), 'success', end.href);
  assert.equal((await broker.refresh(asked.json.connection_id)).status, 200);
  assert.equal(idp.counts.refresh, 1);
});

test('all eight auth types are registered, connected and put on', async (t) => {
  const line = await startLine(t);
  const agent = await line.createAgent();
  const types = [
    ['api_key', {}, { api_key: 'k' }],
    ['header', { header_name: 'X-Key', header_name_2: 'X-App', credential_field_2: 'app', value_prefix_2: 'App ' }, { api_key: 'k', app: 'a' }],
    ['query_param', { param_name: 'key' }, { api_key: 'k' }],
    ['basic_auth', {}, { username: 'u', password: 'p' }],
    ['hmac_payload', { header_name: 'X-Signature', algo: 'sha1', encoding: 'base64' }, { api_secret: 'h' }],
    ['aws_sigv4', { service: 'execute-api' }, { access_key: 'AKIA', secret_key: 'sk' }],
    ['oauth1', { realm: 'r' }, { consumer_key: 'ck', consumer_secret: 'cs' }],
  ];
  await line.createProvider();
  assert.equal((await line.token(agent, await line.connect(agent))).json.strategy.type, 'oauth2');
  for (const [type, params, credentials] of types) {
    const name = type.replace('_', '-');
    await line.createProvider({
      name, auth_type: type, params, issuer: undefined, enable_discovery: undefined, auth_header: undefined, client_id: undefined,
      client_secret: undefined, scopes: undefined,
    });
    const connection = await line.capture(agent, name, credentials);
    const token = await line.token(agent, connection);
    assert.equal(token.status, 200, token.text);
    assert.deepEqual(token.json.credentials, credentials, type);
    assert.equal(token.json.strategy.type, type === 'api_key' ? 'header' : type);
    line.api.accept = () => true;
    const call = await line.call(agent, connection);
    assert.equal(call.status, 200, call.text);
    const arrived = line.api.requests.at(-1);
    if (type === 'header') {
      assert.deepEqual([arrived.headers['x-key'], arrived.headers['x-app']], ['k', 'App a']);
    } else if (type === 'hmac_payload') {
      assert.equal(arrived.headers['x-signature'], createHmac('sha1', 'h').update('').digest('base64'));
    } else if (type === 'oauth1') {
      assert.match(arrived.headers.authorization, /^OAuth realm="r", oauth_consumer_key="ck", .*oauth_signature="[^"]{28,}"$/);
    } else if (type === 'aws_sigv4') {
      assert.equal(await refusalOf({ ...arrived, body: Buffer.alloc(0) }, { AKIA: 'sk' }), '');
    }
  }
  const metadata = await line.admin('GET', '/providers/metadata');
  assert.deepEqual(Object.keys(metadata.json).sort(), ['api_key', 'aws_sigv4', 'basic_auth', 'header', 'hmac_payload', 'oauth1', 'oauth2', 'query_param']);
});
