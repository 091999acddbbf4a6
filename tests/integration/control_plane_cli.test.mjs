// nexusctl as an administrator types it: results, exit codes, and what it must not do.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { serve } from '../support/http.mjs';
import { cleanup } from '../support/cleanup.mjs';
import { newKeys } from '../support/keys.mjs';
import { startNexusd } from '../support/nexusd.mjs';
import { built } from '../support/paths.mjs';
import { findPort } from '../support/ports.mjs';
import { runProgram } from '../support/process.mjs';
import { startRedis } from '../support/redis.mjs';

const manifest = `
providers:
  - name: hub
    client_id: \${HUB_ID}
    client_secret: \${HUB_SECRET}
    auth_url: https://hub.example/authorize
    token_url: https://hub.example/token
    description: costs $$5
  - name: keyed
    auth_type: api_key
    api_base_url: https://api.example.com
`;

async function start(t) {
  const keys = newKeys();
  const redis = await startRedis(t);
  const nexusd = await startNexusd(t, { redisUrl: redis.url, keys });
  const file = path.join(nexusd.dir, 'providers.yaml');
  fs.writeFileSync(file, manifest);
  const run = (args, env = {}) => runProgram(built('control_plane/nexusctl'), args, {
    env: { PATH: process.env.PATH, NEXUS_URL: nexusd.url, API_KEY: keys.API_KEY, ...env },
  });
  return { run, file, nexusd, keys };
}

test('provider apply creates, keeps and updates by name', async (t) => {
  const { run, file, nexusd } = await start(t);
  const secrets = { HUB_ID: 'id', HUB_SECRET: 'canary-hub-secret' };
  const unset = await run(['provider', 'apply', '-f', file]);
  assert.equal(unset.code, 1);
  assert.match(unset.stderr, /HUB_ID is not set/);
  const made = await run(['provider', 'apply', '-f', file], secrets);
  assert.equal(made.code, 0, made.stderr);
  assert.equal(made.stdout, '+ CREATE hub\n+ CREATE keyed\n');
  assert.equal((await run(['provider', 'apply', '-f', file], secrets)).stdout, '= OK     hub\n= OK     keyed\n');
  const changed = await run(['provider', 'apply', '-f', file, '--json'], { ...secrets, HUB_SECRET: 'other' });
  assert.deepEqual(JSON.parse(changed.stdout), [{ name: 'hub', action: 'update' }, { name: 'keyed', action: 'ok' }]);
  const list = JSON.parse((await run(['provider', 'list', '--json'])).stdout);
  assert.deepEqual(list.map((entry) => entry.name), ['hub', 'keyed']);
  assert.ok(!nexusd.log().includes('canary-hub-secret'));

  const quirky = manifest.replace('costs $$5', 'costs $$5\n    oauth: {pkce: off, default_expires_in: 7200, token_rename: {redirect_uri: null}}');
  for (const [text, mark] of [[quirky, '~ UPDATE'], [quirky, '= OK    '], [manifest, '~ UPDATE'], [manifest.replace('    description: costs $$5\n', ''), '~ UPDATE']]) {
    fs.writeFileSync(file, text);
    assert.equal((await run(['provider', 'apply', '-f', file], secrets)).stdout, `${mark} hub\n= OK     keyed\n`, 'what is taken away is drift too');
  }

  fs.writeFileSync(file, manifest.replace('client_id', 'odd_member'));
  const odd = await run(['provider', 'apply', '-f', file], secrets);
  assert.equal(odd.code, 1);
  assert.match(odd.stdout, /! FAILED hub\n= OK {5}keyed/);
  assert.match(odd.stderr, /profile\./);
});

