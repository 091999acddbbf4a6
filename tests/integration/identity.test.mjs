// Who a connected account is: the id_token and UserInfo of a real OpenID provider, normalised; and what is done when
// UserInfo is away, is wrong, or speaks of somebody else.
import assert from 'node:assert/strict';
import test from 'node:test';
import { assertError } from '../support/errors.mjs';
import { expectStatus, startLine } from '../support/line.mjs';

const SCOPES = ['openid', 'profile', 'email', 'offline_access', 'api:read'];
const CLAIMS = {
  name: 'Alice Liddell', given_name: 'Alice', family_name: 'Liddell', email: 'alice@example.com', email_verified: true,
  picture: 'https://example.com/alice.png', locale: 'en-GB', hd: 'example.com', tid: 'tenant-7',
};
const { tid: tenant, ...rest } = CLAIMS;
const EXPECTED = { sub: 'alice', ...rest, tenant };

const identity = (line, id, options) => line.admin('GET', `/connections/${id}/identity`, undefined, options);

async function claimsOf(line, id) {
  const { connection_id: connection, provider, updated_at: at, ...claims } = expectStatus(200, await identity(line, id)).json;
  assert.equal(connection, id);
  assert.equal(provider, 'demo');
  assert.ok(Math.abs(Date.parse(at) - Date.now()) < 60000, at);
  return claims;
}

for (const database of ['sqlite', 'postgres']) {
  test(`an account says who it is (${database})`, async (t) => {
    const line = await startLine(t, { database, logLevel: 'info', idp: { claims: CLAIMS } });
    await line.createProvider({ scopes: SCOPES });
    const agent = await line.createAgent();
    const id = await line.connect(agent, { scopes: SCOPES });
    assert.deepEqual(await claimsOf(line, id), EXPECTED);

    // Without the scope nobody asks, and there is nothing to say.
    const anonymous = await line.connect(agent, { scopes: ['offline_access', 'api:read'] });
    assertError(await identity(line, anonymous), 404, 'not_found');
    assertError(await identity(line, '7f6c2f1e-1111-4222-8333-944455556666'), 404, 'connection_not_found');

    // Somebody else's key does not see whose account it is.
    const key = expectStatus(201, await line.admin('POST', '/admin/keys', { name: 'other', scopes: ['connections:read'], workspace_id: 'w2' })).json;
    assertError(await identity(line, id, { headers: { 'x-api-key': key.secret ?? key.key?.secret } }), 404, 'connection_not_found');

    // UserInfo away, wrong, or of another account: the connection works, and only what was verified is said.
    for (const [fault, reason] of [
      ['503', 'status_503'], ['html', 'status_502'], ['trunc', 'UserInfo'], [{ status: 200, body: { sub: 'mallory', email: 'mallory@example.com' } }, 'other_subject'],
      [{ status: 200, body: { email: 'alice@example.com' } }, 'no_subject'], [{ status: 401, body: { error: 'invalid_token' } }, 'status_401'],
    ]) {
      line.idp.fail('/me', fault);
      const other = await line.connect(agent, { scopes: SCOPES });
      assert.deepEqual(await claimsOf(line, other), { sub: 'alice', hd: CLAIMS.hd, tenant }, `${reason}: what the id_token says`);
      assert.equal((await line.token(agent, other)).status, 200);
      const lines = line.nexusd.log().split('\n').filter((each) => each.includes('"userinfo_refused"') && each.includes(other));
      assert.equal(lines.length, 1, reason);
      assert.ok(lines[0].includes(reason) || reason === 'UserInfo', lines[0]);
      assert.ok(!lines[0].includes('mallory'));
    }

    // Its end is the end of what we know of the person.
    expectStatus(200, await line.admin('POST', `/connections/${id}/revoke`));
    assertError(await identity(line, id), 404, 'not_found');
    assert.ok(!Buffer.from(await line.databaseDump()).includes('alice@example.com'));
  });
}

test('a signed UserInfo answer is verified', async (t) => {
  const line = await startLine(t, { database: 'sqlite', logLevel: 'info', idp: { claims: CLAIMS, userinfoAlg: 'ES256' } });
  await line.createProvider({ scopes: SCOPES });
  const agent = await line.createAgent();
  assert.deepEqual(await claimsOf(line, await line.connect(agent, { scopes: SCOPES })), EXPECTED);

  // An algorithm that the profile does not accept: what it says is not believed.
  const narrow = expectStatus(201, await line.admin('POST', '/providers', {
    profile: {
      name: 'narrow', issuer: line.idp.issuer, enable_discovery: true, auth_header: 'client_secret_basic', client_id: line.idp.clientId,
      client_secret: line.idp.clientSecret, scopes: SCOPES, accepted_algorithms: ['RS256'], api_base_url: line.api.url,
    },
  })).json.id;
  assert.ok(narrow);
  const id = await line.connect(agent, { provider: 'narrow', scopes: SCOPES });
  const said = expectStatus(200, await identity(line, id)).json;
  assert.equal(said.email, undefined);
  assert.equal(said.sub, 'alice');
});

test('an opaque provider is asked for no nonce, and its id_token is not kept', async (t) => {
  const line = await startLine(t, { database: 'sqlite', logLevel: 'info', idp: { claims: CLAIMS } });
  await line.createProvider({ scopes: SCOPES, oidc_mode: 'opaque' });
  const agent = await line.createAgent();
  const { json } = expectStatus(200, await line.requestConnection(agent, { scopes: SCOPES }));
  const asked = await line.browser.open(json.authUrl, { until: (url) => url.startsWith(`${line.idp.issuer}/auth`) });
  assert.equal(new URL(asked.url).searchParams.get('nonce'), null);
  const id = await line.connect(agent, { scopes: SCOPES });
  const { json: token } = expectStatus(200, await line.token(agent, id));
  assert.equal(token.id_token, undefined);
  assertError(await identity(line, id), 404, 'not_found');
});
