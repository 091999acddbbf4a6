// The life of a connection after its first consent: reconnected, labelled, listed, revoked here and at the provider,
// deleted; and connections that need no person.
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import test from 'node:test';
import { Browser } from '../support/browser.mjs';
import { assertError } from '../support/errors.mjs';
import { request } from '../support/http.mjs';
import { expectStatus, startLine } from '../support/line.mjs';
import { openRecord, tokenKey } from '../support/records.mjs';
import { waitFor } from '../support/wait.mjs';

const HTML = { accept: 'text/html' };
const row = async (line, id) => expectStatus(200, await line.admin('GET', `/connections/${id}`)).json;
const ids = async (line, query) => expectStatus(200, await line.admin('GET', `/connections?${query}`)).json.items.map((item) => item.id);

async function needAttention(line, agent, id) {
  await line.idp.revokeGrants();
  await waitFor('the refresh to be refused', async () => (await line.refresh(agent, id)).status === 409, { timeout: 8000, interval: 200 });
}

for (const database of ['sqlite', 'postgres']) {
  test(`reconnecting keeps the id and the account (${database})`, async (t) => {
    const line = await startLine(t, { database, logLevel: 'info' });
    await line.createProvider();
    const agent = await line.createAgent();
    const id = await line.connect(agent);
    assert.equal((await row(line, id)).account, 'alice');
    assert.equal((await row(line, id)).reconnect_url, undefined, 'it works');
    const over = (json) => line.admin('POST', `/connections/${id}/reconnect`, json);

    // By the API, while it works: the old token is good until the new one is there.
    const again = expectStatus(200, await over({ return_url: `${line.app.url}/again?x=1` })).json;
    assert.equal(again.connection_id, id);
    assert.equal(again.status, 'active');
    const before = (await line.token(agent, id)).json.access_token;
    const mallory = new URL(await line.consent(again.authUrl, { login: 'mallory' }));
    assert.equal(mallory.searchParams.get('error'), 'other_account');
    assert.equal((await line.token(agent, id)).json.access_token, before, 'nothing has changed');
    assert.equal((await row(line, id)).account, 'alice');
    const same = expectStatus(200, await over()).json;
    const end = new URL(await line.consent(same.authUrl));
    assert.equal(end.searchParams.get('status'), 'success', end.href);
    assert.equal(end.pathname, '/again', 'where the last flow ended');
    await waitFor('the newer token', async () => (await line.token(agent, id)).json.access_token !== before);

    // By the standing link, once it needs a person.
    await needAttention(line, agent, id);
    const refused = await line.token(agent, id);
    assertError(refused, 409, 'attention_required');
    const link = refused.json.reconnect_url;
    assert.ok(link.startsWith(`${line.site.front}/connect/`), link);
    for (const other of [(await row(line, id)).reconnect_url, (await line.admin('GET', `/connections/${id}/token`)).json.reconnect_url]) {
      assert.ok(other.startsWith(`${line.site.front}/connect/`), other);
    }
    const browser = new Browser();
    const page = await browser.open(link);
    assert.equal(page.status, 200);
    assert.match(page.text, /<h1>Connect demo again<\/h1>[\s\S]*<button type="submit">Connect again<\/button>/);
    assert.equal((await row(line, id)).flow_expires_at, undefined, 'looking at the link begins nothing');
    assert.deepEqual((await request(link)).json, { provider_name: 'demo' });
    const left = await browser.submit(page, {}, { until: (url) => url.startsWith(line.idp.issuer) });
    assert.ok(left.stopped && (await row(line, id)).flow_expires_at);
    const back = new URL(await browser.consent(left.url, { until: (url) => url.startsWith(line.app.url) }));
    assert.equal(back.searchParams.get('status'), 'success', back.href);
    assert.equal(back.searchParams.get('connection_id'), id);
    assert.equal((await line.token(agent, id)).status, 200);
    assert.equal((await request(link, { headers: HTML })).status, 400, 'not needed any more');
    assertError(await request(link, { method: 'POST' }), 400, 'invalid_state');
    assertError(await request(link.replace('/connect/', '/auth/capture-schema?state=')), 400, 'invalid_state');

    // Another account, if that is said.
    const allowed = expectStatus(200, await over({ allow_other_account: true })).json;
    assert.equal(new URL(await line.consent(allowed.authUrl, { login: 'bob' })).searchParams.get('status'), 'success');
    assert.equal((await row(line, id)).account, 'bob');
    for (const secret of [link.split('/').at(-1), again.state]) {
      assert.ok(!line.nexusd.log().includes(secret) && !line.site.accessLog().includes(secret) && !line.site.errorLog().includes(secret));
    }
    if (database === 'sqlite') {
      const types = auditTypes(line, id);
      assert.equal(types.filter((type) => type === 'connection.reconnecting').length, 4);
      assert.equal(types.filter((type) => type === 'oauth_flow_completed').length, 4);
    }
  });

  test(`pending and failed connections are tried again, by who may (${database})`, async (t) => {
    const line = await startLine(t, { database, logLevel: 'info' });
    await line.createProvider();
    const agent = await line.createAgent();
    const again = (who, connection, more) => line.gateway('POST', '/v1/request-connection', { key: who.key, json: { connection_id: connection, ...more } });
    const first = expectStatus(200, await line.requestConnection(agent)).json;
    assert.equal(first.status, 'pending');
    const id = first.connection_id;
    assert.ok((await row(line, id)).flow_expires_at);
    assert.equal((await line.check(agent, id)).json.status, 'pending', 'not failed (D18)');

    const second = expectStatus(200, await again(agent, id)).json;
    assert.notEqual(second.state, first.state);
    assert.equal((await request(first.authUrl, { headers: HTML })).status, 400, 'the newer flow has taken its place');
    line.idp.fail('/token', { status: 400, body: { error: 'invalid_grant' } });
    assert.equal(new URL(await line.consent(second.authUrl)).searchParams.get('error'), 'token_exchange_failed');
    assert.equal((await row(line, id)).state, 'failed');
    assert.ok((await row(line, id)).reconnect_url);
    const third = expectStatus(200, await again(agent, id)).json;
    assert.equal(third.status, 'pending');
    assert.equal((await row(line, id)).state, 'pending');
    assert.equal(new URL(await line.consent(third.authUrl)).searchParams.get('status'), 'success');
    assert.equal((await line.check(agent, id)).json.status, 'active');

    const stranger = await line.createAgent({ name: 'stranger', workspace: 'w2' });
    const user = await line.createAgent({ name: 'user', grants: ['token:use'] });
    const narrowed = await line.createAgent({ name: 'narrowed', connections: [id] });
    assertError(await again(stranger, id), 404, 'connection_not_found');
    assertError(await again(user, id), 403, 'insufficient_grant');
    assertError(await again(agent, id, { allow_other_account: true }), 400, 'invalid_request');
    assertError(await again(agent, id, { return_url: 'https://evil.example/' }), 400, 'return_url_not_allowed');
    assertError(await again(agent, 'x'), 400, 'invalid_connection_id');
    assertError(await line.requestConnection(narrowed), 403, 'insufficient_grant');
    assert.equal((await again(narrowed, id)).status, 200, 'its own connection');
    expectStatus(200, await line.admin('POST', `/connections/${id}/revoke`));
    assertError(await again(agent, id), 403, 'connection_revoked');
  });

  test(`labels, filters and pages (${database})`, async (t) => {
    const line = await startLine(t, { database, logLevel: 'info' });
    await line.createProvider();
    const agent = await line.createAgent();
    const make = async (labels, more) => expectStatus(200, await line.requestConnection(agent, { labels, ...more })).json.connection_id;
    const tricky = await make({ env: 'x","team":"red', team: 'Red' });
    const prod = await make({ env: 'prod', team: 'red' }, { user_id: 'carol' });
    const test_ = await make({ env: 'test', team: 'red' });
    const label = (text) => `label=${encodeURIComponent(text)}`;
    assert.deepEqual(await ids(line, label('env:prod')), [prod]);
    assert.deepEqual(await ids(line, label('team:red')), [test_, prod]);
    assert.deepEqual(await ids(line, `${label('team:red')}&${label('env:test')}`), [test_]);
    assert.deepEqual(await ids(line, label('env:x","team":"red')), [tricky]);
    assert.deepEqual(await ids(line, label('env:pro')), []);
    assert.deepEqual(await ids(line, 'user_id=carol'), [prod]);
    assertError(await line.admin('GET', '/connections?label=nocolon'), 400, 'invalid_request');

    const patch = (id, labels) => line.admin('PATCH', `/connections/${id}`, { labels });
    assert.deepEqual(expectStatus(200, await patch(prod, { env: null, 'a.b/c-d': 'ü' })).json.labels, { team: 'red', 'a.b/c-d': 'ü' });
    assert.deepEqual(await ids(line, label('a.b/c-d:ü')), [prod]);
    for (const bad of [{ 'a b': 'x' }, { '': 'x' }, { a: 1 }, { a: 'x'.repeat(256) }, { a: 'b\nc' }, Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`n${i}`, 'x']))]) {
      assertError(await patch(prod, bad), 400, 'invalid_request');
      assertError(await line.requestConnection(agent, { labels: bad }), 400, 'invalid_request');
    }
    assertError(await line.admin('PATCH', `/connections/${prod}`, {}), 400, 'missing_fields');

    const seen = [];
    for (let cursor = ''; cursor !== undefined;) {
      const page = expectStatus(200, await line.admin('GET', `/connections?limit=2${cursor && `&cursor=${cursor}`}`)).json;
      assert.ok(page.items.length <= 2);
      seen.push(...page.items.map((item) => item.id));
      cursor = page.next_cursor;
    }
    assert.deepEqual(seen, [test_, prod, tricky]);
  });

  test(`revoked and deleted, here, at the edge and at the provider (${database})`, async (t) => {
    const line = await startLine(t, { database, logLevel: 'info' });
    await line.createProvider();
    await line.createProvider({
      name: 'keyed', auth_type: 'api_key', issuer: undefined, enable_discovery: undefined, auth_header: undefined,
      client_id: undefined, client_secret: undefined, scopes: undefined,
    });
    const agent = await line.createAgent();
    const [revoked, deleted, unlucky] = [await line.connect(agent), await line.connect(agent), await line.connect(agent)];
    const token = async (id) => expectStatus(200, await line.token(agent, id)).json.access_token;
    const [first, second, third] = [await token(revoked), await token(deleted), await token(unlucky)];

    const answer = expectStatus(200, await line.admin('POST', `/connections/${revoked}/revoke`)).json;
    assert.equal(answer.state, 'revoked');
    assert.equal(answer.upstream_revoked, true);
    assert.equal(line.idp.counts.revocation, 2, 'refresh token, then access token');
    assert.equal(await line.idp.isActive(first), false);
    assert.equal(await line.idp.isActive(second), true);
    assert.equal(expectStatus(200, await line.admin('POST', `/connections/${revoked}/revoke`)).json.upstream_revoked, undefined);
    await waitFor('the edge to hear of it', async () => (await line.token(agent, revoked)).json.error === 'connection_revoked');

    const begun = expectStatus(200, await line.admin('POST', `/connections/${deleted}/reconnect`)).json;
    const gone = expectStatus(200, await line.admin('DELETE', `/connections/${deleted}`)).json;
    assert.deepEqual(gone, { id: deleted, message: 'Connection deleted', upstream_revoked: true });
    assert.equal(await line.idp.isActive(second), false);
    await waitFor('the edge to hear of it', async () => (await line.token(agent, deleted)).status !== 200);
    assertError(await line.token(agent, deleted), 404, 'connection_not_found', 'the edge');
    assertError(await line.call(agent, deleted), 404, 'connection_not_found', 'the sidecar');
    assertError(await line.check(agent, deleted), 404, 'connection_not_found');
    for (const [method, path] of [['GET', ''], ['DELETE', ''], ['GET', '/token'], ['POST', '/refresh'], ['POST', '/revoke'], ['POST', '/reconnect']]) {
      assertError(await line.admin(method, `/connections/${deleted}${path}`), 404, 'connection_not_found', `${method} ${path}`);
    }
    assertError(await line.admin('PATCH', `/connections/${deleted}`, { labels: {} }), 404, 'connection_not_found');
    assert.equal((await request(begun.authUrl, { headers: HTML })).status, 400, 'its flow went with it');
    assert.ok(!(await ids(line, '')).includes(deleted));
    const tombstone = await openRecord(line.keys.CACHE_KEY, tokenKey(deleted), await line.redis.get(tokenKey(deleted)));
    assert.deepEqual([tombstone.state, tombstone.workspace_id, tombstone.credentials], ['revoked', '', {}]);
    expectStatus(200, await line.admin('DELETE', `/connections/${revoked}`));
    assertError(await line.admin('GET', `/connections/${revoked}`), 404, 'connection_not_found');

    // The provider says no, or nothing: ours ends all the same.
    line.idp.fail('/token/revocation', '503', { times: 2 });
    const alone = expectStatus(200, await line.admin('POST', `/connections/${unlucky}/revoke`)).json;
    assert.deepEqual([alone.state, alone.upstream_revoked], ['revoked', false]);
    assert.equal(await line.idp.isActive(third), true);
    await waitFor('the edge to hear of it', async () => (await line.token(agent, unlucky)).json.error === 'connection_revoked');
    const keyed = await line.capture(agent, 'keyed', { api_key: 'k-1' });
    assert.equal(expectStatus(200, await line.admin('DELETE', `/connections/${keyed}`)).json.upstream_revoked, 'unsupported');
    const pending = expectStatus(200, await line.requestConnection(agent)).json;
    assert.equal(expectStatus(200, await line.admin('DELETE', `/connections/${pending.connection_id}`)).json.upstream_revoked, 'unsupported');
    assert.equal((await request(pending.authUrl, { headers: HTML })).status, 400);
    if (database === 'sqlite') {
      const ended = auditTypes(line, unlucky).filter((type) => type.startsWith('connection.')).slice(-2);
      assert.deepEqual(ended, ['connection.revoked', 'connection.upstream_revocation']);
    }
  });

  test(`client credentials need no person (${database})`, async (t) => {
    const line = await startLine(t, { database, logLevel: 'info', idp: { accessTtl: 8 } });
    await line.createProvider({ name: 'machine', scopes: ['api:read'], oauth: { grant: 'client_credentials' } });
    const agent = await line.createAgent();
    const ask = () => line.requestConnection(agent, { provider: 'machine', scopes: [], return_url: `${line.app.url}/done?x=1` });

    line.idp.fail('/token', { status: 401, body: { error: 'invalid_client', error_description: 'canary' } });
    const refused = await ask();
    assertError(refused, 502, 'upstream_error');
    assert.ok(!refused.text.includes('canary'));
    assert.deepEqual(await ids(line, ''), [], 'nothing is left behind');

    const asked = expectStatus(200, await ask()).json;
    assert.equal(asked.status, 'active');
    const id = asked.connection_id;
    assert.equal((await line.check(agent, id)).json.status, 'active');
    assert.equal((await line.call(agent, id)).status, 200);
    const first = (await line.token(agent, id)).json.access_token;
    const visit = expectStatus(302, await request(asked.authUrl, { headers: HTML }));
    assert.match(visit.headers.location, /\/done\?x=1&status=success&connection_id=[0-9a-f-]{36}&provider=machine$/);

    const refreshed = expectStatus(200, await line.refresh(agent, id)).json.access_token;
    assert.notEqual(refreshed, first);
    assert.equal(line.idp.counts.machine, 2, 'it asked again');
    const renewed = expectStatus(200, await line.admin('POST', `/connections/${id}/reconnect`)).json;
    assert.equal(renewed.status, 'active');
    assert.equal(line.idp.counts.machine, 3);
    await waitFor('the newer token', async () => (await line.token(agent, id)).json.access_token !== refreshed);
  });
}

function auditTypes(line, id) {
  const database = new DatabaseSync(line.nexusd.databaseFile, { readOnly: true });
  const rows = database.prepare('SELECT event_type AS type FROM audit_events WHERE connection_id = ? ORDER BY sequence').all(id);
  database.close();
  return rows.map(({ type }) => type);
}
