// Verifying an RS256 id_token with a cached key, beside OpenSSL's bare RSA verification of the same bytes: the program
// nexus_oidc_verify_bench does both in turn, this makes figures of its rounds. CPU time.
import { built } from '../support/paths.mjs';
import { mustRun } from '../support/process.mjs';
import { median, report } from './measure.mjs';

const VERIFICATIONS_A_SECOND = 15000;   // roughly, of both together

export async function run({ json, rounds = 11, seconds = 1, log }) {
  const iterations = Math.max(100, Math.round((seconds * VERIFICATIONS_A_SECOND) / 2));
  const output = await mustRun(built('tests/bench/nexus_oidc_verify_bench'), [String(rounds), String(iterations)],
    { timeout: (rounds + 2) * (seconds * 10 + 30) * 1000 });
  const pairs = output.trim().split('\n').map((line) => line.split(' ').map(Number));
  if (pairs.length !== rounds || pairs.some(([verify, bare]) => !(verify > 0 && bare > 0))) {
    throw new Error(`the program printed no figures:\n${output}`);
  }
  pairs.forEach(([verify, bare], i) => log(`round ${i + 1}/${rounds}: id_token ${verify} us, bare RSA ${bare} us`));
  const baseline = 'EVP_DigestVerify of the same bytes';
  const verify = median(pairs.map(([us]) => us));
  const bare = median(pairs.map(([, us]) => us));
  report({ json, name: 'oidc-verify.us', unit: 'us', value: verify, baseline: `${baseline}, us`, baseline_value: bare, rounds });
  report({ json, name: 'oidc-verify.ratio', unit: 'times', value: median(pairs.map(([us, openssl]) => us / openssl)), baseline, baseline_value: 1, rounds });
}
