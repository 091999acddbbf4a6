// Moving from the Nexus Framework: its database is read, nothing there changes, and a moved connection is used and
// refreshed here as if nothing had been.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { Browser } from '../support/browser.mjs';
import { assertNoSecrets } from '../support/canary.mjs';
import { expectStatus, post, startLine } from '../support/line.mjs';
import { built } from '../support/paths.mjs';
import { startPostgres } from '../support/postgres.mjs';
import { runProgram } from '../support/process.mjs';
import { createReferenceDatabase } from '../support/reference-database.mjs';

const SCOPES = ['openid', 'offline_access', 'api:read'];

/** A line, a reference database, and nexusctl between them. */
async function start(t, database) {
  const line = await startLine(t, { database });
  const reference = await createReferenceDatabase(line.postgres ?? await startPostgres(t));
  const run = async (args, env = {}) => {
    const done = await runProgram(built('control_plane/nexusctl'), ['import', 'nexus', '--json', ...args], {
      env: {
        PATH: process.env.PATH, NEXUS_URL: line.nexusd.url, API_KEY: line.keys.API_KEY,
        NEXUS_IMPORT_ENCRYPTION_KEY: reference.encryptionKey, ...env,
      },
    });
    const lines = done.stdout.split('\n').filter((text) => text.startsWith('{')).map((text) => JSON.parse(text));
    return {
      ...done, summary: lines.find((entry) => entry.kind === 'summary'),
      of: (id) => lines.find((entry) => entry.id === id), lines,
    };
  };
  return { line, reference, run };
}

/** What the reference's broker does: the authorization code flow, ending with the provider's whole token answer. */
async function tokenOfARealFlow(line) {
  const verifier = randomBytes(32).toString('base64url');
  const redirect = `${line.site.front}/auth/callback`;
  const query = new URLSearchParams({
    response_type: 'code', client_id: line.idp.clientId, redirect_uri: redirect, scope: SCOPES.join(' '), prompt: 'consent',
    state: 'there', code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256',
  });
  const end = await new Browser().consent(`${line.idp.issuer}/auth?${query}`, { until: (url) => url.startsWith(redirect) });
  const answer = expectStatus(200, await post(`${line.idp.issuer}/token`, {
    body: new URLSearchParams({
      grant_type: 'authorization_code', code: new URL(end).searchParams.get('code'), redirect_uri: redirect, code_verifier: verifier,
    }).toString(),
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      authorization: `Basic ${Buffer.from(`${line.idp.clientId}:${line.idp.clientSecret}`).toString('base64')}`,
    },
  }));
  assert.ok(answer.json.refresh_token);
  return answer.json;
}

const schema = (...required) => ({
  credential_schema: { type: 'object', required, properties: Object.fromEntries(required.map((name) => [name, { type: 'string' }])) },
});

