// The broker's hottest read, GET /connections/{id}/token, at nexusd itself on PostgreSQL: key, scope, connection, vault and
// audit event for each request, nothing cached. Its baseline is GET /health of the same nexusd, which costs the HTTP
// server alone. Load generator, nexusd and PostgreSQL share the machine's processors, so the figures are of all of them.
import fs from 'node:fs';
import os from 'node:os';
import { request } from '../support/http.mjs';
import { startLine } from '../support/line.mjs';
import { waitFor } from '../support/wait.mjs';
import { alternate, cpuMicroseconds, load, median, report } from './measure.mjs';

const CONNECTIONS = 32;

export async function run({ t, json, rounds = 5, seconds = 5, log }) {
  const line = await startLine(t, {
    database: 'postgres', durable: true, idp: { accessTtl: 24 * 3600 }, logLevel: 'error', nexusd: { env: { LOG_LEVEL: 'warn' } },
  });
  await line.createProvider();
  const connection = await line.connect(await line.createAgent());

  const { pid } = line.nexusd.program;
  const headers = { 'X-API-Key': line.keys.API_KEY, Connection: 'keep-alive' };
  const url = `${line.nexusd.url}/connections/${connection}/token`;
  const answer = await request(url, { headers });
  if (answer.status !== 200 || !answer.json.access_token) {
    throw new Error(`the token is not to be had: ${answer.status} ${answer.text}`);
  }
  const audited = async () => Number(await line.postgres.sql("SELECT count(*) FROM audit_events WHERE event_type = 'token_retrieved'"));
  const before = await audited();

  let asked = 0;
  let postgresUs = 0;
  const pairs = await alternate({
    rounds,
    first: () => load({ url: `${line.nexusd.url}/health`, headers, pid, seconds, connections: CONNECTIONS }),
    second: async () => {
      const spent = postgresMicroseconds(line.postgres.program.pid);
      const sample = await load({ url, headers, pid, seconds, connections: CONNECTIONS });
      postgresUs = (postgresMicroseconds(line.postgres.program.pid) - spent) / sample.requests;
      asked += sample.requests;
      return sample;
    },
    progress: (round, { first, second }) => log(`round ${round}/${rounds}: health ${Math.round(first.rps)} requests/s, `
      + `p99 ${first.p99Ms} ms, nexusd ${first.cpuUs.toFixed(1)} us; token ${Math.round(second.rps)} requests/s, p99 ${second.p99Ms} ms, `
      + `nexusd ${second.cpuUs.toFixed(1)} us, PostgreSQL ${postgresUs.toFixed(1)} us; load ${os.loadavg()[0].toFixed(1)}`),
  });

  // wrk does not count answers that were on their way when it stopped, nexusd does.
  await waitFor('the audit log to have every read', async () => await audited() - before >= asked);
  const metrics = (await request(`${line.nexusd.url}/metrics`)).text;
  if (!/^nexus_audit_events_lost_total 0$/m.test(metrics)) {
    throw new Error('audit events were lost');
  }

  const baseline = 'GET /health';
  report({
    json, name: 'broker-token.rps', unit: 'requests/s', value: median(pairs.map(({ second }) => second.rps)),
    baseline: `${baseline}, rps`, baseline_value: median(pairs.map(({ first }) => first.rps)), rounds,
  });
  report({
    json, name: 'broker-token.p99_ms', unit: 'ms', value: median(pairs.map(({ second }) => second.p99Ms)),
    baseline: `${baseline}, p99_ms`, baseline_value: median(pairs.map(({ first }) => first.p99Ms)), rounds,
  });
  report({
    json, name: 'broker-token.cpu_us', unit: 'us', value: median(pairs.map(({ second }) => second.cpuUs)),
    baseline: `${baseline}, cpu_us`, baseline_value: median(pairs.map(({ first }) => first.cpuUs)), rounds,
  });
}

/** CPU time of the server's processes: the postmaster and its children. */
function postgresMicroseconds(postmaster) {
  const children = fs.readFileSync(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8').trim().split(' ').filter(Boolean);
  return [postmaster, ...children].reduce((sum, pid) => {
    try {
      return sum + cpuMicroseconds(pid);
    } catch {
      return sum;
    }
  }, 0);
}
