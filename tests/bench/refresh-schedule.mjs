// What it costs to know what is due must not grow with the number of connections: CPU time of nexusd and PostgreSQL while
// nothing is due, and for the same few refreshes, beside 10,000, 100,000 and 1,000,000 connections that are due tomorrow
// (which SQL makes from a real one).
//
//   tick_ratio_1m   CPU time per second with nothing due: a million over ten thousand
//   due_ratio_1m    CPU time of the same few refreshes: a million over ten thousand
//   rss_mb_1m       nexusd's memory with a million; its baseline is that with ten thousand
//
// NEXUS_SCHEDULE_ROWS (10000,100000,1000000) narrows it; `--seconds` is how long nothing is due (15).
import { setTimeout as delay } from 'node:timers/promises';
import { startFleet } from '../refresh/fleet.mjs';
import { waitFor } from '../support/wait.mjs';
import { median, report } from './measure.mjs';

const SIZES = (process.env.NEXUS_SCHEDULE_ROWS ?? '10000,100000,1000000').split(',').map(Number);
const FEW = 200;
const FILL_TIMEOUT = 900000;   // ms

const strict = { rotates: true, grace_s: 0, expires_in: 86400 };

export async function run({ t, json, rounds = 3, seconds = 15, log }) {
  const fleet = await startFleet(t, { classes: { few: strict, many: strict } });
  // Statistics and dead rows are put in order where nothing is measured.
  await fleet.plane.sql('ALTER SYSTEM SET autovacuum = off');
  await fleet.plane.sql('SELECT pg_reload_conf()');
  const few = await fleet.seed('few', FEW);
  const [{ id: template }] = await fleet.seed('many', 1);
  const figures = [];
  let rows = 1;
  for (const size of SIZES) {
    await fill(fleet, template, size - rows);
    rows = size;
    await restart(fleet);
    const samples = [];
    for (let round = 0; round < rounds; round++) {
      samples.push({ ...await idle(fleet, seconds), ...await fewDue(fleet, few) });
    }
    const of = (name) => median(samples.map((sample) => sample[name]));
    const figure = { size, idle: of('idle'), due: of('due'), dueMs: of('dueMs'), rssMb: fleet.rssMb() };
    log(`${size} connections: ${JSON.stringify(figure)} (microseconds of CPU: a second with nothing due, ${FEW} refreshes)`);
    figures.push(figure);
  }
  const [first, last] = [figures[0], figures.at(-1)];
  const line = (name, unit, value, baselineValue) => report({
    json, name: `refresh-schedule.${name}`, unit, value, baseline: `${first.size} connections`, baseline_value: baselineValue, rounds,
  });
  line('tick_us_1m', 'us/s', last.idle, first.idle);
  line('tick_ratio_1m', 'times', last.idle / first.idle, 1);
  line('due_ms_1m', 'ms', last.dueMs, first.dueMs);
  line('due_ratio_1m', 'times', last.due / first.due, 1);
  line('rss_mb_1m', 'MB', last.rssMb, first.rssMb);
}

const total = ({ nexusd, database }) => nexusd + database;

async function idle(fleet, seconds) {
  await delay(2000);   // what the last step has left to do
  const before = total(fleet.cpu());
  await delay(seconds * 1000);
  return { idle: (total(fleet.cpu()) - before) / seconds };
}

async function fewDue(fleet, few) {
  const { good } = await fleet.provider.counts();
  await fleet.makeDue('few', { startsAt: Date.now(), rate: Infinity });
  const before = total(fleet.cpu());
  const begin = performance.now();
  await waitFor(`${few.length} refreshes`, async () => {
    const counts = await fleet.provider.counts();
    return counts.good >= good + few.length;
  }, { timeout: 60000, interval: 10 });
  const dueMs = performance.now() - begin;
  await delay(1000);   // the outbox and the audit log
  return { due: total(fleet.cpu()) - before, dueMs };
}

/** A nexusd that has seen nothing yet, on a database in order. */
async function restart(fleet) {
  const { nexusd } = fleet.plane;
  await nexusd.stop();
  await fleet.plane.postgres.sql('VACUUM ANALYZE', 'nexus', { timeout: FILL_TIMEOUT });
  await fleet.plane.sql('CHECKPOINT');
  await nexusd.start();
}

/** So many copies of a connection with its token and its place in the queue, due in the course of tomorrow. */
async function fill(fleet, template, count) {
  const sql = (text) => fleet.plane.postgres.sql(text, 'nexus', { timeout: FILL_TIMEOUT });
  const due = `${Date.now() + 86400000} + floor(random() * 86400000)`;
  await sql('CREATE TABLE IF NOT EXISTS bench_new (id TEXT PRIMARY KEY)');
  await sql(`TRUNCATE bench_new; INSERT INTO bench_new SELECT gen_random_uuid()::text FROM generate_series(1, ${count})`);
  const copy = async (table, key, changed) => {
    const columns = (await sql(`SELECT column_name FROM information_schema.columns WHERE table_name = '${table}' ORDER BY ordinal_position`)).split('\n');
    await sql(`INSERT INTO ${table} (${columns.join(', ')}) SELECT ${columns.map((name) => changed[name] ?? `c.${name}`).join(', ')} `
      + `FROM bench_new n, ${table} c WHERE c.${key} = '${template}'`);
  };
  await copy('connections', 'id', { id: 'n.id', expires_at: due });
  await copy('tokens', 'connection_id', { connection_id: 'n.id' });
  await copy('refreshes', 'connection_id', { connection_id: 'n.id', due_at: due, wanted_at: due });
}
