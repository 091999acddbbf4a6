// Key rotation while everything else goes on: no read fails, a kill half-way costs nothing, nothing of the old key is
// left. NEXUS_ROTATION_ROWS=100000 makes it large.
import assert from 'node:assert/strict';
import test from 'node:test';
import { assertError } from '../support/errors.mjs';
import { secretOf, startControlPlane } from '../support/control-plane.mjs';
import { expectStatus } from '../support/line.mjs';
import { request } from '../support/http.mjs';
import { newKey } from '../support/keys.mjs';
import { keysStatus, rotateWhileReading } from '../support/rotation.mjs';

const rows = Number(process.env.NEXUS_ROTATION_ROWS ?? 2000);

const hub = {
  name: 'hub', client_id: 'id', client_secret: 'hub-secret', auth_url: 'https://hub.example/authorize',
  token_url: 'https://hub.example/token',
};

const key = (status, role) => status.keys.find((entry) => entry.role === role);

for (const database of ['sqlite', 'postgres']) {
  test(`a rotation of ${rows} connections, killed half-way (${database})`, async (t) => {
    let flow;   // begun under the old key
    const run = await rotateWhileReading(t, {
      database, rows, log: (line) => t.diagnostic(line),
      prepare: async (plane) => {
        const { json: { id } } = expectStatus(201, await plane.admin('POST', '/providers', { profile: hub }));
        flow = expectStatus(200, await plane.admin('POST', '/auth/consent-spec', {
          workspace_id: 'w', provider_id: id, return_url: 'http://127.0.0.1/done',
        })).json;
      },
    });
    const { plane, ids, status } = run;
    const { before, after } = status;
    assert.equal(key(before, 'previous').credentials, rows);
    assert.equal(key(before, 'previous').client_secrets, 1);
    assert.equal(key(before, 'previous').code_verifiers, 1);
    assert.equal(key(before, 'previous').installation, 1, 'the audit key');
    assert.equal(key(before, 'previous').removable, false);
    assert.equal(before.current, key(before, 'current').id);

    assert.ok(run.killed > 0 && run.killed < before.left, `killed when ${run.killed} of ${before.left} were left`);
    assert.deepEqual(run.failures.slice(0, 3), []);
    assert.ok(run.reads > 100, `only ${run.reads} reads`);
    for (const end of run.ends) {
      assert.equal(end.code, 0, end.stderr);
    }
    assert.equal(JSON.parse(run.ends[0].stdout).left, 0);
    assert.equal(after.left, 0);
    assert.equal(key(after, 'current').credentials, rows);
    assert.equal(key(after, 'current').client_secrets, 1);
    assert.equal(key(after, 'previous').removable, true);
    assert.match((await plane.ctl(['keys', 'status'])).stdout, /previous .* yes$/m);

    // Without the old key: everything opens, and the audit log holds.
    await plane.nexusd.stop();
    plane.keys = { ...plane.keys, ENCRYPTION_KEYS_PREVIOUS: undefined };
    plane.nexusd = await plane.startNexusd();
    for (const id of [ids[0], ids[Math.floor(rows / 2)], ids[rows - 1]]) {
      assert.equal(expectStatus(200, await plane.token(id)).json.credentials.api_key, secretOf(id, 1));
    }
    const { pathname, search } = new URL(flow.authUrl);   // the flow of before: its code verifier opens
    const started = await request(plane.nexusd.url + pathname + search);
    assert.ok(started.status === 302 || started.status === 303, `${started.status} ${started.text}`);
    assert.match(started.headers.location, /^https:\/\/hub\.example\/authorize\?.*code_challenge=/);
    const verified = await plane.ctl(['audit', 'verify']);
    assert.equal(verified.code, 0, verified.stderr);
    const events = expectStatus(200, await plane.admin('GET', '/audit?event_type=vault.resealed&limit=1000')).json;
    const kinds = Map.groupBy(events.map((event) => JSON.parse(event.event_data)), (data) => data.kind);
    const boxes = (kind) => kinds.get(kind).reduce((sum, data) => sum + data.boxes, 0);
    assert.equal(boxes('client_secret'), 1);
    assert.equal(boxes('code_verifier'), 1);
    assert.equal(boxes('credentials'), rows, 'each was sealed anew once');
  });

  test(`boxes without a key id, and boxes that do not open (${database})`, async (t) => {
    const plane = await startControlPlane(t, { database });
    const ids = await plane.seed(20);
    await plane.sql("UPDATE tokens SET key_id = ''");   // as from before key ids were written
    const [broken, foreign] = ids;
    await plane.sql(`UPDATE tokens SET box = (SELECT box FROM tokens WHERE connection_id = '${ids[2]}') WHERE connection_id = '${broken}'`);

    const before = await keysStatus(plane);
    assert.equal(key(before, 'unknown').credentials, 20);
    const first = await plane.ctl(['keys', 'rotate', '--json', '--batch', '3']);
    assert.equal(first.code, 1, 'one is left');
    assert.match(first.stderr, new RegExp(`credentials of ${broken} cannot be opened: seal_broken`));
    assert.deepEqual({ ...JSON.parse(first.stdout), milliseconds: 0 }, { resealed: 19, unreadable: 1, left: 1, milliseconds: 0 });
    assert.equal((await plane.token(foreign)).status, 200);
    const after = await keysStatus(plane);
    assert.equal(key(after, 'current').credentials, 19);
    assert.equal(key(after, 'unknown').credentials, 1);

    // Another installation's key: nexusd does not start, so that nothing is sealed with a wrong one.
    await plane.nexusd.stop();
    const keys = { ...plane.keys, ENCRYPTION_KEY: newKey() };
    await assert.rejects(plane.startNexusd({ keys }), /ended early/);
  });
}

test('rotation needs its scope and takes only what it gave out', async (t) => {
  const plane = await startControlPlane(t);
  for (const [method, path] of [['GET', '/admin/vault/keys'], ['POST', '/admin/vault/rotate'], ['GET', '/audit'], ['GET', '/admin/audit/verify']]) {
    assertError(await plane.admin(method, path, undefined, { key: null }), 401, 'missing_api_key');
    assertError(await plane.admin(method, path, undefined, { key: plane.keys.EDGE_KEY }), 403, 'insufficient_grant');
  }
  for (const cursor of ['x', ':', 'zz:0', `ab:${'0'.repeat(36)}`, "ab:' OR 1=1"]) {
    assertError(await plane.admin('POST', '/admin/vault/rotate', { cursor }), 400, 'invalid_request');
  }
  for (const limit of [0, 1001, 'x']) {
    assertError(await plane.admin('POST', '/admin/vault/rotate', { limit }), 400, 'invalid_request');
  }
  assertError(await plane.admin('GET', '/admin/vault/keys?x=1'), 400, 'invalid_request');
  const empty = expectStatus(200, await plane.admin('POST', '/admin/vault/rotate')).json;
  assert.deepEqual(empty, { resealed: 0, unreadable: [] });
});
