// The audit log: what is in it, how it is read, and that nobody who can merely write the database changes it unseen.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import test from 'node:test';
import { assertError } from '../support/errors.mjs';
import { startControlPlane } from '../support/control-plane.mjs';
import { expectStatus } from '../support/line.mjs';
import { waitFor } from '../support/wait.mjs';

const provider = (name) => ({ profile: { name, auth_type: 'api_key', api_base_url: 'https://api.example.com' } });

/** All events that match, oldest first, once `count` of them are there (reads are written in batches). */
async function events(plane, query, count) {
  return waitFor(`${count} events of ${query}`, async () => {
    const { json } = expectStatus(200, await plane.admin('GET', `/audit?limit=1000&${query}`));
    return json.length >= count && json.reverse();
  });
}

/** The plain hash that rows had before the chain had a key: what somebody without the key can compute. */
function plainHash(previous, row) {
  const number = (value) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(BigInt(value));
    return bytes;
  };
  const field = (value) => Buffer.concat([number(Buffer.byteLength(value)), Buffer.from(value)]);
  const [sequence, id, createdAt, ...texts] = row;
  return createHash('sha256').update(Buffer.concat([
    field('nexus audit v1'), number(32), previous, number(sequence), field(id), number(createdAt), ...texts.map(field),
  ])).digest();
}

