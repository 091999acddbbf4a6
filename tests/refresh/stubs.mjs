// Starts the provider and the fault proxy as programs, and speaks to their admin ports.
import path from 'node:path';
import { cleanup } from '../support/cleanup.mjs';
import { get, post } from '../support/http.mjs';
import { findPorts } from '../support/ports.mjs';
import { startProgram } from '../support/process.mjs';
import { answers200 } from '../support/wait.mjs';
import { makeWorkdir } from '../support/workdir.mjs';
import { readLines } from './lines.mjs';

/** classes: families.mjs. Token endpoints are `${url}/CLASS/token`. */
export async function startProvider(t, { classes, seed = 1 }) {
  const dir = makeWorkdir(t, 'provider');
  const [port, adminPort] = await findPorts(2);
  const ledger = path.join(dir, 'ledger.jsonl');
  const program = await start(t, 'provider', { port, adminPort, ledger, classes, seed }, dir);
  const call = caller(adminPort);
  return {
    port, url: `http://127.0.0.1:${port}`, program,
    createFamilies: (className, count) => call('POST', '/families', { class: className, count }),
    families: () => call('GET', '/families'),
    counts: () => call('GET', '/counts'),
    /** Every redemption so far. */
    async ledger() {
      await call('POST', '/flush');
      return readLines(ledger);
    },
  };
}

/** plan: fault-plan.mjs; faults are off at first. */
export async function startFaultProxy(t, { provider, classes, plan }) {
  const dir = makeWorkdir(t, 'fault-proxy');
  const [port, adminPort] = await findPorts(2);
  const log = path.join(dir, 'exchanges.jsonl');
  const graced = Object.keys(classes).filter((name) => classes[name].rotates && classes[name].grace_s > 0);
  const program = await start(t, 'fault-proxy', { port, adminPort, upstreamPort: provider.port, log, graced, plan }, dir);
  const call = caller(adminPort);
  return {
    port, url: `http://127.0.0.1:${port}`, program,
    faults: (on) => call('POST', '/faults', { on }),
    refuse: (ms) => call('POST', '/refuse', { ms }),
    slow: (ms, forMs) => call('POST', '/slow', { ms, forMs }),
    counts: () => call('GET', '/counts'),
    /** Every exchange so far; those that are open are taken as they are. */
    async exchanges() {
      await call('POST', '/flush');
      return readLines(log);
    },
  };
}

async function start(t, name, config, dir) {
  const program = await startProgram({
    name, command: process.execPath, args: [path.join(import.meta.dirname, `${name}.mjs`), JSON.stringify(config)],
    logFile: path.join(dir, `${name}.log`), ready: () => answers200(`http://127.0.0.1:${config.adminPort}/counts`),
  });
  cleanup(t, () => program.stop());
  return program;
}

function caller(port) {
  return async (method, target, json) => {
    const answer = await (method === 'GET' ? get : post)(`http://127.0.0.1:${port}${target}`, { ...(json ? { json } : {}), timeout: 60000 });
    if (answer.status !== 200) {
      throw new Error(`${method} ${target}: ${answer.status} ${answer.text.slice(0, 300)}`);
    }
    return answer.json;
  };
}
