// DPoP from consent to API call: nexusd's connection has a key, the edge's requests show proofs of it, and a certified
// provider (npm oidc-provider), which wants its nonce in each, judges them at its UserInfo endpoint.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import test from 'node:test';
import { startLine } from '../support/line.mjs';

const dPoP = { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true };

test('an agent calls an API with a bound token that it could not use itself', async (t) => {
  const line = await startLine(t, { idp: { client: { dpop_bound_access_tokens: true }, features: { dPoP } } });
  const agent = await line.createAgent();
  await line.createProvider({ oauth: { dpop: true }, api_base_url: line.idp.issuer });
  const connection = await line.connect(agent);

  const call = await line.call(agent, connection, '/me');
  assert.equal(call.status, 200, call.text);
  assert.ok(call.json.sub);
  assert.equal((await line.call(agent, connection, '/me?x=%20y', { method: 'POST' })).status, 200, 'the nonce is known');

  const shown = await line.token(agent, connection);
  assert.equal(shown.status, 200, shown.text);
  assert.equal(shown.json.token_type, 'DPoP');
  assert.doesNotMatch(shown.text, /dpop_key|"kty|"d"/);
  const alone = await fetch(`${line.idp.issuer}/me`, { headers: { authorization: `DPoP ${shown.json.access_token}` } });
  assert.equal(alone.status, 400, 'without a proof the token is of no use');
  const asBearer = await fetch(`${line.idp.issuer}/me`, { headers: { authorization: `Bearer ${shown.json.access_token}` } });
  assert.equal(asBearer.status, 401);

  const refreshed = await line.refresh(agent, connection);
  assert.equal(refreshed.status, 200, refreshed.text);
  assert.equal(refreshed.json.token_type, 'DPoP');
  assert.doesNotMatch(refreshed.text, /dpop_key|"kty|"d"/);
  assert.notEqual(refreshed.json.access_token, shown.json.access_token);
  assert.equal((await line.call(agent, connection, '/me')).status, 200, 'the key stays the connection\'s');

  const admin = await line.admin('GET', `/connections/${connection}/token`);
  assert.equal(admin.status, 200, admin.text);
  assert.equal(admin.json.token_type, 'DPoP');
  assert.doesNotMatch(admin.text, /dpop_key|"kty|"d"/);
});
