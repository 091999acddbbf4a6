// docs/sidecar.md: what it says to write does what it says, through conf/sidecar.conf as it is.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { cleanup } from '../support/cleanup.mjs';
import { serve } from '../support/http.mjs';
import { repository } from '../support/paths.mjs';
import { findPort } from '../support/ports.mjs';
import { mustRun } from '../support/process.mjs';
import { notFound, startAll } from './conf-fixture.mjs';

const guide = fs.readFileSync(path.join(repository, 'docs/sidecar.md'), 'utf8');
const blocks = [...guide.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language, text]) => ({ language, text }));

const commands = {
  sh: (text) => ['sh', '-euc', text],
  python: (text) => ['python3', '-c', text],
  js: (text) => [process.execPath, '--input-type=module', '-e', text],
};

test('each block of the guide gets the provider\'s answer, with the connection\'s credential', async (t) => {
  const { site, provider, key, id } = await startAll(t, notFound);
  const env = { PATH: process.env.PATH, NEXUS_KEY: key, NEXUS_CONNECTION: id, NEXUS_URL: site.sidecar };
  const run = blocks.filter(({ language }) => language in commands);
  assert.deepEqual(run.map(({ language }) => language), ['sh', 'sh', 'python', 'js']);
  for (const { language, text } of run) {
    const before = provider.requests.length;
    const [command, ...args] = commands[language](text);
    assert.equal((await mustRun(command, args, { env, timeout: 30_000 })).trim(), 'provider', text);

    assert.equal(provider.requests.length, before + 1);
    const { url, headers } = provider.requests.at(-1);
    assert.match(url, /^\/base\/user\/repos(\?per_page=2)?$/);
    assert.equal(headers.authorization, 'Bearer canary-token-1');
    assert.equal(headers['x-nexus-key'], undefined);
  }
});

test('the guide has an answer for a connection by the agent\'s own name', async (t) => {
  const { site, provider, key } = await startAll(t, notFound);
  const { text } = blocks.filter(({ language }) => language === 'sh')[1];
  const env = { PATH: process.env.PATH, NEXUS_KEY: key, NEXUS_CONNECTION: 'my-api', NEXUS_URL: site.sidecar };
  assert.equal((await mustRun('sh', ['-euc', text], { env, timeout: 30_000 })).trim(), 'provider');
  assert.equal(provider.requests.at(-1).body.toString(), '{"name":"demo"}');
});

test('a client that follows the provider\'s redirect to another host sends the agent\'s key to nobody', async (t) => {
  const { site, provider, key, id } = await startAll(t, notFound);
  const other = { requests: [] };
  const server = await serve(await findPort(), (incoming, response) => {
    other.requests.push(incoming);
    response.end('elsewhere');
  });
  cleanup(t, () => server.close());
  provider.handler = (incoming, response) => response.writeHead(302, { location: `http://localhost:${server.port}/archive` }).end();
  const env = { PATH: process.env.PATH, NEXUS_KEY: key, NEXUS_CONNECTION: id, NEXUS_URL: site.sidecar };
  for (const { language, text } of blocks.filter((block) => block.language in commands)) {
    const before = other.requests.length;
    const [command, ...args] = commands[language](text.replace(/^curl/, 'curl --location'));
    assert.equal((await mustRun(command, args, { env, timeout: 30_000 })).trim(), 'elsewhere', text);
    assert.equal(other.requests.length, before + 1);
    assert.doesNotMatch(other.requests.at(-1).rawHeaders.join('\n'), /nxa_/, text);
  }
});
