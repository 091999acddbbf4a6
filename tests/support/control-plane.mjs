// nexusd with its database and Redis and nothing in front, for tests of the control plane alone: SQL beside it on
// either database, nexusctl, seeded connections. A second nexusd may share the database.
import { DatabaseSync } from 'node:sqlite';
import path from 'node:path';
import { request } from './http.mjs';
import { newKeys } from './keys.mjs';
import { DEFAULT_DATABASE, startNexusd } from './nexusd.mjs';
import { built } from './paths.mjs';
import { startPostgres } from './postgres.mjs';
import { mustRun, runProgram } from './process.mjs';
import { startRedis } from './redis.mjs';
import { makeWorkdir } from './workdir.mjs';

/** database: sqlite or postgres; durable: the latter as in production, for figures; env: more variables of nexusd. */
export async function startControlPlane(t, { database = DEFAULT_DATABASE, durable, env = {} } = {}) {
  const keys = newKeys();
  const redis = await startRedis(t);
  const postgres = database === 'postgres' ? await startPostgres(t, { durable }) : undefined;
  const databaseUrl = postgres?.url ?? `sqlite:${path.join(makeWorkdir(t, 'db'), 'nexus.db')}`;
  const plane = new ControlPlane(t, { keys, redis, postgres, databaseUrl, env });
  plane.nexusd = await plane.startNexusd();
  return plane;
}

class ControlPlane {
  constructor(t, parts) {
    Object.assign(this, parts);
    this.t = t;
  }

  /** One more nexusd on the same database. */
  startNexusd({ keys = this.keys } = {}) {
    return startNexusd(this.t, { redisUrl: this.redis.url, databaseUrl: this.databaseUrl, keys, env: { LOG_LEVEL: 'info', ...this.env } });
  }

  admin(method, target, json, { nexusd = this.nexusd, key = this.keys.API_KEY, headers = {} } = {}) {
    return request(nexusd.url + target, { method, json, headers: { ...(key ? { 'x-api-key': key } : {}), ...headers } });
  }

  token(id, options) {
    return this.admin('GET', `/connections/${id}/token`, undefined, options);
  }

  /** Runs SQL; rows as lines, columns parted by "|", as psql -At prints them. */
  async sql(text) {
    if (this.postgres) {
      return this.postgres.sql(text);
    }
    const file = new DatabaseSync(this.databaseUrl.slice('sqlite:'.length), { timeout: 5000 });
    try {
      if (!/^\s*select/i.test(text)) {
        file.exec(text);
        return '';
      }
      return file.prepare(text).all().map((row) => Object.values(row).map((value) => value ?? '').join('|')).join('\n');
    } finally {
      file.close();
    }
  }

  ctl(args, { nexusd = this.nexusd, timeout } = {}) {
    return runProgram(built('control_plane/nexusctl'), args, { timeout, env: this.ctlEnv(nexusd) });
  }

  ctlEnv(nexusd = this.nexusd) {
    return { PATH: process.env.PATH, NEXUS_URL: nexusd.url, API_KEY: this.keys.API_KEY };
  }

  /** So many connections of the static provider "seeded"; returns their ids. Credential: secretOf(id, 1). */
  async seed(count) {
    return (await this.#seedTool([String(count)])).trimEnd().split('\n');
  }

  /** A connection of an OAuth provider for each of [{refreshToken, expiresAt}] (Unix ms); returns their ids. */
  async seedOauth(providerId, grants) {
    const input = grants.map(({ refreshToken, expiresAt }) => `${refreshToken} ${expiresAt}\n`).join('');
    return (await this.#seedTool(['oauth', providerId], { input })).trimEnd().split('\n');
  }

  /** Writes the next version of a credential, as the product does. */
  renew(id) {
    return this.#seedTool(['renew', id]);
  }

  #seedTool(args, options) {
    return mustRun(built('tests/support/nexus-seed'), args, {
      ...options, timeout: 600000, env: { DATABASE_URL: this.databaseUrl, ENCRYPTION_KEY: this.keys.ENCRYPTION_KEY },
    });
  }
}

export const secretOf = (id, version) => `secret-${version}-${id}`;
