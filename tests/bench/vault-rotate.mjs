// A key rotation over 100,000 connections while another nexusd on the same database is read from, killed half-way and
// finished by two nexusctl at once. Figures: rows a second, and how many reads failed. There is no baseline: the reference
// implementation cannot rotate its key. NEXUS_ROTATION_ROWS and NEXUS_ROTATION_DATABASE (sqlite, postgres) narrow it.
import { rotateWhileReading } from '../support/rotation.mjs';
import { report } from './measure.mjs';

const rows = Number(process.env.NEXUS_ROTATION_ROWS ?? 100000);
const databases = (process.env.NEXUS_ROTATION_DATABASE ?? 'sqlite,postgres').split(',');

export async function run({ t, json, log }) {
  for (const database of databases) {
    const result = await rotateWhileReading(t, { database, rows, log });
    if (result.status.after.left !== 0 || result.ends.some((end) => end.code !== 0)) {
      throw new Error(`${result.status.after.left} boxes were left: ${result.ends.map((end) => end.stderr).join()}`);
    }
    const baseline = `${database}, ${result.reads} reads meanwhile`;
    report({ json, name: 'vault-rotate.rows_per_s', value: Math.round(result.rowsPerSecond), unit: '1/s', baseline, baseline_value: null, rounds: 1 });
    report({ json, name: 'vault-rotate.failed_reads', value: result.failures.length, unit: 'reads', baseline, baseline_value: null, rounds: 1 });
  }
}