/** Providers of every type and connections in every state. */
async function fill(reference, line) {
  const { idp } = line;
  const client = { client_id: idp.clientId, client_secret: idp.clientSecret };
  const urls = { auth_url: `${idp.issuer}/auth`, token_url: `${idp.issuer}/token` };
  const providers = {
    demo: reference.provider({
      name: 'demo', auth_header: 'Basic', ...client, ...urls, scopes: SCOPES, api_base_url: line.api.url,
      params: { prompt: 'consent', skip_scope_on_exchange: true }, description: 'the real one', category: 'test',
    }),
    discovered: reference.provider({
      name: 'discovered', auth_type: '', ...client, issuer: idp.issuer, enable_discovery: true, scopes: ['openid profile'],
    }),
    keyed: reference.provider({ name: 'keyed', auth_type: 'api_key', api_base_url: line.api.url, params: schema('api_key') }),
    basic: reference.provider({ name: 'basic', auth_type: 'basic_auth', api_base_url: line.api.url, params: schema('username', 'password') }),
    header: reference.provider({
      name: 'header', auth_type: 'header', params: { auth_strategy: { type: 'header', config: { header_name: 'X-H', credential_field: 'api_key' } } },
    }),
    query: reference.provider({
      name: 'query', auth_type: 'query_param', params: { auth_strategy: { type: 'query_param', config: { param_name: 'key' } } },
    }),
    hmac: reference.provider({
      name: 'hmac', auth_type: 'hmac_payload', params: { auth_strategy: { type: 'hmac_payload', config: { header_name: 'X-Signature' } } },
    }),
    aws: reference.provider({ name: 'aws', auth_type: 'aws_sigv4', params: { auth_strategy: { type: 'aws_sigv4', config: { service: 's3' } } } }),
    gone: reference.provider({ name: 'gone', ...client, ...urls, deleted_at: '2026-01-01T00:00:00Z' }),
    unused: reference.provider({ name: 'gone', ...client, ...urls, deleted_at: '2026-01-02T00:00:00Z' }),
    broken: reference.provider({ name: 'Broken Name', ...client, ...urls }),
  };
  const secrets = { access: 'canary-access-token', refresh: 'canary-refresh-token', api: 'canary-api-key', password: 'canary-password' };
  const token = { access_token: secrets.access, refresh_token: secrets.refresh, token_type: 'bearer', expires_in: 3600 };
  const expiresAt = new Date(Date.now() + 3600_000).toISOString();
  const other = reference.seal(token, randomBytes(32));
  const damaged = reference.seal(token).replace(/^(.{30})(.)/, (_, head, c) => head + (c === 'A' ? 'B' : 'A'));
  const real = await tokenOfARealFlow(line);
  const connections = {
    real: reference.connection({
      provider: providers.demo, token: real, scopes: SCOPES, expiresAt: new Date(Date.now() + real.expires_in * 1000).toISOString(),
      created_at: '2026-01-02T03:04:05Z',
    }),
    keyed: reference.connection({ provider: providers.keyed, token: { api_key: secrets.api, access_token: 'planted' } }),
    basic: reference.connection({ provider: providers.basic, workspace_id: 'bob', token: { username: 'u', password: secrets.password } }),
    attention: reference.connection({ provider: providers.demo, status: 'attention', token, expiresAt }),
    failed: reference.connection({ provider: providers.demo, status: 'failed' }),
    pending: reference.connection({ provider: providers.demo, status: 'pending' }),
    textual: reference.connection({ provider: providers.demo, token: { ...token, expires_in: '3600' } }),
    damaged: reference.connection({ provider: providers.demo, sealed: damaged }),
    foreign: reference.connection({ provider: providers.demo, sealed: other }),
    noToken: reference.connection({ provider: providers.demo }),
    errorBody: reference.connection({ provider: providers.demo, token: { error: 'bad_code' } }),
    lacking: reference.connection({ provider: providers.basic, token: { username: 'u' } }),
    ofGone: reference.connection({ provider: providers.gone, token, expiresAt }),
    ofBroken: reference.connection({ provider: providers.broken, token, expiresAt }),
  };
  await reference.sql("INSERT INTO audit_events (event_type) SELECT 'token_retrieved' FROM generate_series(1, 7)");
  return { providers, connections, real, secrets: [...Object.values(secrets), real.access_token, real.refresh_token, idp.clientSecret] };
}

const REFUSED = ['damaged', 'foreign', 'noToken', 'errorBody', 'lacking', 'ofBroken'];

