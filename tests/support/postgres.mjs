// A PostgreSQL server of the test's own: fresh cluster, Unix socket and loopback port, durable settings off for speed.
// The server refuses to run as root, so as root it runs as `nobody`. Schema and data are nexusd's business.
import fs from 'node:fs';
import path from 'node:path';
import { cleanup } from './cleanup.mjs';
import { isRoot } from './paths.mjs';
import { findPort } from './ports.mjs';
import { mustRun, startProgram } from './process.mjs';
import { makeWorkdir } from './workdir.mjs';

const NOBODY = 65534;

/**
 * Starts a server; `url` is a postgresql:// address of the database "nexus". tls: {cert, key} files, for TLS as well;
 * durable: as in production, for figures.
 */
export async function startPostgres(t, { tls, durable = false } = {}) {
  const dir = makeWorkdir(t, 'pg');
  const user = isRoot ? { uid: NOBODY, gid: NOBODY } : undefined;
  if (isRoot) {
    fs.chownSync(dir, NOBODY, NOBODY);
  }
  const postgres = new Postgres(dir, await findPort(), user, { tls: tls && copyForServer(tls, dir, user), durable });
  cleanup(t, () => postgres.stop());
  await postgres.initialise();
  await postgres.start();
  await postgres.sql('CREATE DATABASE nexus', 'postgres');
  return postgres;
}

/** Folder of initdb and postgres: the newest that Debian's packages have installed. */
function binDir() {
  const root = '/usr/lib/postgresql';
  const versions = fs.readdirSync(root).map(Number).filter(Number.isInteger).sort((a, b) => b - a);
  return path.join(root, String(versions[0]), 'bin');
}

/** The server reads its key only where it owns it alone. */
function copyForServer(tls, dir, user) {
  return Object.fromEntries(Object.entries(tls).map(([name, file]) => {
    const copy = path.join(dir, `server.${name}`);
    fs.copyFileSync(file, copy);
    fs.chmodSync(copy, 0o600);
    if (user) {
      fs.chownSync(copy, user.uid, user.gid);
    }
    return [name, copy];
  }));
}

class Postgres {
  constructor(dir, port, user, { tls, durable }) {
    this.durable = durable;
    this.dir = dir;
    this.data = path.join(dir, 'data');
    this.port = port;
    this.user = user;
    this.tls = tls;
    this.url = `postgresql://nexus@127.0.0.1:${port}/nexus`;
    this.socketUrl = `postgresql://nexus@/nexus?host=${encodeURIComponent(dir)}&port=${port}`;
    this.env = { PATH: process.env.PATH, HOME: dir, LC_ALL: 'C', TZ: 'UTC' };
  }

  async initialise() {
    await mustRun(path.join(binDir(), 'initdb'), [
      '-D', this.data, '-U', 'nexus', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync',
    ], { env: this.env, cwd: this.dir, user: this.user });
  }

  async start() {
    this.program = await startProgram({
      name: 'postgres',
      command: path.join(binDir(), 'postgres'),
      args: [
        '-D', this.data, '-p', String(this.port), '-k', this.dir, '-c', 'listen_addresses=127.0.0.1', '-c', `fsync=${this.durable ? 'on' : 'off'}`,
        '-c', 'log_min_messages=warning',
        ...(this.tls ? ['-c', 'ssl=on', '-c', `ssl_cert_file=${this.tls.cert}`, '-c', `ssl_key_file=${this.tls.key}`] : []),
      ],
      env: this.env, cwd: this.dir, user: this.user,
      logFile: path.join(this.dir, 'postgres.log'),
      ready: () => this.sql('SELECT 1', 'postgres'),
    });
  }

  /** Starts a hot standby that follows this server. */
  async standby(t) {
    const dir = makeWorkdir(t, 'standby');
    if (this.user) {
      fs.chownSync(dir, this.user.uid, this.user.gid);
    }
    const standby = new Postgres(dir, await findPort(), this.user, { durable: this.durable });
    cleanup(t, () => standby.stop());
    await mustRun(path.join(binDir(), 'pg_basebackup'), [
      '-h', '127.0.0.1', '-p', String(this.port), '-U', 'nexus', '-D', standby.data, '-R', '-c', 'fast', '--no-sync',
    ], { env: this.env, cwd: dir, user: this.user });
    await standby.start();
    return standby;
  }

  /** Runs SQL and returns psql's unaligned output: rows as lines, columns parted by "|". */
  async sql(text, database = 'nexus', { timeout } = {}) {
    return (await mustRun(path.join(binDir(), 'psql'), [
      '-h', this.dir, '-p', String(this.port), '-U', 'nexus', '-d', database, '-X', '-A', '-t', '-q', '-v', 'ON_ERROR_STOP=1',
      '-c', text,
    ], { env: this.env, cwd: this.dir, timeout })).trimEnd();
  }

  /** Everything in the database as SQL text, bytea columns in hex. */
  dump() {
    return mustRun(path.join(binDir(), 'pg_dump'), [
      '-h', this.dir, '-p', String(this.port), '-U', 'nexus', '-d', 'nexus', '--inserts',
    ], { env: this.env, cwd: this.dir });
  }

  /** Immediate shutdown, as after a crash: the next start() recovers from the log. */
  async crash() {
    await this.program.stop('SIGQUIT');
  }

  /** Fast shutdown: clients are cut off. */
  async stop() {
    await this.program?.stop('SIGINT');
  }
}
