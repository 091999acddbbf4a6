// scripts/quickstart as a user runs it: the demo to its end, start and Ctrl-C, and what it says when it cannot start.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { serve } from '../support/http.mjs';
import { buildDir, repository } from '../support/paths.mjs';
import { findPorts } from '../support/ports.mjs';
import { runProgram } from '../support/process.mjs';
import { waitFor } from '../support/wait.mjs';
import { makeWorkdir } from '../support/workdir.mjs';

const script = path.join(repository, 'scripts/quickstart');

async function options(state) {
  const [gateway, sidecar, front, nexusd] = await findPorts(4);
  return {
    ports: { gateway, sidecar, front, nexusd },
    args: ['--no-build', '--build-dir', buildDir, '--state', state, '--gateway-port', gateway, '--sidecar-port', sidecar,
      '--control-plane-port', front, '--nexusd-port', nexusd].map(String),
  };
}

/** A quickstart that keeps running: {child, output(), finished}. */
function start(t, args) {
  const child = spawn(script, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => { output += text; });
  }
  const finished = new Promise((resolve) => { child.once('close', (code, signal) => resolve({ code, signal })); });
  t.after(async () => {
    child.kill('SIGTERM');
    await finished;
  });
  return { child, output: () => output, finished };
}

const ready = (quickstart) => waitFor('quickstart to be up', () => /Ctrl-C stops it/.test(quickstart.output()), { timeout: 40000 });

test('--demo --once walks the whole path and exits 0', async (t) => {
  const state = makeWorkdir(t, 'demo');
  const { args } = await options(state);
  const result = await runProgram(script, ['--demo', '--once', ...args], { timeout: 180000 });
  assert.equal(result.code, 0, `${result.stdout}\n${result.stderr}`);
  assert.match(result.stdout, /Bearer <sha256:[0-9a-f]{12}>/);
  assert.match(result.stdout, /the control plane refreshed it/);
  assert.doesNotMatch(result.stdout, /nxa_[a-z0-9]{16}_/, 'the demo prints no key');
});

test('starts, keeps its keys to itself, stops on Ctrl-C, and starts again on the same data', async (t) => {
  const state = makeWorkdir(t, 'quickstart');
  const { args, ports } = await options(state);
  const first = start(t, args);
  await ready(first);
  assert.equal((await fetch(`http://127.0.0.1:${ports.gateway}/health`)).status, 200);
  const keys = path.join(state, 'keys');
  const before = fs.readdirSync(keys).map((name) => [name, fs.readFileSync(path.join(keys, name), 'utf8')]);
  assert.ok(before.length >= 5);
  for (const [name] of before) {
    assert.equal(fs.statSync(path.join(keys, name)).mode & 0o777, 0o600, name);
  }

  const second = await runProgram(script, args);
  assert.notEqual(second.code, 0);
  assert.match(second.stderr, /running already/);

  first.child.kill('SIGINT');
  assert.equal((await first.finished).code, 130, first.output());
  await assert.rejects(fetch(`http://127.0.0.1:${ports.gateway}/health`));

  const third = start(t, args);
  await ready(third);
  assert.deepEqual(fs.readdirSync(keys).map((name) => [name, fs.readFileSync(path.join(keys, name), 'utf8')]), before);
  third.child.kill('SIGTERM');
  assert.equal((await third.finished).code, 143, third.output());
});

test('a port that is taken is named, and nothing is left running', async (t) => {
  const state = makeWorkdir(t, 'taken');
  const { args, ports } = await options(state);
  const holder = await serve(ports.sidecar, (request, response) => response.end());
  t.after(() => holder.close());
  const result = await runProgram(script, args);
  assert.notEqual(result.code, 0);
  assert.match(result.stderr, new RegExp(`port ${ports.sidecar} is taken`));
  assert.match(result.stderr, /--sidecar-port/);
});

test('the next steps it prints work when they are pasted', async (t) => {
  const state = makeWorkdir(t, 'pasted');
  const { args } = await options(state);
  const quickstart = start(t, args);
  await ready(quickstart);
  const commands = quickstart.output().split('\n').filter((line) => line.startsWith('  $ ')).map((line) => line.slice(4));
  assert.ok(commands.length >= 3, quickstart.output());
  const result = await runProgram('bash', ['-ec', commands.join('\n')], { cwd: state });
  assert.equal(result.code, 0, `${result.stdout}\n${result.stderr}`);
});

test('--help and unknown options', async () => {
  const help = await runProgram(script, ['--help']);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /--demo/);
  assert.equal((await runProgram(script, ['--nonsense'])).code, 1);
});