for (const database of ['sqlite', 'postgres']) {
  test(`a whole database moves, ids kept, and its connections work on (${database})`, async (t) => {
    const { line, reference, run } = await start(t, database);
    const { providers, connections, real, secrets } = await fill(reference, line);
    const before = await reference.fingerprint();
    const listed = async () => (await line.admin('GET', '/connections?limit=1000')).json.items;

    // A dry run tells what would be, and does nothing.
    const dry = await run(['--from', reference.url]);
    assert.equal(dry.code, 1, dry.stderr);
    assert.deepEqual(dry.summary, {
      kind: 'summary', applied: false, complete: true, providers: { create: 8, unchanged: 0, skip: 2, refuse: 1 },
      connections: { create: 6, unchanged: 0, skip: 2, refuse: 6 }, audit_events_not_moved: 7,
    });
    assert.deepEqual((await line.admin('GET', '/providers')).json, []);
    assert.deepEqual(await listed(), []);
    for (const name of REFUSED) {
      assert.equal(dry.of(connections[name]).action, 'refuse', name);
    }
    assert.match(dry.of(providers.broken).reason, /name/);
    assert.match(dry.of(connections.damaged).reason, /do not open/);
    assert.match(dry.of(providers.demo).notes.join(), /params prompt had no effect there/);
    assert.match(dry.of(connections.keyed).notes.join(), /left out: access_token/);

    // Applied: the same sums, ids kept.
    const applied = await run(['--from', reference.url, '--apply']);
    assert.equal(applied.code, 1, applied.stderr);
    assert.deepEqual(applied.summary, { ...dry.summary, applied: true }, applied.stdout);
    const there = new Map((await listed()).map((connection) => [connection.id, connection]));
    assert.deepEqual([...there.keys()].sort(), ['real', 'keyed', 'basic', 'attention', 'failed', 'textual'].map((name) => connections[name]).sort());
    const moved = there.get(connections.real);
    assert.deepEqual([moved.workspace_id, moved.user_id, moved.provider_id, moved.state, moved.refreshable, moved.created_at],
      ['alice', 'alice', providers.demo, 'active', true, '2026-01-02T03:04:05Z']);
    assert.deepEqual(moved.scopes, SCOPES);
    assert.equal(there.get(connections.attention).state, 'attention');
    assert.equal(there.get(connections.failed).state, 'failed');
    assert.ok(there.get(connections.textual).expires_at, 'expires_in as text counts too');
    const profile = (await line.admin('GET', `/providers/${providers.demo}`)).json;
    assert.deepEqual([profile.auth_header, profile.client_secret_set, profile.description], ['client_secret_basic', true, 'the real one']);
    assert.deepEqual((await line.admin('GET', `/providers/${providers.discovered}`)).json.scopes, ['openid', 'profile']);

    // Again: nothing to do, also where something was changed here since.
    const again = await run(['--from', reference.url, '--apply']);
    assert.deepEqual(again.summary.providers, { create: 0, unchanged: 8, skip: 2, refuse: 1 });
    assert.deepEqual(again.summary.connections, { create: 0, unchanged: 6, skip: 2, refuse: 6 });
    assert.deepEqual(new Map((await listed()).map((connection) => [connection.id, connection])), there);

    // Used through the sidecar, and refreshed at the provider with the moved refresh token.
    const agent = await line.createAgent({ workspace: 'alice' });
    line.api.accept = undefined;
    const call = await line.call(agent, connections.real);
    assert.equal(call.status, 200, call.text);
    const refreshed = await line.refresh(agent, connections.real);
    assert.equal(refreshed.status, 200, refreshed.text);
    assert.notEqual(refreshed.json.access_token, real.access_token);
    assert.equal(line.idp.counts.refresh, 1);
    assert.equal((await line.call(agent, connections.real)).status, 200);
    const afterRefresh = await run(['--from', reference.url, '--apply']);
    assert.equal(afterRefresh.of(connections.real).action, 'unchanged');
    assert.equal((await line.token(agent, connections.real)).json.access_token, refreshed.json.access_token, 'the newer token stays');
    line.api.accept = (incoming) => incoming.headers['x-api-key'] === 'canary-api-key';
    assert.equal((await line.call(agent, connections.keyed)).status, 200);
    assert.equal((await line.check(agent, connections.attention)).json.status, 'attention');

    // What was read is as it was, and nothing was said that must not be.
    assert.deepEqual(await reference.fingerprint(), before);
    const said = [dry, applied, again].flatMap(({ stdout, stderr }) => [stdout, stderr]);
    assertNoSecrets(secrets, { said: said.join('\n'), log: line.nexusd.log(), database: await line.databaseDump() });
  });
}

