// Answers of a provider that come when something else has happened to the connection meanwhile: what is newer stays, and
// whose it is stays true.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Browser } from '../support/browser.mjs';
import { startControlPlane } from '../support/control-plane.mjs';
import { expectStatus, startLine } from '../support/line.mjs';

const row = async (line, id) => expectStatus(200, await line.admin('GET', `/connections/${id}`)).json;
const token = async (line, id) => expectStatus(200, await line.admin('GET', `/connections/${id}/token`)).json.access_token;
const ownerOf = async (line, text) => (await line.idp.provider.AccessToken.find(text))?.accountId;
const outcome = (url) => new URL(url).searchParams.get('error') ?? new URL(url).searchParams.get('status');

/** A line whose provider gives refresh tokens while `give.refresh` says so; with one connection of alice. */
async function startConnected(t, database) {
  const give = { refresh: true };
  const line = await startLine(t, { database, idp: { settings: { issueRefreshToken: async () => give.refresh } } });
  await line.createProvider();
  const agent = await line.createAgent();
  return { line, give, agent, id: await line.connect(agent) };
}

async function beginRefresh(line, id) {
  const held = line.idp.hold('/token');
  const done = line.admin('POST', `/connections/${id}/refresh`);
  await held.arrived;
  return { end: () => { held.answer(); return done; } };
}

async function reconnect(line, id, wish, person) {
  const { authUrl } = expectStatus(200, await line.admin('POST', `/connections/${id}/reconnect`, wish)).json;
  return outcome(await line.consent(authUrl, person));
}

async function importOver(line, id) {
  const { workspace_id, user_id } = await row(line, id);
  expectStatus(200, await line.admin('POST', '/connections/import', {
    id, provider_name: 'demo', workspace_id, user_id, replace: true, credentials: { access_token: 'imported-token', token_type: 'Bearer' },
  }));
}

for (const database of ['sqlite', 'postgres']) {
  test(`a refresh of an older grant changes nothing of a newer one that has no refresh token (${database})`, async (t) => {
    const { line, give, id } = await startConnected(t, database);
    let refresh = await beginRefresh(line, id);
    give.refresh = false;   // as some providers do where a person consents again
    assert.equal(await reconnect(line, id, { allow_other_account: true }, { login: 'bob' }), 'success');
    await refresh.end();
    assert.equal(await ownerOf(line, await token(line, id)), 'bob');
    assert.equal((await row(line, id)).refreshable, false);

    give.refresh = true;
    assert.equal(await reconnect(line, id, {}, { login: 'bob' }), 'success');
    refresh = await beginRefresh(line, id);
    await importOver(line, id);
    await refresh.end();
    assert.equal(await token(line, id), 'imported-token');
  });

  test(`a refusal of an older grant is not the newer one's (${database})`, async (t) => {
    const { line, give, id } = await startConnected(t, database);
    const refresh = await beginRefresh(line, id);
    await line.idp.revokeGrants();
    give.refresh = false;
    assert.equal(await reconnect(line, id, {}, { login: 'alice' }), 'success');
    await refresh.end();
    assert.equal((await row(line, id)).state, 'active');
  });

  test(`an older flow does not put another account behind a connection (${database})`, async (t) => {
    const line = await startLine(t, { database });
    await line.createProvider();
    const { connection_id: id, authUrl } = expectStatus(200, await line.requestConnection(await line.createAgent())).json;
    const held = line.idp.hold('/token');
    const mallory = line.consent(authUrl, { login: 'mallory' });
    await held.arrived;
    assert.equal(await reconnect(line, id, {}, { login: 'alice' }), 'success');
    held.answer();
    assert.equal(outcome(await mallory), 'other_account');
    assert.equal((await row(line, id)).account, 'alice');
    assert.equal(await ownerOf(line, await token(line, id)), 'alice');
  });

  test(`whose a connection is does not outlive that account's credentials (${database})`, async (t) => {
    const { line, id } = await startConnected(t, database);
    assert.equal((await row(line, id)).account, 'alice');
    assert.equal(await reconnect(line, id, { allow_other_account: true, scopes: ['api:read'] }, { login: 'bob' }), 'success');
    assert.equal((await row(line, id)).account, undefined, 'without openid nobody has said who it is');
    const openid = { scopes: ['openid', 'offline_access', 'api:read'] };
    assert.equal(await reconnect(line, id, openid, { login: 'bob' }), 'success');
    assert.equal((await row(line, id)).account, 'bob');
    await importOver(line, id);
    assert.equal((await row(line, id)).account, undefined);
    expectStatus(404, await line.admin('GET', `/connections/${id}/identity`));
    assert.equal(await reconnect(line, id, openid, { login: 'carol' }), 'success');
  });

  test(`a first consent that fails is on record though its connection has changed meanwhile (${database})`, async (t) => {
    const line = await startLine(t, { database });
    const provider = await line.createProvider();
    const { connection_id: id, authUrl } = expectStatus(200, await line.requestConnection(await line.createAgent())).json;
    expectStatus(200, await line.admin('PATCH', `/providers/${provider}`, { client_secret: 'wrong-secret' }));
    const held = line.idp.hold('/token');
    const consent = line.consent(authUrl);
    await held.arrived;
    expectStatus(200, await line.admin('PATCH', `/connections/${id}`, { labels: { team: 'red' } }));
    held.answer();
    assert.equal(outcome(await consent), 'token_exchange_failed');
    assert.equal((await row(line, id)).state, 'failed');
    const events = expectStatus(200, await line.admin('GET', `/audit?connection_id=${id}`)).json;
    assert.ok(events.some(({ event_type }) => event_type === 'token_exchange_failed'));
  });

  test(`a deleted provider leaves no credential behind, whatever its connections are doing (${database})`, async (t) => {
    const plane = await startControlPlane(t, { database });
    const profile = { name: 'static', auth_type: 'api_key', api_base_url: 'https://api.example.com' };
    const provider = expectStatus(201, await plane.admin('POST', '/providers', { profile })).json.id;
    const connections = Array.from({ length: 100 }, () => ({ provider_id: provider, workspace_id: 'w', user_id: 'u', credentials: { api_key: 'secret-of-it' } }));
    const ids = expectStatus(200, await plane.admin('POST', '/connections/import', { connections })).json.items.map((item) => item.id);
    let isOver = false;
    const busy = [0, 1].map(async (part) => {
      for (let n = part; !isOver; n += 2) {
        const path = `/connections/${ids[n * 7 % ids.length]}`;
        await (part === 0 ? plane.admin('PATCH', path, { labels: { n: String(n) } }) : plane.admin('DELETE', path));
      }
    });
    expectStatus(200, await plane.admin('DELETE', `/providers/${provider}`));
    isOver = true;
    await Promise.all(busy);
    assert.equal(await plane.sql("SELECT COUNT(*) FROM connections WHERE state <> 'revoked'"), '0');
    assert.equal(await plane.sql('SELECT COUNT(*) FROM tokens'), '0');
  });
}

