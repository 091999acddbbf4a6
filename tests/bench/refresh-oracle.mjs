// The refresh oracle at full size: brokers, provider and what is between them fail while thousands of connections are kept
// alive, and the provider's ledger decides (docs/refresh-correctness.md, which defines each figure). First three nexusd on
// PostgreSQL, about ten minutes; then one on SQLite, killed and started again. A figure without a database's name is the worse
// of the two. There is no baseline: the figures are counts that ought to be 0, and shares that ought to be 1.
//
// `--full` goes on for 1,000,000 refreshes (an hour or so). NEXUS_ORACLE_DATABASE (postgres,sqlite), NEXUS_ORACLE_REFRESHES
// (of the first; a tenth on SQLite), NEXUS_ORACLE_CONNECTIONS, NEXUS_ORACLE_NODES and NEXUS_ORACLE_SEED narrow or repeat it,
// `--seconds` is the longest that faults go on.
import { NexusBroker } from '../refresh/adapters/nexus.mjs';
import { runOracle } from '../refresh/driver.mjs';
import { inScope } from '../support/cleanup.mjs';
import { report } from './measure.mjs';

const LIFETIME_S = [50, 80];   // refreshed every 50 s or so

/** unit, and which of two values is the worse one. */
const FIGURES = {
  double_redemptions: ['redemptions', Math.max],
  families_revoked: ['families', Math.max],
  strict_resends: ['requests', Math.max],
  lost: ['connections', Math.max],
  healed_share: ['share', Math.min],
  flagged_share: ['share', Math.min],
  flagged_within_ms: ['ms', Math.max],
  flagged_unspent: ['connections', Math.max],
  flagged_unseen: ['connections', Math.max],
  grace_missed: ['connections', Math.max],
  refreshes: ['refreshes', Math.min],
  redemptions_per_connection: ['redemptions', Math.min],
};

export async function run({ json, full, seconds, log }) {
  const env = process.env;
  const refreshes = Number(env.NEXUS_ORACLE_REFRESHES ?? (full ? 1_000_000 : 20_000));
  const connections = Number(env.NEXUS_ORACLE_CONNECTIONS ?? (full ? 20_000 : 2_000));
  const sizes = {
    postgres: { nodes: Number(env.NEXUS_ORACLE_NODES ?? 3), refreshes, connections },
    sqlite: { nodes: 1, refreshes: refreshes / 10, connections: Math.ceil(connections / 4) },
  };
  const results = [];
  for (const database of (env.NEXUS_ORACLE_DATABASE ?? 'postgres,sqlite').split(',')) {
    const { figures, counts } = await inScope((scope) => runOracle(scope, {
      broker: new NexusBroker(), database, durable: true, ...sizes[database], lifetime_s: LIFETIME_S, seed: Number(env.NEXUS_ORACLE_SEED ?? 1),
      // What is lost at a strict provider is out of the run: with many refreshes of each connection fewer may be.
      scale: full ? 0.3 : 1, seconds: seconds ?? (full ? 7200 : 900), callers: 5, settle_s: full ? 600 : 180,
      log: (line) => log(`${database}: ${line}`),
    }));
    const baseline = `${database}, ${counts.connections} connections, ${figures.refreshes} refreshes`;
    results.push(figures);
    for (const [name, [unit]] of Object.entries(FIGURES)) {
      report({ json, name: `refresh-oracle.${database}.${name}`, unit, value: figures[name], baseline, baseline_value: null, rounds: 1 });
    }
  }
  for (const [name, [unit, worse]] of Object.entries(FIGURES)) {
    const values = results.map((figures) => figures[name]).filter((value) => value !== null);
    report({
      json, name: `refresh-oracle.${name}`, unit, value: values.length ? worse(...values) : null, baseline: 'the worse of the databases', baseline_value: null,
      rounds: 1,
    });
  }
}
