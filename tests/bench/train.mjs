// The requests by which scripts/optimise lays out the module: `train.mjs [--seconds N]`. What edges do all day, a second
// or so each, without a figure: plain and injected requests with limits and CORS, tokens handed out, signed requests, and
// some that wait together for a token. Who is refused, reconnected or streamed to is left to the compiler's own guesses.
import { parseArgs } from 'node:util';
import { start as startInject } from './edge-inject.mjs';
import { stampede, startFleet } from './edge-stampede.mjs';
import { start as startToken } from './edge-token.mjs';
import { load } from './measure.mjs';
import { start as startSigv4 } from './sigv4.mjs';

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '1' } } });
const STAMPEDES = 10;
const cleanups = [];
const t = { after: (step) => cleanups.push(step) };

try {
  for (const start of [startInject, startToken, startSigv4]) {
    const { edge, sides } = await start(t);
    const [worker] = edge.workers();
    for (const [name, { url, headers }] of Object.entries(sides)) {
      const { requests } = await load({ url, headers, pid: worker, seconds: Number(values.seconds) });
      console.log(`${name}: ${requests} requests`);
    }
    await edge.stop();
  }
  const fleet = await startFleet(t);
  for (let round = 1; round <= STAMPEDES; round++) {
    await stampede(fleet);
  }
  console.log(`stampede: ${STAMPEDES} times`);
} catch (error) {
  console.error(`train: ${error.message}`);
  process.exitCode = 1;
} finally {
  for (const step of cleanups.reverse()) {
    await step();
  }
}
