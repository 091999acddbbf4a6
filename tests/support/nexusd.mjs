// The control plane's daemon, with its whole configuration in the environment. Its API is spoken by the tests.
import fs from 'node:fs';
import path from 'node:path';
import { cleanup } from './cleanup.mjs';
import { register } from './contract.mjs';
import { newKeys } from './keys.mjs';
import { built, sanitizerOptions } from './paths.mjs';
import { findPort } from './ports.mjs';
import { startProgram } from './process.mjs';
import { answers200 } from './wait.mjs';
import { makeWorkdir } from './workdir.mjs';

/** What tests run on that do not choose: each such file runs on both (tests/integration/CMakeLists.txt). */
export const DEFAULT_DATABASE = process.env.NEXUS_TEST_DATABASE ?? 'sqlite';

/**
 * Starts nexusd.
 *
 * baseUrl      public address (BASE_URL); default: its own port
 * databaseUrl  default: SQLite in a folder of its own
 * redisUrl     unix:PATH or redis://
 * keys         newKeys(); port: a free one; env: more variables, or undefined to take one away
 */
export async function startNexusd(t, options) {
  const port = options.port ?? await findPort();
  const nexusd = new Nexusd(makeWorkdir(t, 'nexusd'), { ...options, port });
  const redirectPath = options.env?.REDIRECT_PATH;
  register(t, nexusd.url, {
    documents: ['broker.yaml', 'gateway.yaml'],
    aliases: redirectPath === undefined ? {} : { [redirectPath]: '/auth/callback' },
  });
  cleanup(t, () => nexusd.stop());
  await nexusd.start();
  return nexusd;
}

/** The environment of an installation for tests: loopback addresses may be reached, everything is logged. */
export function nexusdEnvironment({ port, baseUrl, databaseUrl, redisUrl, keys, env = {} }) {
  const all = {
    PATH: process.env.PATH,
    PORT: String(port),
    BASE_URL: baseUrl,
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    EGRESS_ALLOWED_CIDRS: '127.0.0.0/8',
    LOG_LEVEL: 'debug',
    ...keys,
    ...env,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

class Nexusd {
  constructor(dir, { port, baseUrl, databaseUrl, redisUrl, keys = newKeys(), env = {} }) {
    this.dir = dir;
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.keys = keys;
    this.databaseFile = path.join(dir, 'nexus.db');
    this.env = {
      ...nexusdEnvironment({
        port, baseUrl: baseUrl ?? this.url, databaseUrl: databaseUrl ?? `sqlite:${this.databaseFile}`, redisUrl, keys, env,
      }),
      ...sanitizerOptions(path.join(dir, 'sanitizer')),
    };
  }

  async start() {
    this.program = await startProgram({
      name: 'nexusd',
      command: built('control_plane/nexusd'),
      env: this.env,
      cwd: this.dir,
      logFile: path.join(this.dir, 'nexusd.log'),
      ready: () => answers200(`${this.url}/ready`),
    });
  }

  log() {
    return fs.readFileSync(path.join(this.dir, 'nexusd.log'), 'utf8');
  }

  /** Freezes the daemon: connections are accepted by the kernel and not answered. */
  pause() {
    this.program.signal('SIGSTOP');
  }

  resume() {
    this.program.signal('SIGCONT');
  }

  kill() {
    return this.program.stop('SIGKILL');
  }

  /** Stops it in good order; anything but exit code 0, or a sanitizer's report, is an error. */
  async stop() {
    if (!this.program) {
      return;
    }
    const ending = await this.program.stop();
    if (!['code 0', 'signal SIGKILL'].includes(ending)) {
      throw new Error(`nexusd ended with ${ending}\n${this.log().slice(-4000)}`);
    }
    for (const name of fs.readdirSync(this.dir).filter((file) => file.startsWith('sanitizer.'))) {
      throw new Error(fs.readFileSync(path.join(this.dir, name), 'utf8'));
    }
  }
}
