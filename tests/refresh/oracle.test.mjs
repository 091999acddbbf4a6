// The refresh oracle, small: what `scripts/bench refresh-oracle` does for minutes. One nexusd on SQLite, killed and started
// again; on PostgreSQL three, with everything that may befall them.
import assert from 'node:assert/strict';
import test from 'node:test';
import { DEFAULT_DATABASE } from '../support/nexusd.mjs';
import { NexusBroker } from './adapters/nexus.mjs';
import { runOracle } from './driver.mjs';

const nodes = DEFAULT_DATABASE === 'postgres' ? 3 : 1;

test(`no connection is lost, no token redeemed twice (${DEFAULT_DATABASE}, ${nodes} nexusd)`, async (t) => {
  const broker = new NexusBroker();
  if (!broker.refreshesByItself) {
    t.skip('this nexusd refreshes on demand only');
    return;
  }
  const { figures, counts, verdicts } = await runOracle(t, {
    broker, database: DEFAULT_DATABASE, nodes, connections: 150, lifetime_s: [10, 15], seconds: 30, callers: 10, scale: 3,
    seed: Number(process.env.NEXUS_ORACLE_SEED ?? 1), chaos: { everyMs: [3000, 6000] }, settle_s: 60, log: (line) => t.diagnostic(line),
  });
  t.diagnostic(JSON.stringify(figures));
  assert.deepEqual(verdicts.filter(({ verdict }) => verdict === 'lost').map(({ id, class: kind, reason }) => ({ id, kind, reason })), []);
  assert.deepEqual(
    [figures.double_redemptions, figures.families_revoked, figures.strict_resends, figures.healed_share ?? 1, figures.flagged_share ?? 1], [0, 0, 0, 1, 1]);
  // So short a run may have no loss to measure. The commit may have to wait for a database that is being started.
  assert.ok(figures.flagged_within_ms < 10000, `flagged within ${figures.flagged_within_ms} ms`);
  assert.ok(figures.refreshes > 2 * counts.connections, `${figures.refreshes} refreshes`);
});
