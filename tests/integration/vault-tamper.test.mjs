// Somebody who can write the database, and has no key: sealed credentials moved to another place, or put back from an
// earlier time, by SQL. Reads go through the real API; docs/decisions/0027 says what is noticed when.
import assert from 'node:assert/strict';
import test from 'node:test';
import { assertError } from '../support/errors.mjs';
import { secretOf, startControlPlane } from '../support/control-plane.mjs';
import { expectStatus } from '../support/line.mjs';
import { request } from '../support/http.mjs';
import { waitFor } from '../support/wait.mjs';

for (const database of ['sqlite', 'postgres']) {
  test(`moved and rolled back credentials (${database})`, async (t) => {
    const plane = await startControlPlane(t, { database });
    const [a, b, c] = await plane.seed(3);
    const reads = async (id, version) =>
      assert.equal(expectStatus(200, await plane.token(id)).json.credentials.api_key, secretOf(id, version));
    const refused = async (id, why) => {
      assertError(await plane.token(id), 500, 'internal_error');
      await waitFor('the refusal in the audit log', async () => {
        const { json } = await plane.admin('GET', `/audit?event_type=credential.refused&connection_id=${id}&limit=1`);
        return json.length === 1 && JSON.parse(json[0].event_data).reason === why;
      });
    };
    await plane.sql('CREATE TABLE old_tokens AS SELECT * FROM tokens');
    await plane.sql('CREATE TABLE old_connections AS SELECT * FROM connections');
    const restore = (id) => plane.sql(`UPDATE tokens SET box = (SELECT box FROM old_tokens o WHERE o.connection_id = tokens.connection_id),
      version = 1 WHERE connection_id = '${id}'`);
    const set = (table, id, columns) => plane.sql(`UPDATE ${table} SET ${columns} WHERE ${table === 'tokens' ? 'connection_id' : 'id'} = '${id}'`);
    const boxOf = (id, from = 'tokens') => `(SELECT box FROM ${from} s WHERE s.connection_id = '${id}')`;

    await reads(a, 1);
    // another row
    await set('tokens', a, `box = ${boxOf(b)}`);
    await refused(a, 'seal_broken');
    await restore(a);
    await reads(a, 1);
    // another field: a provider's client secret, and the other way round
    const { json: { id: hub } } = expectStatus(201, await plane.admin('POST', '/providers', {
      profile: { name: 'hub', client_id: 'id', client_secret: 's', auth_url: 'https://hub.example/a', token_url: 'https://hub.example/t' },
    }));
    const { json: { id: hub2 } } = expectStatus(201, await plane.admin('POST', '/providers', {
      profile: { name: 'hub2', client_id: 'id', client_secret: 's', auth_url: 'https://hub.example/a', token_url: 'https://hub.example/t' },
    }));
    const consent = (provider) => plane.admin('POST', '/auth/consent-spec', { workspace_id: 'w', provider_id: provider, return_url: 'http://127.0.0.1/' });
    await set('tokens', a, `box = (SELECT client_secret_box FROM provider_profiles WHERE id = '${hub}')`);
    await refused(a, 'seal_broken');
    await restore(a);
    expectStatus(200, await consent(hub));
    // another provider's secret, and a credential in the place of a secret. The secret is opened when it is needed: at the
    // latest by the rotation, which opens every box.
    await plane.sql('CREATE TABLE old_providers AS SELECT * FROM provider_profiles');
    for (const box of [`(SELECT client_secret_box FROM old_providers WHERE id = '${hub2}')`, boxOf(b)]) {
      await plane.sql(`UPDATE provider_profiles SET client_secret_box = ${box}, client_secret_key_id = '' WHERE id = '${hub}'`);
      const rotated = expectStatus(200, await plane.admin('POST', '/admin/vault/rotate')).json;
      assert.deepEqual(rotated.unreadable, [{ kind: 'client_secret', id: hub, reason: 'seal_broken' }]);
    }
    // another workspace, another provider, another key id beside it
    await set('connections', a, "workspace_id = 'evil'");
    await refused(a, 'seal_broken');
    await set('connections', a, `workspace_id = 'seeded', provider_id = '${hub}'`);
    await refused(a, 'seal_broken');
    await plane.sql(`UPDATE connections SET provider_id = (SELECT provider_id FROM old_connections o WHERE o.id = connections.id) WHERE id = '${a}'`);
    await reads(a, 1);

    // an earlier time
    await plane.renew(c);
    await reads(c, 2);
    await set('tokens', c, `box = ${boxOf(c, 'old_tokens')}`);
    await refused(c, 'seal_broken');
    await set('tokens', c, 'version = 1');
    await refused(c, 'rolled_back');
    assert.match(plane.nexusd.log(), /"event":"credential_rolled_back"/);
    const metrics = (await request(`${plane.nexusd.url}/metrics`)).text;
    assert.match(metrics, /nexus_vault_refusals_total\{reason="rolled_back"\} [1-9]/);
    assert.match(metrics, /nexus_vault_refusals_total\{reason="seal_broken"\} [1-9]/);
    assert.equal((await plane.ctl(['audit', 'verify'])).code, 0);
    // both rows: the credential opens, for everything fits; the audit log is the witness
    await set('connections', c, 'token_version = 1');
    await reads(c, 1);
    const verified = await plane.ctl(['audit', 'verify']);
    assert.equal(verified.code, 1);
    assert.match(verified.stderr, new RegExp(`connection ${c} was put back: its credential is of version 1, the audit log tells of version 2`));
    // the connection's row alone
    await plane.sql(`UPDATE tokens SET box = ${boxOf(b, 'old_tokens')} WHERE connection_id = '${b}'`);
    await reads(b, 1);
    await plane.renew(b);
    await set('connections', b, 'token_version = 1');
    await refused(b, 'rolled_back');
  });
}
