// nexusd as the oracle's driver sees a broker. Another broker takes part with a file like this one: the methods below are
// all that the driver calls.
//
//   faultPoints          what fault() can do: {name: weight}
//   limits               {leaseMs, sendMs}: after how long another worker may take over, and when a sender gives up
//   start(t, {nodes, database, durable, classes, tokenUrl})   tokenUrl(class): where the broker redeems
//   addConnections([{family, class, refreshToken, expiresIn}])   ids, in their order
//   refresh(id)          somebody asks for a new token now; whether one was handed out
//   states()             Map of id -> {state, reason, since}: `state` "active" or another word, since Unix ms
//   fault(name, random)  does one fault from its begin to its end: {name, node?, from, to}
import { execFileSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { startControlPlane } from '../../support/control-plane.mjs';
import { expectStatus } from '../../support/line.mjs';
import { built } from '../../support/paths.mjs';
import { between } from '../random.mjs';

const IMPORTED_AT_ONCE = 100;

export class NexusBroker {
  /** The schedule came with the configuration of its journal. */
  get refreshesByItself() {
    return execFileSync(built('control_plane/nexusd'), ['--help'], { encoding: 'utf8' }).includes('REFRESH_JOURNAL_DIR');
  }

  limits = { leaseMs: Number(process.env.NEXUS_ORACLE_LEASE_MS ?? 12500), sendMs: 10000 };

  async start(t, { nodes, database, durable, classes, tokenUrl, env = {} }) {
    this.plane = await startControlPlane(t, { database, durable, env: { LOG_LEVEL: 'warn', ...env } });
    this.nodes = [this.plane.nexusd];
    while (this.nodes.length < nodes) {
      this.nodes.push(await this.plane.startNexusd());
    }
    this.busy = new Set();   // nodes that a fault has in its hands
    this.faultPoints = {
      kill: 4, cache_flush: 1, cache_restart: 1,
      // The only node's pause would be a pause of the run.
      ...(nodes > 1 ? { pause: 2 } : {}), ...(database === 'postgres' ? { database_restart: 2 } : {}),
    };
    for (const [name, rules] of Object.entries(classes)) {
      await this.#createProvider(name, rules, tokenUrl(name));
    }
  }

  async #createProvider(name, rules, tokenUrl) {
    const oauth = rules.rotates
      ? { refresh_token_use: 'single_use', ...(rules.grace_s > 0 ? { reuse_grace_s: rules.grace_s } : {}) }
      : { refresh_token_use: 'reusable' };
    expectStatus(201, await this.plane.admin('POST', '/providers', {
      profile: {
        name, auth_type: 'oauth2', auth_header: 'client_secret_basic', client_id: `oracle-${name}`, client_secret: 'of-the-oracle',
        auth_url: tokenUrl.replace(/token$/, 'authorize'), token_url: tokenUrl, api_base_url: tokenUrl, scopes: ['api'],
        oauth,
      },
    }));
  }

  async addConnections(families) {
    const ids = [];
    for (let from = 0; from < families.length; from += IMPORTED_AT_ONCE) {
      const connections = families.slice(from, from + IMPORTED_AT_ONCE).map((item) => ({
        provider_name: item.class, workspace_id: 'oracle', user_id: `f${item.family}`,
        credentials: { access_token: `imported-${item.family}`, token_type: 'Bearer', refresh_token: item.refreshToken, expires_in: item.expiresIn },
      }));
      const { json } = expectStatus(200, await this.plane.admin('POST', '/connections/import', { connections }));
      for (const item of json.items) {
        if (item.status !== 201) {
          throw new Error(`import: ${JSON.stringify(item)}`);
        }
        ids.push(item.id);
      }
    }
    return ids;
  }

  async refresh(id, random = Math.random) {
    const nodes = this.nodes.filter((node) => !this.busy.has(node));
    const nexusd = nodes[Math.floor(random() * nodes.length)] ?? this.nodes[0];
    try {
      const answer = await this.plane.admin('POST', `/connections/${id}/refresh`, undefined, { nexusd });
      return answer.status === 200;
    } catch (error) {
      if (/documented|openapi/i.test(error.message)) {
        throw error;
      }
      return false;   // killed under the request
    }
  }

  async states() {
    const rows = await this.plane.sql('SELECT id, state, attention_reason, updated_at FROM connections');
    return new Map(rows.split('\n').map((row) => row.split('|')).map(([id, state, reason, since]) => [id, { state, reason, since: Number(since) }]));
  }

  async fault(name, random) {
    const from = Date.now();
    const node = ['kill', 'pause'].includes(name) ? this.#take(random) : undefined;
    try {
      await this.#do(name, node, random);
    } finally {
      this.busy.delete(node);
    }
    return { name, ...(node ? { node: this.nodes.indexOf(node) } : {}), from, to: Date.now() };
  }

  async #do(name, node, random) {
    switch (name) {
      case 'kill':
        await node.kill();
        return startAgain(node);
      case 'pause':
        node.pause();
        await delay(this.limits.leaseMs + between(random, [500, 3000]));
        return node.resume();
      case 'cache_flush':
        return this.plane.redis.client.flushall();
      case 'cache_restart':
        return this.plane.redis.restart();
      case 'database_restart':
        await this.plane.postgres.crash();
        return this.plane.postgres.start();
      default:
        throw new Error(`no fault is called ${name}`);
    }
  }

  #take(random) {
    const free = this.nodes.filter((node) => !this.busy.has(node));
    const node = free[Math.floor(random() * free.length)];
    this.busy.add(node);
    return node;
  }
}

// The database may be away at this moment, which ends a start.
async function startAgain(node) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await node.start();
    } catch (error) {
      if (attempt === 5) {
        throw error;
      }
      await delay(500);
    }
  }
}
