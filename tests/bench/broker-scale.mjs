// Costs that must not grow with the number of connections: nexusd's start, its memory, and listing by pages. On both
// databases, each empty first and then with a million connections, which SQL clones from one real one.
import fs from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { request } from '../support/http.mjs';
import { startLine } from '../support/line.mjs';
import { answers200 } from '../support/wait.mjs';
import { report } from './measure.mjs';

const ROWS = 1_000_000;
const LISTED = 100_000;
const PAGE = 1000;
const FILL_TIMEOUT = 600_000;   // ms

export async function run({ t, json, log }) {
  const figures = {};
  for (const database of ['sqlite', 'postgres']) {
    const line = await startLine(t, { database, logLevel: 'error', nexusd: { env: { LOG_LEVEL: 'warn' } } });
    const empty = { ...await start(line), ...await list(line) };
    await line.createProvider();
    const template = await line.connect(await line.createAgent());
    await line.nexusd.stop();
    const begin = performance.now();
    await (database === 'sqlite' ? fillSqlite(line, template) : fillPostgres(line, template));
    log(`${database}: ${ROWS} connections in ${((performance.now() - begin) / 1000).toFixed(1)} s`);
    const full = { ...await start(line), ...await list(line) };
    if (full.listed !== LISTED) {
      throw new Error(`${full.listed} connections were listed`);
    }
    log(`${database}: ${JSON.stringify({ empty, full })}`);
    figures[database] = { empty, full };
    await line.nexusd.stop();
  }
  for (const [name, unit] of [['start_s', 's'], ['start_rss_mb', 'MB'], ['list_rss_growth_mb', 'MB'], ['list_s', 's']]) {
    for (const [database, { empty, full }] of Object.entries(figures)) {
      report({ json, name: `broker-scale.${database}.${name}`, unit, value: full[name], baseline: 'empty database', baseline_value: empty[name], rounds: 1 });
    }
    const worst = Object.values(figures).sort((a, b) => b.full[name] - a.full[name])[0];
    report({ json, name: `broker-scale.${name}`, unit, value: worst.full[name], baseline: 'empty database', baseline_value: worst.empty[name], rounds: 1 });
  }
}

/** Starts nexusd anew: seconds until it is ready, and its memory then. */
async function start(line) {
  await line.nexusd.stop();
  const begin = performance.now();
  await line.nexusd.start();
  const seconds = (performance.now() - begin) / 1000;
  if (!await answers200(`${line.nexusd.url}/ready`)) {
    throw new Error('nexusd is not ready');
  }
  return { start_s: seconds, start_rss_mb: residentMb(line.nexusd.program.pid) };
}

/** Pages through LISTED connections, newest first. Memory is compared from the tenth page on, when buffers have grown. */
async function list(line) {
  const { pid } = line.nexusd.program;
  const begin = performance.now();
  let listed = 0;
  let cursor;
  let early;
  let most = 0;
  for (let page = 0; page < LISTED / PAGE; page++) {
    const query = new URLSearchParams({ limit: String(PAGE), ...(cursor && { cursor }) });
    const answer = await request(`${line.nexusd.url}/connections?${query}`, { headers: { 'x-api-key': line.keys.API_KEY } });
    if (answer.status !== 200) {
      throw new Error(`page ${page}: ${answer.status} ${answer.text}`);
    }
    listed += answer.json.items.length;
    cursor = answer.json.next_cursor;
    if (page === 9) {
      early = residentMb(pid);
    } else if (page > 9) {
      most = Math.max(most, residentMb(pid));
    }
  }
  return { listed, list_s: (performance.now() - begin) / 1000, list_rss_growth_mb: most - early };
}

function residentMb(pid) {
  const [, kb] = /^VmRSS:\s+(\d+) kB/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
  return kb / 1024;
}

/** INSERT ... SELECT that clones a connection `rows` times, whatever columns the schema has. */
function cloneStatement(columns, { uuid, series, template }) {
  const changed = {
    id: uuid,
    workspace_id: "'w' || (n % 1000)",
    created_at: 'c.created_at - 1000 * n',
    flow_id: "''",
    // Every hundredth is a consent that nobody finished.
    state: "CASE WHEN n % 100 = 0 THEN 'pending' ELSE 'active' END",
    flow_expires_at: '1000 + n',
  };
  return `INSERT INTO connections (${columns.join(', ')}) SELECT ${columns.map((name) => changed[name] ?? `c.${name}`).join(', ')} `
    + `FROM ${series}, connections c WHERE c.id = '${template}'`;
}

function cloneTokens(columns, { template, cut }) {
  const changed = { connection_id: 'c.id', box: cut };
  return `INSERT INTO tokens (${columns.join(', ')}) SELECT ${columns.map((name) => changed[name] ?? `t.${name}`).join(', ')} `
    + `FROM connections c, tokens t WHERE t.connection_id = '${template}' AND c.id <> '${template}' AND c.state = 'active'`;
}

async function fillPostgres(line, template) {
  const columnsOf = async (table) => (await line.postgres.sql(
    `SELECT column_name FROM information_schema.columns WHERE table_name = '${table}' ORDER BY ordinal_position`)).split('\n');
  await line.postgres.sql(cloneStatement(await columnsOf('connections'), {
    uuid: 'gen_random_uuid()::text', series: `generate_series(1, ${ROWS - 1}) AS n`, template,
  }), 'nexus', { timeout: FILL_TIMEOUT });
  await line.postgres.sql(cloneTokens(await columnsOf('tokens'), { template, cut: 'substring(t.box FROM 1 FOR 200)' }),
    'nexus', { timeout: FILL_TIMEOUT });
  await line.postgres.sql('ANALYZE', 'nexus', { timeout: FILL_TIMEOUT });
}

async function fillSqlite(line, template) {
  const database = new DatabaseSync(line.nexusd.databaseFile);
  const columnsOf = (table) => database.prepare(`SELECT name FROM pragma_table_info('${table}')`).all().map(({ name }) => name);
  const hex = (bytes) => `lower(hex(randomblob(${bytes})))`;
  try {
    database.exec('PRAGMA synchronous = OFF; PRAGMA cache_size = -200000');
    database.exec(cloneStatement(columnsOf('connections'), {
      uuid: `${hex(4)} || '-' || ${hex(2)} || '-4' || substr(${hex(2)}, 2) || '-a' || substr(${hex(2)}, 2) || '-' || ${hex(6)}`,
      series: `(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < ${ROWS - 1}) SELECT n FROM s) AS s`,
      template,
    }));
    database.exec(cloneTokens(columnsOf('tokens'), { template, cut: 'substr(t.box, 1, 200)' }));
    database.exec('ANALYZE');
  } finally {
    database.close();
  }
}
