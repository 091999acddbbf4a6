// Runs one benchmark: `run.mjs NAME [--json] [--full] [--peers] [--rounds N] [--seconds N] [--sizes N,..]`, called by scripts/bench. Each benchmark is
// a file of its name in this folder that exports run({t, json, full, peers, rounds, seconds, sizes, log}).
import { parseArgs } from 'node:util';

const { positionals: [name], values } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false }, full: { type: 'boolean', default: false }, peers: { type: 'boolean', default: false },
    rounds: { type: 'string' }, seconds: { type: 'string' }, sizes: { type: 'string' },
  },
});

const cleanups = [];
const t = { after: (step) => cleanups.push(step) };
const number = (option) => (values[option] === undefined ? undefined : Number(values[option]));

try {
  const { run } = await import(`./${name}.mjs`);
  await run({
    t, json: values.json, full: values.full, peers: values.peers, rounds: number('rounds'), seconds: number('seconds'), sizes: values.sizes,
    log: (line) => console.error(`${name}: ${line}`),
  });
} catch (error) {
  console.error(`bench ${name}: ${error.message}`);
  process.exitCode = 1;
} finally {
  for (const step of cleanups.reverse()) {
    await step();
  }
}