test('choices: one workspace, deleted providers, another try for attention, a password out of sight', async (t) => {
  const { line, reference, run } = await start(t, 'sqlite');
  const { providers, connections } = await fill(reference, line);
  const file = path.join(line.nexusd.dir, 'reference.url');
  fs.writeFileSync(file, `${reference.url}\n`);
  const applied = await run(['--from-file', file, '--apply', '--workspace', 'acme', '--include-deleted', '--retry-attention', '--quiet'], {
    NEXUS_IMPORT_ENCRYPTION_KEY: undefined, ENCRYPTION_KEY: reference.encryptionKey, PGPASSWORD: 'canary-database-password',
  });
  assert.equal(applied.code, 1, applied.stderr);
  assert.ok(applied.lines.every(({ kind, action }) => kind === 'summary' || action === 'refuse'), 'quiet');
  assert.equal(applied.summary.providers.create, 9);
  const of = async (id) => (await line.admin('GET', `/connections/${id}`)).json;
  assert.equal((await of(connections.basic)).workspace_id, 'acme');
  assert.equal((await of(connections.basic)).user_id, 'bob');
  assert.equal((await of(connections.attention)).state, 'active');
  assert.equal((await of(connections.ofGone)).provider_id, providers.gone);
});

test('large and small rows go through the nginx in front, in calls that it lets through', async (t) => {
  const { line, reference, run } = await start(t, 'sqlite');
  const provider = reference.provider({ name: 'keyed', auth_type: 'api_key', api_base_url: line.api.url, params: schema('api_key') });
  // The large ones come first and nearly fill half a MiB, the small ones then come as close to it as can be.
  for (let i = 0; i < 150; ++i) {
    reference.connection({
      id: `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`, provider, created_at: '2026-01-02T03:04:05Z', token: { api_key: 'k'.repeat(i < 64 ? 7895 : 30) },
    });
    if (i % 8 === 0 || i === 149) {
      await reference.sql('SELECT 1');   // one line of psql takes 128 KiB
    }
  }
  const applied = await run(['--from', reference.url, '--apply'], { NEXUS_URL: line.site.front });
  assert.equal(applied.code, 0, applied.stderr);
  assert.deepEqual(applied.summary.connections, { create: 150, unchanged: 0, skip: 0, refuse: 0 });
});

