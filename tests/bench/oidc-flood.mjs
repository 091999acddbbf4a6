// A flood of id_tokens with unknown kids at one provider, and what another provider's logins notice of it: the program
// nexus_oidc_flood_bench does both, with and without the flood in turn; this makes figures of its rounds.
import { built } from '../support/paths.mjs';
import { mustRun } from '../support/process.mjs';
import { median, report } from './measure.mjs';

export async function run({ json, rounds = 7, log }) {
  const output = await mustRun(built('tests/bench/nexus_oidc_flood_bench'), [String(rounds)], { timeout: (rounds + 2) * 60000 });
  const lines = output.trim().split('\n').map((line) => line.split(' ').map(Number));
  if (lines.length !== rounds || lines.some((line) => line.some(Number.isNaN))) {
    throw new Error(`the program printed no figures:\n${output}`);
  }
  lines.forEach(([flooded, calm, fetches], i) => log(`round ${i + 1}/${rounds}: p99 ${flooded} us under the flood, ${calm} us without; ${fetches} fetches`));
  const baseline = 'as many good tokens instead';
  report({ json, name: 'oidc-flood.p99_us', unit: 'us', value: median(lines.map(([us]) => us)), baseline, baseline_value: median(lines.map(([, us]) => us)), rounds });
  report({ json, name: 'oidc-flood.p99_ratio', unit: 'times', value: median(lines.map(([flooded, calm]) => flooded / calm)), baseline, baseline_value: 1, rounds });
  report({ json, name: 'oidc-flood.fetches', unit: 'fetches', value: Math.max(...lines.map(([, , n]) => n)), baseline: 'of 10,000 tokens, the most of a round', baseline_value: 0, rounds });
}