for (const database of ['sqlite', 'postgres']) {
  test(`every edit shows (${database})`, async (t) => {
    const plane = await startControlPlane(t, { database });
    for (const name of ['one', 'two', 'three', 'four', 'five']) {
      expectStatus(201, await plane.admin('POST', '/providers', provider(name)));
    }
    const good = await plane.ctl(['audit', 'verify']);
    assert.equal(good.code, 0, good.stderr);
    const [, rows, head] = /^intact: (\d+) rows, head (\S+)\n$/.exec(good.stdout);
    assert.equal(rows, '6', 'the key and five providers');
    assert.equal((await plane.ctl(['audit', 'verify', '--expect', head])).code, 0);
    const odd = await plane.ctl(['audit', 'verify', '--expect', 'what']);
    assert.deepEqual([odd.code, odd.stdout], [2, ''], odd.stderr);
    const unasked = await plane.ctl(['audit', 'verify'], { nexusd: { url: 'http://127.0.0.1:1' } });
    assert.deepEqual([unasked.code, unasked.stdout], [3, ''], unasked.stderr);
    assert.equal((await plane.ctl(['audit', 'list', '--limit', '0'])).stderr.split('\n')[0], '--limit: Value 0 not in range 1 to 4294967295');
    assert.equal((await plane.ctl(['audit', 'verify', '--expect', head.replace(/.$/, (c) => (c === '0' ? '1' : '0'))])).code, 1);

    await plane.sql('CREATE TABLE good_events AS SELECT * FROM audit_events');
    await plane.sql('CREATE TABLE good_head AS SELECT * FROM audit_head');
    const hashOf = (sequence) => `(SELECT hash FROM good_events WHERE sequence = ${sequence})`;
    const attacks = {
      'an edited actor': [['UPDATE audit_events SET actor = \'nobody\' WHERE sequence = 3'], 3],
      'edited data': [['UPDATE audit_events SET event_data = \'{}\' WHERE sequence = 4'], 4],
      'an edited time': [['UPDATE audit_events SET created_at = created_at - 1 WHERE sequence = 2'], 2],
      'a removed row': [['DELETE FROM audit_events WHERE sequence = 3'], 3],
      'the first row removed': [['DELETE FROM audit_events WHERE sequence = 1'], 1],
      'reordered rows': [['UPDATE audit_events SET sequence = 99 WHERE sequence = 2', 'UPDATE audit_events SET sequence = 2 WHERE sequence = 3',
        'UPDATE audit_events SET sequence = 3 WHERE sequence = 99'], 2],
      'the end cut off': [['DELETE FROM audit_events WHERE sequence > 4'], 5],
      'the end cut off with its head': [['DELETE FROM audit_events WHERE sequence > 4', `UPDATE audit_head SET sequence = 4, hash = ${hashOf(4)}`], 4],
      'the beginning cut off as if by retention': [['DELETE FROM audit_events WHERE sequence <= 2',
        `UPDATE audit_head SET first_sequence = 3, anchor = ${hashOf(2)}`], 6],
      'everything removed': [['DELETE FROM audit_events', `UPDATE audit_head SET sequence = 0, hash = '${'0'.repeat(64)}', mac = ''`], 0],
      'a row without its key': [['UPDATE audit_events SET key_id = \'\' WHERE sequence = 3'], 3],
    };
    const undo = async () => {
      for (const table of ['events', 'head']) {
        await plane.sql(`DELETE FROM audit_${table}`);
        await plane.sql(`INSERT INTO audit_${table} SELECT * FROM good_${table}`);
      }
    };
    const expectBroken = async (name, sequence) => {
      const verdict = await plane.ctl(['audit', 'verify']);
      assert.equal(verdict.code, 1, `${name}: ${verdict.stdout}`);
      assert.match(verdict.stderr, new RegExp(`not intact at sequence ${sequence}: `), name);
    };
    for (const [name, [statements, sequence]] of Object.entries(attacks)) {
      for (const statement of statements) {
        await plane.sql(statement);
      }
      await expectBroken(name, sequence);
      await undo();
    }

    // The whole chain computed anew, as somebody can who knows the rows and has no key.
    const columns = 'sequence, id, created_at, event_type, workspace_id, connection_id, provider_id, actor, ip_address, user_agent, event_data';
    await plane.sql('UPDATE audit_events SET actor = \'nobody\' WHERE sequence = 3');
    let previous = Buffer.alloc(32);
    for (const line of (await plane.sql(`SELECT ${columns} FROM audit_events ORDER BY sequence`)).split('\n')) {
      const row = line.split('|');
      const hash = plainHash(previous, row);
      await plane.sql(`UPDATE audit_events SET key_id = '', previous_hash = '${previous.toString('hex')}', hash = '${hash.toString('hex')}'
        WHERE sequence = ${row[0]}`);
      previous = hash;
    }
    await plane.sql(`UPDATE audit_head SET hash = '${previous.toString('hex')}'`);
    await expectBroken('a chain computed anew', 6);
    await plane.sql('UPDATE audit_head SET mac = \'\'');
    await expectBroken('a chain computed anew, without the head\'s mac', 6);
    await undo();
    assert.equal((await plane.ctl(['audit', 'verify'])).code, 0, 'as it was');

    // An older head that was good once, with its rows: this process has seen more.
    await plane.sql('DELETE FROM good_events');
    await plane.sql('DELETE FROM good_head');
    await plane.sql('INSERT INTO good_events SELECT * FROM audit_events');
    await plane.sql('INSERT INTO good_head SELECT * FROM audit_head');
    for (const name of ['six', 'seven']) {
      expectStatus(201, await plane.admin('POST', '/providers', provider(name)));
    }
    const anchor = /head (\S+)/.exec((await plane.ctl(['audit', 'verify'])).stdout)[1];
    await undo();
    await expectBroken('an older head put back', 7);
    // Writing goes on, and the chain says for ever that it was cut.
    expectStatus(201, await plane.admin('POST', '/providers', provider('eight')));
    await expectBroken('after the next event', 7);
    assert.equal((await events(plane, 'event_type=audit.chain_broken', 1)).length, 1);
    // The head that verify printed finds it too, whatever this process has seen.
    await plane.nexusd.stop();
    await plane.nexusd.start();
    const expected = await plane.ctl(['audit', 'verify', '--after', '7', '--expect', anchor]);
    assert.equal(expected.code, 1);
    assert.match(expected.stderr, /does not hold/);
    assert.equal((await plane.ctl(['audit', 'verify', '--after', '7'])).code, 0, 'behind it the chain is good');
  });

  test(`listing: filters, pages, the reference's form (${database})`, async (t) => {
    const plane = await startControlPlane(t, { database });
    const begun = new Date(Date.now() - 1000).toISOString();
    const [id] = await plane.seed(1);
    for (let i = 0; i < 7; i++) {
      expectStatus(200, await plane.token(id));
    }
    const reads = await events(plane, `event_type=token_retrieved&connection_id=${id}`, 7);
    assert.equal(reads.length, 7);
    const [read] = reads;
    assert.equal(read.workspace_id, 'seeded');
    assert.equal(read.actor, 'key:full');
    assert.equal(read.ip_address, '127.0.0.1');
    assert.equal(read.event_data, '{}', 'a string, as in the reference implementation');
    assert.match(read.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const made = expectStatus(201, await plane.admin('POST', '/providers', provider('p'))).json.id;
    assert.equal((await events(plane, `provider_id=${made}`, 1))[0].event_type, 'provider.created');
    assert.equal((await events(plane, `provider_id=${made}`, 1))[0].connection_id, null);

    const count = async (query) => expectStatus(200, await plane.admin('GET', `/audit?limit=1000&${query}`)).json.length;
    assert.equal(await count('workspace_id=seeded'), 7);
    assert.equal(await count('workspace_id=other'), 0);
    assert.equal(await count(`actor=key:full&connection_id=${id}`), 7);
    assert.equal(await count(`since=${begun}&connection_id=${id}`), 7);
    assert.equal(await count(`until=${begun}&connection_id=${id}`), 0);
    assert.equal(await count('since=2999-01-01T00:00:00%2B01:00'), 0);

    // pages, by Link
    const seen = [];
    let next = `/audit?limit=3&connection_id=${id}`;
    while (next) {
      const page = expectStatus(200, await plane.admin('GET', next));
      seen.push(...page.json.map((event) => event.sequence));
      next = /^<([^>]+)>; rel="next"$/.exec(page.headers.link ?? '')?.[1];
    }
    assert.deepEqual(seen, reads.map((event) => event.sequence).reverse());

    for (const limit of ['0', '1001', 'x', '']) {   // as the reference implementation: silently 50
      assert.ok(expectStatus(200, await plane.admin('GET', `/audit?limit=${limit}`)).json.length > 7);
    }
    for (const time of ['yesterday', '2026-02-30T00:00:00Z', '2026-01-01', '2026-01-01T00:00:00', '2026-01-01T24:00:00Z', '1']) {
      assertError(await plane.admin('GET', `/audit?since=${time}`), 400, 'invalid_since');
      assertError(await plane.admin('GET', `/audit?until=${time}`), 400, 'invalid_since');
    }
    for (const query of ['x=1', 'cursor=x', 'cursor=-1', 'since=2026-01-01T00:00:00Z&since=2026-01-01T00:00:00Z', `actor=${'a'.repeat(256)}`]) {
      assertError(await plane.admin('GET', `/audit?${query}`), 400, 'invalid_request');
    }
    for (const query of ['after=x', 'after=-1', 'limit=0', 'limit=10001', 'x=1']) {
      assertError(await plane.admin('GET', `/admin/audit/verify?${query}`), 400, 'invalid_request');
    }

    const listed = await plane.ctl(['audit', 'list', '--connection', id, '--limit', '2', '--json']);
    assert.equal(listed.code, 0, listed.stderr);
    assert.deepEqual(JSON.parse(listed.stdout).map((event) => event.sequence), seen.slice(0, 2));
    assert.match((await plane.ctl(['audit', 'list', '--type', 'provider.created'])).stdout, /^SEQUENCE .*\n\d+ .*provider\.created .*\n$/);
    assert.equal((await plane.ctl(['audit', 'list', '--since', 'x'])).code, 1);
  });
}

test('refused strangers are audited, in bounds', async (t) => {
  const plane = await startControlPlane(t);
  assertError(await plane.admin('GET', '/providers', undefined, { key: null }), 401, 'missing_api_key');
  for (let i = 0; i < 5; i++) {
    assertError(await plane.admin('GET', '/providers', undefined, { key: 'x'.repeat(40) }), 401, 'invalid_api_key');
  }
  assertError(await plane.admin('GET', '/providers', undefined, { key: plane.keys.EDGE_KEY }), 403, 'insufficient_grant');
  assertError(await plane.admin('GET', '/providers', undefined, { headers: { 'x-real-ip': '203.0.113.9' } }), 403, 'access_denied');
  assertError(await plane.admin('GET', '/auth/capture-schema?state=rubbish', undefined, { key: null }), 400, 'invalid_state');
  assertError(await plane.token('11111111-2222-4333-8444-555555555555'), 404, 'connection_not_found');

  const refused = await events(plane, 'event_type=access.refused', 4);
  assert.deepEqual(refused.map((event) => JSON.parse(event.event_data).error),
    ['missing_api_key', 'invalid_api_key', 'insufficient_grant', 'access_denied'], 'the same thing once in a minute');
  assert.equal(refused[3].ip_address, '203.0.113.9');
  assert.deepEqual(JSON.parse(refused[0].event_data), { error: 'missing_api_key', route: 'GET /providers' });
  const browser = { headers: { accept: 'text/html' }, key: null };   // which gets a page
  assert.equal((await plane.admin('GET', '/auth/callback?state=rubbish&code=x', undefined, browser)).status, 400);
  assert.deepEqual((await events(plane, 'event_type=state_verification_failed', 2)).map((event) => JSON.parse(event.event_data).route),
    ['GET /auth/capture-schema', 'GET /auth/callback']);
  assert.equal((await events(plane, 'event_type=connection_not_found', 1)).length, 1);

  // A flood from many addresses: a bounded number of rows, and one that counts the rest.
  for (let i = 0; i < 200; i++) {
    await plane.admin('GET', '/providers', undefined, { key: 'y'.repeat(40), headers: { 'x-real-ip': `198.51.100.${i}` } });
  }
  await plane.nexusd.stop();
  await plane.nexusd.start();
  const all = (await events(plane, 'event_type=access.refused', 5)).map((event) => JSON.parse(event.event_data));
  assert.ok(all.length <= 61, `${all.length} rows`);
  const counted = all.reduce((sum, data) => sum + (data.suppressed ?? 1), 0);
  assert.ok(counted >= 206, `${counted} of 208 refusals counted`);
  assert.equal((await plane.ctl(['audit', 'verify'])).code, 0);
});
