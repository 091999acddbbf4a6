// Backups and restores by the commands of docs/operations.md, as they stand there: what was written before the backup is
// there again, what came after it is not, and Redis has forgotten both. The edges' part is an operator's.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { startControlPlane } from '../support/control-plane.mjs';
import { expectStatus } from '../support/line.mjs';
import { repository } from '../support/paths.mjs';
import { mustRun } from '../support/process.mjs';
import { waitFor } from '../support/wait.mjs';
import { makeWorkdir } from '../support/workdir.mjs';

const manual = fs.readFileSync(path.join(repository, 'docs/operations.md'), 'utf8');
const section = manual.slice(manual.indexOf('\n## Backups\n'), manual.indexOf('\n## Sizes\n'));
const blocks = [...section.matchAll(/^( *)```\n([\s\S]*?)^\1```$/gm)].map(([, , commands]) => commands);

/** The one block of commands of the manual's section that has this in it. */
function block(word) {
  const found = blocks.filter((commands) => commands.includes(word));
  assert.equal(found.length, 1, `blocks with ${word}`);
  return found[0];
}

const commandsOf = {
  sqlite: { backup: block('VACUUM INTO'), restore: block('"$BACKUP" /var/lib'), pattern: /^nexus-.*\.db$/ },
  postgres: { backup: block('pg_dump'), restore: block('pg_restore --no-owner'), pattern: /^nexus-.*\.dump$/ },
};

for (const database of ['sqlite', 'postgres']) {
  test(`a backup, made while nexusd runs, is restored (${database})`, async (t) => {
    const plane = await startControlPlane(t, { database });
    const dir = makeWorkdir(t, 'backups');
    const agent = (name) => plane.admin('POST', '/admin/agents', { name, workspace_id: 'w1', grants: ['token:use'] });
    const agents = async () => expectStatus(200, await plane.admin('GET', '/admin/agents')).json.items.map(({ name }) => name);
    const run = (commands, more = {}) => mustRun('bash', ['-euo', 'pipefail', '-c', commands
      .replaceAll('/var/backups/nexus', `${dir}/backups`)
      .replaceAll('/var/lib/nexus', path.dirname(plane.databaseUrl.slice('sqlite:'.length)))
      .replaceAll('-o nexus -g nexus ', '')   // there is no such user
      .replaceAll('redis-cli', `redis-cli -s ${plane.redis.socket}`)],
    { env: { ...process.env, PGHOST: plane.postgres?.dir, PGPORT: String(plane.postgres?.port), PGUSER: 'nexus', ...more } });

    expectStatus(201, await agent('before'));
    await run(commandsOf[database].backup);
    const [backup, ...others] = fs.readdirSync(`${dir}/backups`);
    assert.match(backup, commandsOf[database].pattern);
    assert.deepEqual(others, []);
    assert.equal(fs.statSync(`${dir}/backups/${backup}`).mode & 0o777, 0o600);
    assert.equal(fs.statSync(`${dir}/backups`).mode & 0o777, 0o700);

    expectStatus(201, await agent('after'));
    assert.deepEqual((await agents()).sort(), ['after', 'before']);
    await waitFor('the agents to be in Redis', async () => (await plane.redis.client.keys('nexus:*')).length >= 2);
    await (database === 'sqlite' ? plane.nexusd.kill() : plane.nexusd.stop());   // killed, it leaves a file of WAL behind
    await run(commandsOf[database].restore, { BACKUP: `${dir}/backups/${backup}` });
    await run(block("--pattern 'nexus:*'"));
    assert.deepEqual(await plane.redis.client.keys('nexus:*'), []);

    await plane.nexusd.start();
    assert.deepEqual(await agents(), ['before']);
    const verified = await plane.ctl(['audit', 'verify']);
    assert.equal(verified.code, 0, verified.stdout + verified.stderr);
  });
}
