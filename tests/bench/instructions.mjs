// How many instructions a request takes in the worker, in user space, as callgrind counts them: what edge-inject, edge-token
// and sigv4 time, without who else uses the machine. Callgrind knows neither caches nor the kernel, and its processor
// has no instructions for SHA-256: a count says how much work there is, not how long it takes.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { request } from '../support/http.mjs';
import { mustRun } from '../support/process.mjs';
import { makeWorkdir } from '../support/workdir.mjs';
import { start as startInject } from './edge-inject.mjs';
import { start as startToken } from './edge-token.mjs';
import { report } from './measure.mjs';
import { start as startSigv4 } from './sigv4.mjs';

const COMPARED = [
  { name: 'inject', start: startInject, first: 'plain', second: 'inject', baseline: 'proxy_pass with a static header' },
  { name: 'token', start: startToken, first: 'same', second: 'token', baseline: 'return 200 with the same bytes' },
  { name: 'sigv4', start: startSigv4, first: 'header', second: 'signed', baseline: 'a header put on' },
];

export async function run({ t, json, rounds = 100, log }) {
  await checkValgrind();
  for (const { name, start, first, second, baseline } of COMPARED) {
    const dir = makeWorkdir(t, 'callgrind');
    const { edge, sides } = await start(t, { under: underCallgrind(dir) });
    const { pid } = edge.program;
    const counts = {};
    for (const side of [first, second]) {
      counts[side] = await instructionsOf({ dir, pid, side: sides[side], requests: rounds });
      log(`${side}: ${counts[side]} instructions`);
    }
    report({ json, name: `instructions.${name}`, unit: 'instructions', value: counts[second], baseline, baseline_value: counts[first], rounds });
    await edge.stop();
  }
}

async function checkValgrind() {
  try {
    await mustRun('valgrind', ['--version']);
  } catch {
    throw new Error('it needs valgrind: run scripts/install-deps --valgrind');
  }
}

const underCallgrind = (dir) => ['valgrind', '-q', '--tool=callgrind', vgdbPrefix(dir), `--callgrind-out-file=${path.join(dir, 'out.%p')}`];
/** Where the two find each other, whatever TMPDIR says. */
const vgdbPrefix = (dir) => `--vgdb-prefix=${path.join(dir, 'vgdb')}`;

/** On one kept connection, after some requests that are not counted. */
async function instructionsOf({ dir, pid, side: { url, headers }, requests }) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const ask = async (times) => {
    for (let i = 0; i < times; i++) {
      const { status, text } = await request(url, { headers, agent });
      if (status !== 200) {
        throw new Error(`${url} answered ${status}: ${text}`);
      }
    }
  };
  await ask(10);
  await mustRun('callgrind_control', [vgdbPrefix(dir), '--zero', String(pid)]);
  await ask(requests);
  await mustRun('callgrind_control', [vgdbPrefix(dir), '--dump', String(pid)]);
  agent.destroy();
  return Math.round(countIn(dir, pid) / requests);
}

/** The total of the dump that was written last. */
function countIn(dir, pid) {
  const dumps = fs.readdirSync(dir).filter((name) => name.startsWith(`out.${pid}.`));
  const newest = dumps.sort((a, b) => Number(a.split('.').pop()) - Number(b.split('.').pop())).pop();
  const [, total] = /^(?:summary|totals): (\d+)/m.exec(fs.readFileSync(path.join(dir, newest), 'utf8'));
  return Number(total);
}