test('agents and connections', async (t) => {
  const { run, file } = await start(t);
  assert.equal((await run(['provider', 'apply', '-f', file], { HUB_ID: 'id', HUB_SECRET: 's' })).code, 0);
  const agent = JSON.parse((await run(['agent', 'create', '--name', 'a', '--workspace', 'w', '--grant', 'token:use,token:read', '--output', 'json'])).stdout);
  assert.match(agent.key.secret, /^nxa_/);
  assert.deepEqual(agent.grants, ['token:use', 'token:read']);
  const agents = await run(['agent', 'list', '--workspace', 'w']);
  assert.match(agents.stdout, /token:use, token:read/);
  assert.ok(!agents.stdout.includes(agent.key.secret));

  const asked = await run(['connect', '--provider', 'keyed', '--workspace', 'w', '--user', 'u']);
  assert.equal(asked.code, 0, asked.stderr);
  const id = /^connection\s+(\S+)$/m.exec(asked.stdout)[1];
  assert.match(asked.stdout, /^open\s+http\S+\/connect\/\S+$/m);
  const waited = await run(['connect', '--provider', 'keyed', '--workspace', 'w', '--user', 'u', '--wait', '--timeout', '1']);
  assert.equal(waited.code, 1);
  assert.match(waited.stderr, /still pending/);
  assert.match((await run(['connection', 'list', '--workspace', 'w', '--state', 'pending'])).stdout, new RegExp(id));
  assert.equal((await run(['connection', 'list', '--state', 'odd'])).code, 1);
  assert.equal(JSON.parse((await run(['connection', 'show', id, '--json'])).stdout).state, 'pending');
  assert.equal((await run(['connection', 'label', id, 'env=prod', 'x=1'])).stdout, 'env=prod\nx=1\n');
  assert.equal((await run(['connection', 'label', id, 'x-'])).stdout, 'env=prod\n');
  assert.equal((await run(['connection', 'label', id, 'nonsense'])).code, 2);
  assert.match((await run(['connection', 'list', '--label', 'env=prod'])).stdout, new RegExp(id));
  assert.doesNotMatch((await run(['connection', 'list', '--label', 'env=test'])).stdout, new RegExp(id));
  const labelled = JSON.parse((await run(['connect', '--provider', 'keyed', '--workspace', 'w', '--user', 'u', '--label', 'env=test', '--json'])).stdout);
  assert.match((await run(['connection', 'list', '--label', 'env=test'])).stdout, new RegExp(labelled.connection_id));
  const again = await run(['connection', 'reconnect', id]);
  assert.match(again.stdout, new RegExp(`^connection\\s+${id}\nopen\\s+http\\S+/connect/\\S+$`, 'm'));
  assert.equal((await run(['connection', 'delete', labelled.connection_id])).stdout, `deleted ${labelled.connection_id}\n`);
  assert.equal((await run(['connection', 'show', labelled.connection_id])).code, 1);
  assert.equal((await run(['connection', 'revoke', id])).stdout, `revoked ${id}\n`);
  assert.match((await run(['connection', 'show', id])).stdout, /^state\s+revoked$/m);
});

test('wrong usage ends with 2, refusals and silence with 1', async (t) => {
  const { run, nexusd, keys } = await start(t);
  for (const args of [[], ['connection'], ['nonsense'], ['connection', 'show'], ['agent', 'create', '--name', 'a']]) {
    assert.equal((await run(args)).code, 2, args.join(' '));
  }
  assert.equal((await run(['provider', 'list'], { API_KEY: undefined })).code, 2);
  const refused = await run(['provider', 'list'], { API_KEY: 'wrong-key' });
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /401 invalid_api_key/);
  const silent = await run(['provider', 'list'], { NEXUS_URL: `http://127.0.0.1:${await findPort()}` });
  assert.equal(silent.code, 1);
  assert.match(silent.stderr, /no answer from/);
  const keyFile = path.join(nexusd.dir, 'api.key');
  fs.writeFileSync(keyFile, `${keys.API_KEY}\n`);
  assert.equal((await run(['provider', 'list'], { API_KEY: undefined, API_KEY_FILE: keyFile })).code, 0);

  // Whoever answers may be no nexusd; what it says is shown as text, without control characters.
  const other = await serve(await findPort(), (_, response) => response.writeHead(500).end(JSON.stringify({ error: 'x', message: '\u001b[31mred' })));
  cleanup(t, () => other.close());
  const odd = await run(['provider', 'list'], { NEXUS_URL: other.url });
  assert.equal(odd.code, 1);
  assert.ok(!odd.stderr.includes('\u001b'));
});
