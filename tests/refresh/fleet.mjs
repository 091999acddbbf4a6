// nexusd, the oracle's provider without faults, and connections in bulk, for figures of the refresh engine. What is measured
// is the benchmarks'.
import fs from 'node:fs';
import { startControlPlane } from '../support/control-plane.mjs';
import { expectStatus } from '../support/line.mjs';
import { cpuMicroseconds } from '../bench/measure.mjs';
import { startProvider } from './stubs.mjs';

const YEAR_MS = 365 * 24 * 3600 * 1000;

// A row of the queue for a connection that was put in beside the product.
const QUEUED = {
  connection_id: 'id', provider_id: 'provider_id', workspace_id: 'workspace_id', due_at: 'expires_at', wanted_at: 'expires_at',
  epoch: '1', lease_until: '0', owner: "''", token_epoch: '1', sent_at: '0', rate_at: '0', attempts: '0', reason: "''",
};

/** classes: families.mjs; oauth: {class: members of the profile's `oauth`}; nodes: how many nexusd; PostgreSQL is as in production. */
export async function startFleet(t, { classes, oauth = {}, nodes = 1, database = 'postgres' }) {
  const provider = await startProvider(t, { classes });
  const plane = await startControlPlane(t, { database, durable: true, env: { LOG_LEVEL: 'warn' } });
  const fleet = new Fleet(plane, provider);
  while (fleet.nodes.length < nodes) {
    fleet.nodes.push(await plane.startNexusd());
  }
  for (const name of Object.keys(classes)) {
    await fleet.createProvider(name, oauth[name]);
  }
  return fleet;
}

class Fleet {
  constructor(plane, provider) {
    Object.assign(this, { plane, provider, nodes: [plane.nexusd], providerIds: {} });
  }

  async createProvider(name, oauth) {
    const url = `${this.provider.url}/${name}/token`;
    const { json } = expectStatus(201, await this.plane.admin('POST', '/providers', {
      profile: {
        name, auth_type: 'oauth2', auth_header: 'client_secret_basic', client_id: `fleet-${name}`, client_secret: 'of-the-fleet',
        auth_url: url, token_url: url, api_base_url: this.provider.url, scopes: ['api'], ...(oauth ? { oauth } : {}),
      },
    }));
    this.providerIds[name] = json.id;
  }

  /** Connections whose tokens live long: [{id, family}]. They are due when a benchmark says so. */
  async seed(className, count) {
    const families = await this.provider.createFamilies(className, count);
    const expiresAt = Date.now() + YEAR_MS;
    const ids = await this.plane.seedOauth(this.providerIds[className], families.map((item) => ({ refreshToken: item.refresh_token, expiresAt })));
    await this.plane.sql(`INSERT INTO refreshes (${Object.keys(QUEUED).join(', ')}) SELECT ${Object.values(QUEUED).join(', ')} FROM connections `
      + `WHERE provider_id = '${this.providerIds[className]}' AND id NOT IN (SELECT connection_id FROM refreshes)`);
    return families.map(({ family }, i) => ({ id: ids[i], family }));
  }

  /** Makes a class's connections due from `startsAt` (Unix ms) on, in the order of their ids, `rate` a second (Infinity: all at once). */
  async makeDue(className, { startsAt, rate }) {
    const gapMs = 1000 / rate;
    await this.plane.sql('UPDATE refreshes SET due_at = o.due, wanted_at = o.due FROM '
      + `(SELECT connection_id, CAST(${startsAt} + ${gapMs} * (row_number() OVER (ORDER BY connection_id) - 1) AS BIGINT) AS due `
      + `FROM refreshes WHERE provider_id = '${this.providerIds[className]}') o WHERE refreshes.connection_id = o.connection_id`);
  }

  /** Map of connection id -> wanted_at of a class, for a comparison with what was done. */
  async wanted(className) {
    const rows = await this.plane.sql(`SELECT connection_id, wanted_at FROM refreshes WHERE provider_id = '${this.providerIds[className]}'`);
    return new Map(rows.split('\n').map((row) => row.split('|')).map(([id, at]) => [id, Number(at)]));
  }

  /** CPU time so far, microseconds: {nexusd, database}. */
  cpu() {
    return {
      nexusd: this.nodes.reduce((sum, node) => sum + cpuMicroseconds(node.program.pid), 0),
      database: this.plane.postgres ? withChildren(this.plane.postgres.program.pid) : 0,
    };
  }

  rssMb() {
    const [, kb] = /^VmRSS:\s+(\d+) kB/m.exec(fs.readFileSync(`/proc/${this.nodes[0].program.pid}/status`, 'utf8'));
    return kb / 1024;
  }
}

function withChildren(postmaster) {
  const children = fs.readFileSync(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8').trim().split(' ').filter(Boolean);
  return [postmaster, ...children].reduce((sum, pid) => {
    try {
      return sum + cpuMicroseconds(pid);
    } catch {
      return sum;   // it ended while we looked
    }
  }, 0);
}