test('what cannot be read is said in one sentence, and nothing is done', async (t) => {
  const { line, reference, run } = await start(t, 'postgres');
  await fill(reference, line);
  const refused = async (args, env, code, sentence) => {
    const done = await run(args, env);
    assert.equal(done.code, code, done.stderr);
    assert.match(done.stderr, sentence);
    assert.ok(!done.stderr.includes('canary'));
    assert.equal(done.lines.length, 0);
  };
  await refused(['--from', reference.url, '--apply'], { NEXUS_IMPORT_ENCRYPTION_KEY: randomBytes(32).toString('base64') }, 1, /opens none/);
  await refused(['--from', reference.url], { NEXUS_IMPORT_ENCRYPTION_KEY: undefined }, 2, /NEXUS_IMPORT_ENCRYPTION_KEY/);
  await refused(['--from', reference.url], { NEXUS_IMPORT_ENCRYPTION_KEY: 'c2hvcnQ=' }, 2, /32 bytes/);
  const noFile = path.join(line.nexusd.dir, 'none');
  for (const beside of [undefined, reference.encryptionKey]) {
    const env = { NEXUS_IMPORT_ENCRYPTION_KEY: undefined, NEXUS_IMPORT_ENCRYPTION_KEY_FILE: noFile, ENCRYPTION_KEY: beside };
    await refused(['--from', reference.url], env, 2, /^nexusctl: NEXUS_IMPORT_ENCRYPTION_KEY_FILE: file:\S+none: No such file or directory\n$/);
  }
  await refused(['--from', line.postgres.url], {}, 1, /no Nexus Framework database/);
  await refused(['--from', 'postgresql://u:canary@127.0.0.1:1/x?canary=%zz'], {}, 1, /cannot be read/);
  await refused(['--from', 'postgresql://u:canary@127.0.0.1:1/x'], {}, 1, /the reference's database/);
  assert.equal((await run([])).code, 2);
  assert.equal((await run(['--from', reference.url, '--from-file', '/x'])).code, 2);
  assert.deepEqual((await line.admin('GET', '/providers')).json, []);
});

test('POST /connections/import: one, many, again, and what is refused', async (t) => {
  const line = await startLine(t);
  const provider = await line.createProvider({ issuer: undefined, enable_discovery: undefined, auth_url: `${line.idp.issuer}/auth`, token_url: `${line.idp.issuer}/token` });
  const token = await tokenOfARealFlow(line);
  const id = '0B2F5E64-6A0D-4C6B-8A3C-0D5B6C7D8E9F';
  const item = {
    id, provider_id: provider, workspace_id: 'w1', user_id: 'u', labels: { team: 'x' },
    credentials: { access_token: token.access_token, refresh_token: token.refresh_token, expires_in: token.expires_in, id_token: token.id_token },
  };
  const imports = (json, options) => line.admin('POST', '/connections/import', json, options);
  const dry = await imports({ ...item, dry_run: true });
  assert.equal(dry.status, 200, dry.text);
  assert.equal((await line.admin('GET', `/connections/${id}`)).status, 404);
  const made = await imports(item);
  assert.equal(made.status, 201, made.text);
  assert.equal(made.json.id, id.toLowerCase());
  assert.equal((await imports(item)).status, 200);
  assert.equal((await imports({ ...item, user_id: 'other' })).status, 409);
  const agent = await line.createAgent();
  const connection = made.json.id;
  assert.equal((await line.call(agent, connection)).status, 200);
  assert.equal((await line.token(agent, connection)).json.id_token, undefined, 'nobody has verified it');
  assert.equal((await line.refresh(agent, connection)).status, 200);

  const many = await imports({ connections: [item, { ...item, id: undefined }, { ...item, id: undefined, credentials: {} }] });
  assert.equal(many.status, 200, many.text);
  assert.deepEqual(many.json.items.map(({ status, result, error }) => [status, result ?? error]),
    [[200, 'unchanged'], [201, 'created'], [400, 'missing_fields']]);
  assert.equal((await imports({ connections: [] })).status, 400);
  assert.equal((await imports({ connections: Array(101).fill({}) })).status, 400);
  for (const key of [undefined, line.keys.EDGE_KEY]) {
    assert.ok([401, 403].includes((await imports(item, { headers: { 'x-api-key': key ?? '' } })).status));
  }
  assertNoSecrets([token.access_token, token.refresh_token], { log: line.nexusd.log() });

  // A provider's id may be kept too.
  const profile = { name: 'kept', auth_type: 'api_key' };
  assert.equal((await line.admin('POST', '/providers', { profile, id, dry_run: true })).status, 200);
  const kept = await line.admin('POST', '/providers', { profile, id });
  assert.deepEqual([kept.status, kept.json.id], [201, id.toLowerCase()]);
  const taken = await line.admin('POST', '/providers', { profile: { ...profile, name: 'other' }, id });
  assert.deepEqual([taken.status, taken.json.error], [409, 'conflict']);
  assert.equal((await line.admin('POST', '/providers', { profile: { ...profile, name: 'other' }, id: 'x' })).json.error, 'invalid_provider_id');
});
