// TLS to PostgreSQL on another host: its name is not loopback's, though `hostaddr` leads to the test's own server.
import assert from 'node:assert/strict';
import test, { before } from 'node:test';
import { makeCa } from '../support/certificates.mjs';
import { wholeFile } from '../support/cleanup.mjs';
import { newKeys } from '../support/keys.mjs';
import { nexusdEnvironment, startNexusd } from '../support/nexusd.mjs';
import { built } from '../support/paths.mjs';
import { findPort } from '../support/ports.mjs';
import { startPostgres } from '../support/postgres.mjs';
import { runProgram } from '../support/process.mjs';
import { startRedis } from '../support/redis.mjs';

const file = wholeFile();
const keys = newKeys();
let ca;
let otherCa;
let encrypted;   // a server with TLS
let plain;       // and one without

before(async () => {
  [ca, otherCa] = [await makeCa(file, 'ca'), await makeCa(file, 'other-ca')];
  encrypted = await startPostgres(file, { tls: await ca.issue('DNS:db.example.com') });
  plain = await startPostgres(file);
});

function url({ port }, { host = 'db.example.com', more = '' } = {}) {
  return `postgresql://nexus@${host}:${port}/nexus?hostaddr=127.0.0.1${more}`;
}

/** `nexusd migrate`: connects and ends. {code, out} */
async function migrate(databaseUrl, env = {}) {
  const { code, stdout, stderr } = await runProgram(built('control_plane/nexusd'), ['migrate'], {
    env: nexusdEnvironment({
      port: await findPort(), baseUrl: 'http://127.0.0.1:1', databaseUrl, redisUrl: 'unix:/nonexistent', keys, env,
    }),
    timeout: 30000,
  });
  return { code, out: stdout + stderr };
}

test('verify-full by DB_SSLROOTCERT: every connection of a serving nexusd is encrypted, whatever PG* variables say', async (t) => {
  const redis = await startRedis(t);
  await startNexusd(t, {
    databaseUrl: url(encrypted), redisUrl: redis.url,
    env: {
      DB_SSLROOTCERT: ca.file,
      PGSSLMODE: 'disable', PGSSLROOTCERT: otherCa.file, PGHOSTADDR: '127.0.0.9', PGHOST: 'nowhere.example', PGPORT: '1', PGSERVICE: 'x',
    },
  });
  const rows = await encrypted.sql("SELECT s.ssl, s.version FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE a.application_name = 'nexusd'");
  assert.ok(rows.length > 0);
  for (const row of rows.split('\n')) {
    assert.match(row, /^t\|TLSv1\.[23]$/);
  }
});

test('without anything said, another host is spoken to over TLS, and a server that has none is not', async () => {
  assert.equal((await migrate(url(encrypted))).code, 0);
  const refused = await migrate(url(plain));
  assert.equal(refused.code, 1);
  assert.match(refused.out, /"event":"database_connect_failed","reason":"tls"/);
  assert.equal((await migrate(url(plain), { ENFORCE_DB_SSL: 'false' })).code, 0);
});

const refusals = [
  ['a CA that did not sign the server\'s certificate', () => [url(encrypted), { DB_SSLROOTCERT: otherCa.file }]],
  ['a host name that the certificate does not have', () => [url(encrypted, { host: 'db.example.org' }), { DB_SSLROOTCERT: ca.file }]],
  ['a wrong CA with verify-ca', () => [url(encrypted), { DB_SSLROOTCERT: otherCa.file, DB_SSLMODE: 'verify-ca' }]],
];
for (const [what, make] of refusals) {
  test(`${what}: no connection, and the log says why`, async () => {
    const refused = await migrate(...make());
    assert.equal(refused.code, 1, refused.out);
    assert.match(refused.out, /"event":"database_connect_failed","reason":"certificate"/);
  });
}

test('why there is no connection is in the log, with the place and without the password', async () => {
  const here = (user, port, name) => `postgresql://${user}@127.0.0.1:${port}/${name}`;
  const free = await findPort();
  for (const [databaseUrl, reason, place] of [
    [here('nobody:hunter2', plain.port, 'nexus'), 'login_refused', `"host":"127.0.0.1","port":"${plain.port}","database":"nexus","user":"nobody"`],
    [here('nexus:hunter2', plain.port, 'elsewhere'), 'no_such_database', '"database":"elsewhere"'],
    [here('nexus:hunter2', free, 'nexus'), 'connection_refused', `"port":"${free}"`],
    ['postgresql://nexus:hunter2@db.invalid/nexus?sslmode=require', 'unknown_host', '"host":"db.invalid"'],
  ]) {
    const refused = await migrate(databaseUrl, { LOG_LEVEL: 'warn' });
    assert.equal(refused.code, 1, refused.out);
    assert.ok(refused.out.includes(`"event":"database_connect_failed","reason":"${reason}",`), refused.out);
    assert.ok(refused.out.includes(place), refused.out);
    assert.ok(!refused.out.includes('hunter2'), refused.out);
    const end = refused.out.split('\n').find((line) => line.includes('"start_failed"'));
    assert.ok(JSON.parse(end).detail.startsWith(`${reason}: `), end);
  }
  assert.match((await migrate(here('nexus:hunter2', free, 'nexus'), { LOG_LEVEL: 'off' })).out, /start_failed/);
});

test('a role that may not create tables is told so at the start, and what it lacks', async () => {
  await plain.sql('CREATE ROLE app LOGIN');
  await plain.sql('CREATE DATABASE apps');
  const { code, out } = await migrate(`postgresql://app@127.0.0.1:${plain.port}/apps`);
  assert.equal(code, 1, out);
  const { what, reason, detail } = JSON.parse(out.split('\n').find((line) => line.includes('"start_failed"')));
  assert.deepEqual({ what, reason, detail }, {
    what: 'migrate', reason: "the database's role may not create or change tables in schema public", detail: 'SQLSTATE 42501',
  });
  await plain.sql('ALTER DATABASE apps OWNER TO app');   // as docs/configuration.md says
  assert.equal((await migrate(`postgresql://app@127.0.0.1:${plain.port}/apps`)).code, 0);
});

test('verify-ca does without the host name', async () => {
  const { code, out } = await migrate(url(encrypted, { host: 'db.example.org' }), { DB_SSLROOTCERT: ca.file, DB_SSLMODE: 'verify-ca' });
  assert.equal(code, 0, out);
});

const configurations = [
  ['sslmode=prefer', () => [url(encrypted, { more: '&sslmode=prefer' })], /DATABASE_URL names another host without TLS/],
  ['DB_SSLMODE=disable', () => [url(encrypted), { DB_SSLMODE: 'disable' }], /DATABASE_URL names another host without TLS/],
  ['verify-full without a CA', () => [url(encrypted), { DB_SSLMODE: 'verify-full' }], /set DB_SSLROOTCERT/],
  ['a service', () => ['postgresql:///nexus?service=x'], /must not name a service/],
  ['two hosts, one of them another', () => [`postgresql://localhost,db.example.com/nexus?sslmode=allow`], /names another host/],
];
for (const [what, make, sentence] of configurations) {
  test(`${what} is refused before anything is connected`, async () => {
    const refused = await migrate(...make());
    assert.equal(refused.code, 78, refused.out);
    assert.match(refused.out, sentence);
  });
}
