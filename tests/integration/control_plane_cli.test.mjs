// nexusctl as an administrator types it: results, exit codes, and what it must not do.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { serve } from '../support/http.mjs';
import { cleanup } from '../support/cleanup.mjs';
import { newKeys } from '../support/keys.mjs';
import { startNexusd } from '../support/nexusd.mjs';
import { built, repository } from '../support/paths.mjs';
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

test('provider list follows its pages', async (t) => {
  const { run, file, nexusd } = await start(t);
  fs.writeFileSync(file, `providers:\n${['e', 'a', 'd', 'b', 'c'].map((name) => `  - {name: p-${name}, auth_type: api_key}\n`).join('')}`);
  assert.equal((await run(['provider', 'apply', '-f', file])).code, 0);
  // In front of nexusd: pages of two, and a path of its own.
  const asked = [];
  const front = await serve(await findPort(), async (request, response) => {
    asked.push(request.url);
    const page = await fetch(nexusd.url + request.url.replace(/^\/nexus/, '').replace(/limit=\d+/, 'limit=2'), { headers: { 'x-api-key': request.headers['x-api-key'] } });
    response.writeHead(page.status, { 'content-type': 'application/json', ...(page.headers.has('link') ? { link: page.headers.get('link') } : {}) });
    response.end(await page.text());
  });
  cleanup(t, () => front.close());
  const env = { NEXUS_URL: `${front.url}/nexus` };
  const names = ['p-a', 'p-b', 'p-c', 'p-d', 'p-e'];
  assert.deepEqual(JSON.parse((await run(['provider', 'list', '--json'], env)).stdout).map(({ name }) => name), names);
  assert.equal(asked.length, 3);
  const shown = await run(['provider', 'list'], env);
  assert.deepEqual(shown.stdout.split('\n').slice(1, -1).map((line) => line.split(/ +/)[1]), names);
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
  assert.equal((await run(['connection', 'list', '--state', 'odd'])).code, 2);
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

test('what an agent chose for a user id, or an operator for a name, does not reach the terminal as a command', async (t) => {
  const { run, file } = await start(t);
  await run(['provider', 'apply', '-f', file], { HUB_ID: 'id', HUB_SECRET: 's' });
  const odd = 'x\u009b31m\u202ey\u2066z';
  const asked = await run(['connect', '--provider', 'keyed', '--workspace', 'w', '--user', odd, '--label', 'a=b\u009bc', '--json']);
  const { connection_id: id } = JSON.parse(asked.stdout);
  const agent = await run(['agent', 'create', '--name', odd, '--workspace', 'w', '--grant', 'token:use']);
  const agentId = /\(([0-9a-f-]{36})\)/.exec(agent.stdout)[1];
  assert.equal(JSON.parse((await run(['connection', 'show', id, '--json'])).stdout).user_id, odd, 'programs get it as it is');
  const shown = await run(['connection', 'show', id]);
  assert.match(shown.stdout, /^user_id +x\?31m\?y\?z$/m);
  for (const { code, stdout, stderr } of [
    shown, agent, await run(['connection', 'label', id, 'c=d\u202ee']), await run(['agent', 'show', agentId]), await run(['agent', 'list']),
    await run(['connection', 'list', '--label', `a\u009b`]),
  ]) {
    assert.ok(code === 0 || stderr.length > 0);
    assert.doesNotMatch(stdout + stderr, /[\u0080-\u009f\u202a-\u202e\u2066-\u2069]/);
  }
});

test('rules of connections', async (t) => {
  const { run, file } = await start(t);
  await run(['provider', 'apply', '-f', file], { HUB_ID: 'id', HUB_SECRET: 's' });
  const { connection_id: id } = JSON.parse((await run(['connect', '--provider', 'keyed', '--workspace', 'w', '--user', 'u', '--json'])).stdout);
  const rules = (...args) => run(['connection', 'rules', ...args]);
  const shown = async () => JSON.parse((await rules('show', id, '--json')).stdout);
  const none = 'no rules: every request is allowed\n';
  assert.equal((await rules('show', id)).stdout, none);
  assert.deepEqual(await shown(), []);

  assert.equal((await rules('set', id, 'GET /repos/*', '* /open', 'POST /a,b')).stdout, 'GET /repos/*\n* /open\nPOST /a,b\n');
  assert.deepEqual(JSON.parse((await rules('set', id, 'GET /repos/*', 'POST /x', '--json')).stdout).request_rules, ['GET /repos/*', 'POST /x'], 'in place of the old ones');
  assert.match((await run(['connection', 'show', id])).stdout, /^request_rules +GET \/repos\/\*, POST \/x$/m);
  for (const odd of ['GET', '/repos/*', 'get /x', 'GET x', 'GET /a?b', 'GET /../x', '']) {
    const refused = await rules('set', id, 'GET /fine', odd);
    assert.equal(refused.code, 2, odd);
    assert.ok(refused.stderr.startsWith(`nexusctl: "${odd}" is no rule: `), refused.stderr);
    assert.equal(refused.stdout, '');
  }
  const many = await rules('set', id, ...Array.from({ length: 65 }, (_, i) => `GET /${i}`));
  assert.equal(many.code, 1);
  assert.match(many.stderr, /request_rules must have at most 64 .*400 invalid_request/);
  assert.deepEqual(await shown(), ['GET /repos/*', 'POST /x']);

  const unknown = await rules('remove', id, 'POST /x', 'GET /y');
  assert.deepEqual([unknown.code, unknown.stderr], [1, 'nexusctl: the connection has no rule "GET /y"\n']);
  assert.equal((await rules('remove', id, 'POST /x')).stdout, 'GET /repos/*\n');
  const last = await rules('remove', id, 'GET /repos/*');
  assert.equal(last.code, 1, 'taking the last permission away does not allow everything');
  assert.match(last.stderr, /--all/);
  assert.deepEqual(await shown(), ['GET /repos/*']);
  for (const args of [['remove', id], ['remove', id, 'GET /repos/*', '--all'], ['set', id], ['show'], []]) {
    assert.equal((await rules(...args)).code, 2, args.join(' '));
  }
  assert.equal((await rules('remove', id, '--all')).stdout, none);
  assert.deepEqual(await shown(), []);

  const several = Array.from({ length: 6 }, (_, i) => `GET /${i}`);
  await rules('set', id, 'GET /stays', ...several);
  const removed = await Promise.all(several.map((rule) => rules('remove', id, rule)));
  assert.deepEqual(removed.map(({ code, stderr }) => code || stderr), several.map(() => ''), 'at once: none undoes what another does');
  assert.deepEqual(await shown(), ['GET /stays']);
  const nobody = await rules('set', '6611360c-1fab-46ae-ab77-70e90c37a081', 'GET /x');
  assert.equal(nobody.code, 1);
  assert.match(nobody.stderr, /404 connection_not_found/);
});

test('aliases of agents', async (t) => {
  const { run } = await start(t);
  const [one, two] = ['6611360c-1fab-46ae-ab77-70e90c37a081', '7d5a870a-cd21-43d4-ba54-a69caa53882c'];
  const create = (...args) => run(['agent', 'create', '--name', 'a', '--workspace', 'w', '--grant', 'token:use', '--json', ...args]);
  const born = JSON.parse((await create('--alias', `mail=${one}`, '--alias', `b=${two}`)).stdout);
  assert.deepEqual(born.aliases, { b: two, mail: one });
  assert.equal((await create('--alias', 'mail')).code, 2);

  const { id } = JSON.parse((await create()).stdout);
  const alias = (...args) => run(['agent', 'alias', ...args]);
  const table = (...rows) => `${[['NAME', 'CONNECTION'], ...rows].map(([name, to]) => `${name.padEnd(Math.max(4, ...rows.map(([n]) => n.length)))}  ${to}\n`).join('')}`;
  assert.equal((await alias('list', id)).stdout, table());
  assert.equal((await alias('list', id, '--json')).stdout, '{}\n');
  assert.equal((await alias('add', id, `github=${one.toUpperCase()}`)).stdout, table(['github', one]));
  assert.deepEqual(JSON.parse((await alias('add', id, `git-hub.2=${two}`, `0=${one}`, '--json')).stdout).aliases, { 0: one, 'git-hub.2': two, github: one });
  assert.equal((await alias('list', id)).stdout, table(['0', one], ['git-hub.2', two], ['github', one]));
  assert.match((await run(['agent', 'show', id])).stdout, new RegExp(`^ALIAS +CONNECTION\n0 +${one}$`, 'm'));

  const taken = await alias('add', id, `new=${one}`, `github=${two}`);
  assert.deepEqual([taken.code, taken.stdout, taken.stderr], [1, '', `nexusctl: alias github leads to ${one} already; --replace takes it elsewhere\n`]);
  assert.equal((await alias('add', id, `github=${one}`)).code, 0, 'it leads there');
  assert.equal((await alias('add', id, `github=${two}`, '--replace')).code, 0);
  for (const [odd, named] of [
    ['github', 'NAME=CONNECTION_ID: github'], [`GitHub=${one}`, '"GitHub"'], [`=${one}`, '""'], [`${two}=${one}`, `"${two}"`], ['a=b=c', '"b=c"'], ['a=', 'alias a .*""'],
  ]) {
    const refused = await alias('add', id, `fine=${one}`, odd);
    assert.equal(refused.code, 2, odd);
    assert.match(refused.stderr, new RegExp(named));
  }
  assert.equal((await alias('add', id, `a=${one}`, `a=${two}`)).code, 2);
  const many = await alias('add', id, ...Array.from({ length: 256 }, (_, i) => `n${i}=${one}`));
  assert.equal(many.code, 1);
  assert.match(many.stderr, /256 at most .*400 invalid_request/);

  const unknown = await alias('remove', id, 'github', 'other');
  assert.deepEqual([unknown.code, unknown.stderr], [1, 'nexusctl: the agent has no alias "other"\n']);
  assert.equal((await alias('remove', id, 'github', '0')).stdout, table(['git-hub.2', two]));
  assert.equal(JSON.parse((await alias('remove', id, 'git-hub.2', '--json')).stdout).aliases, undefined);
  assert.equal((await alias('list', id, '--json')).stdout, '{}\n');

  const names = Array.from({ length: 6 }, (_, i) => `name-${i}`);
  await Promise.all(names.map((name) => alias('add', id, `${name}=${one}`)));
  assert.deepEqual(Object.keys(JSON.parse((await alias('list', id, '--json')).stdout)).sort(), names, 'at once: none undoes what another does');
  await run(['agent', 'revoke', id]);
  const late = await alias('add', id, `late=${one}`);
  assert.equal(late.code, 1);
  assert.match(late.stderr, /409 conflict/);
  for (const args of [['add', id], ['remove', id], ['list'], []]) {
    assert.equal((await alias(...args)).code, 2, args.join(' '));
  }
  const nobody = await alias('add', one, `a=${one}`);
  assert.equal(nobody.code, 1);
  assert.match(nobody.stderr, /404 agent_not_found/);
});

test('every command and option is in docs/nexusctl.md', async () => {
  const page = fs.readFileSync(path.join(repository, 'docs/nexusctl.md'), 'utf8');
  const help = async (command) => (await runProgram(built('control_plane/nexusctl'), [...command, '--help'], {})).stdout;
  const walk = async (command) => {
    const text = await help(command);
    const below = [...(text.split('\nSubcommands:\n')[1] ?? '').matchAll(/^ {2}(\S+)/gm)].map(([, name]) => name);
    if (below.length === 0) {
      const [parent, name] = [command.slice(0, -1).join(' '), command.at(-1)];
      assert.match(page, new RegExp(`\\b${parent} ${name}\\b|\`${name}[ \`]`), `${command.join(' ')} is not in the page`);
      for (const [, words] of text.matchAll(/TEXT:\{([^}]+)\}/g)) {
        assert.ok(words === 'text,json' || words.split(',').every((word) => page.includes(word.trim())), `${command.join(' ')} takes ${words}`);
      }
      for (const [, names] of text.matchAll(/^ {2}(-\S+)/gm)) {
        assert.ok(names === '-h,--help' || names.split(',').some((name) => page.includes(name)), `${command.join(' ')} ${names} is not in the page`);
      }
    }
    return 1 + (await Promise.all(below.map((name) => walk([...command, name])))).reduce((sum, n) => sum + n, 0);
  };
  assert.ok(await walk([]) > 50);
});

test('what is wrong in a line is named, with what may stand there, and nothing is sent', async (t) => {
  const { run, nexusd } = await start(t);
  const create = ['key', 'create', '--name', 'a', '--scope'];
  for (const [args, says, env] of [
    [['bogus'], /not expected: bogus\n/],
    [['provider', 'bogus'], /not expected: bogus\n/],
    [['provider', 'list', 'bogus'], /not expected: bogus\n/],
    [['connection', 'list', '--label', 'env'], /^nexusctl: a label is name=value: env\n$/],
    [['connect', '--provider', 'p', '--workspace', 'w', '--user', 'u', '--label', 'env'], /: env\n$/],
    [['connection', 'list', '--state', 'foo'], /foo not in \{pending,active,attention,failed,expired,revoked\}/],
    [[...create, 'edge,bogus'], /bogus not in \{providers:read,.*,edge\}/],
    [['agent', 'create', '--name', 'a', '--workspace', 'w', '--grant', 'bogus'], /bogus not in \{token:use,.*,admin\}/],
    [['provider', 'list'], /^nexusctl: NEXUS_URL is not an absolute http\(s\) URL: foo\n$/, { NEXUS_URL: 'foo' }],
    [['provider', 'apply', '-f', '/nonexistent'], /^nexusctl: NEXUS_URL is not/, { NEXUS_URL: 'foo', API_KEY: undefined }],
  ]) {
    const { code, stdout, stderr } = await run(args, env);
    assert.deepEqual([code, stdout], [2, ''], args.join(' '));
    assert.match(stderr, says);
  }
  const asked = nexusd.log();
  const words = async (args, option) => new RegExp(`${option} TEXT:\\{([^}]*)\\}`).exec((await run([...args, '--help'])).stdout.replaceAll('\n', ''))[1].split(',');
  const scopes = await words(['key', 'create'], '--scope');
  assert.ok(scopes.length > 10);
  assert.equal(asked, nexusd.log());
  for (const scope of scopes) {
    assert.equal((await run([...create, scope])).code, 0, `nexusd knows ${scope}`);
  }
  const known = [...fs.readFileSync(path.join(repository, 'control_plane/services/access/scope.cpp'), 'utf8').matchAll(/\{Scope::k\w+, "([^"]+)"\}/g)];
  assert.deepEqual(scopes, known.map(([, name]) => name));
  for (const state of await words(['connection', 'list'], '--state')) {
    assert.equal((await run(['connection', 'list', '--state', state])).code, 0, `nexusd knows ${state}`);
  }
  for (const grant of await words(['agent', 'create'], '--grant')) {
    assert.equal((await run(['agent', 'create', '--name', 'a', '--workspace', 'w', '--grant', grant])).code, 0, `nexusd knows ${grant}`);
  }
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

test('a good status without JSON is nobody\'s success, and its body is not shown', async (t) => {
  const { run } = await start(t);
  let body = '<h1>Welcome to nginx!</h1>';
  const other = await serve(await findPort(), (_, response) => response.writeHead(200).end(body));
  cleanup(t, () => other.close());
  const id = '6611360c-1fab-46ae-ab77-70e90c37a081';
  for (body of ['<h1>Welcome to nginx!</h1>', '', '"Welcome"']) {
    for (const [args, code = 1] of [
      [['key', 'revoke', 'abc']], [['key', 'create', '--name', 'a', '--scope', 'edge']], [['agent', 'revoke', id]], [['keys', 'rotate', '--quiet']],
      [['connection', 'list']], [['connection', 'list', '--json']], [['provider', 'list']], [['audit', 'verify'], 3],
    ]) {
      const got = await run(args, { NEXUS_URL: other.url });
      assert.deepEqual(got, { code, signal: null, stdout: '', stderr: `nexusctl: what answers at ${other.url} is no nexusd: status 200 without JSON\n` }, args.join(' '));
    }
  }
  body = '{"status":"ok"}';
  for (const [args, member, code = 1] of [
    [['key', 'create', '--name', 'a', '--scope', 'edge'], 'key'], [['agent', 'create', '--name', 'a', '--workspace', 'w', '--grant', 'token:use'], 'key'],
    [['keys', 'rotate', '--quiet'], 'left'], [['connection', 'list', '--json'], 'items'], [['provider', 'list'], 'items'], [['audit', 'verify'], 'intact', 3],
  ]) {
    const got = await run(args, { NEXUS_URL: other.url });
    assert.deepEqual(got, { code, signal: null, stdout: '', stderr: `nexusctl: the answer has no member ${member}, so it is no nexusd's\n` }, args.join(' '));
  }
});

test('what does not arrive on stdout makes the command fail, and nothing is done without a stdout', async (t) => {
  const { run, nexusd, keys } = await start(t);
  const shell = (redirect, args, env = {}) => runProgram('sh', ['-c', `"$0" "$@" ${redirect}`, built('control_plane/nexusctl'), ...args], {
    env: { PATH: process.env.PATH, NEXUS_URL: nexusd.url, API_KEY: keys.API_KEY, ...env },
  });
  const create = (name) => ['key', 'create', '--name', name, '--scope', 'edge'];
  const commands = [
    [create('a')], [[...create('b'), '--json']], [['agent', 'create', '--name', 'a', '--workspace', 'w', '--grant', 'token:use', '--json']],
    [['connection', 'list', '--json']], [['audit', 'list', '--json']], [['provider', 'list']], [['audit', 'verify'], 3], [['key', '--help']],
  ];
  for (const [args, code = 1] of commands) {
    assert.deepEqual(await shell('> /dev/full', args), {
      code, signal: null, stdout: '', stderr: 'nexusctl: stdout did not take all that was printed: No space left on device\n',
    }, args.join(' '));
  }
  assert.equal((await shell('> /dev/full', ['connection', 'show', 'x'])).code, 1);
  const names = async () => JSON.parse((await run(['key', 'list', '--json'])).stdout).map(({ name }) => name).sort();
  const there = await names();
  for (const [args, code = 1] of commands.slice(0, -1)) {
    assert.deepEqual(await shell('>&-', args), {
      code, signal: null, stdout: '', stderr: 'nexusctl: stdout is closed, so nothing was done: what it prints would be lost\n',
    }, args.join(' '));
  }
  assert.deepEqual(await names(), there);
  assert.equal((await shell('<&- 2>&-', ['provider', 'list'])).code, 0);
  assert.equal((await shell('2>&-', ['connection', 'show', 'x'])).code, 1);
});