test('a provider that is deleted while it gives a token to nobody in person', async (t) => {
  const line = await startLine(t);
  const provider = await line.createProvider({ scopes: ['api:read'], oauth: { grant: 'client_credentials' } });
  const held = line.idp.hold('/token');
  const making = line.requestConnection(await line.createAgent(), { scopes: ['api:read'] });
  await held.arrived;
  expectStatus(200, await line.admin('DELETE', `/providers/${provider}`));
  held.answer();
  expectStatus(404, await making);
  assert.equal(await line.count('SELECT COUNT(*) FROM tokens'), 0);
});

test('a first consent that failed is tried again with the variables of the first', async (t) => {
  const line = await startLine(t);
  await line.createProvider({ oauth: { variables: { tenant: { pattern: '[a-z]{1,10}' } }, authorization_params: { audience: '{tenant}' } } });
  const { connection_id: id, authUrl } = expectStatus(200, await line.requestConnection(await line.createAgent(), { variables: { tenant: 'acme' } })).json;
  line.idp.fail('/token', { status: 400, body: { error: 'invalid_grant' } });
  assert.equal(outcome(await line.consent(authUrl)), 'token_exchange_failed');
  const again = expectStatus(200, await line.admin('POST', `/connections/${id}/reconnect`)).json;
  assert.equal((await new Browser().leave(again.authUrl)).searchParams.get('audience'), 'acme');
});

test('an error of another issuer is not taken for the provider\'s', async (t) => {
  const line = await startLine(t);
  await line.createProvider();
  const agent = await line.createAgent();
  for (const iss of [{ iss: 'https://evil.example' }, {}]) {   // RFC 9207 section 2.4: errors name their issuer, too
    const { connection_id: id, authUrl } = expectStatus(200, await line.requestConnection(agent)).json;
    const browser = new Browser();
    const state = (await browser.leave(authUrl)).searchParams.get('state');
    const query = new URLSearchParams({ state, error: 'access_denied', ...iss });
    await browser.open(`${line.site.front}/auth/callback?${query}`, { until: (url) => url.startsWith(line.app.url) });
    assert.equal((await row(line, id)).reason, 'invalid_issuer');
  }
});
