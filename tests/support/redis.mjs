// A redis-server of the test's own: on a Unix socket (and a TCP port where asked), without persistence, that can be
// stopped, frozen, killed and started again. Which keys mean what is left to the tests.
import fs from 'node:fs';
import path from 'node:path';
import Client from 'ioredis';
import { cleanup } from './cleanup.mjs';
import { findPort } from './ports.mjs';
import { startProgram } from './process.mjs';
import { waitFor } from './wait.mjs';
import { makeWorkdir } from './workdir.mjs';

/**
 * t: the test's context, or {after}; tcp: also listen on a loopback port; tls: {cert, key, ca} files, to listen on a TLS
 * port (`tlsPort`) too, which asks clients for a certificate where `clients` is 'yes'; args: more redis-server arguments.
 */
export async function startRedis(t, { tcp = false, tls, args = [] } = {}) {
  const redis = await makeRedis(t, { tcp, tls, args });
  await redis.start();
  return redis;
}

/** The same, not started yet. */
export async function makeRedis(t, { tcp = false, tls, args = [] } = {}) {
  const dir = makeWorkdir(t, 'redis');
  const tlsPort = tls ? await findPort() : undefined;
  const redis = new Redis(dir, tcp ? await findPort() : 0, [...(tls ? tlsArguments(tlsPort, tls) : []), ...args]);
  redis.tlsPort = tlsPort;
  cleanup(t, () => redis.close());
  return redis;
}

const tlsArguments = (port, { cert, key, ca, clients = 'no' }) => [
  '--tls-port', String(port), '--tls-cert-file', cert, '--tls-key-file', key, '--tls-ca-cert-file', ca, '--tls-auth-clients', clients,
];

class Redis {
  constructor(dir, port, args) {
    this.dir = dir;
    this.socket = path.join(dir, 'redis.sock');
    this.url = `unix:${this.socket}`;
    this.port = port;
    this.args = args;
    this.clients = [];
  }

  async start() {
    this.program = await startProgram({
      name: 'redis-server',
      command: 'redis-server',
      args: [
        '--port', String(this.port), '--bind', '127.0.0.1', '--unixsocket', this.socket, '--unixsocketperm', '777',
        '--save', '', '--appendonly', 'no', '--dir', this.dir, '--enable-debug-command', 'yes', ...this.args,
      ],
      logFile: path.join(this.dir, 'redis.log'),
      ready: () => this.#answers(),
    });
  }

  async #answers() {
    const probe = this.#connect({ retryStrategy: null });
    try {
      return await probe.ping() === 'PONG';
    } finally {
      probe.disconnect();
    }
  }

  #connect(options = {}) {
    const client = new Client({ path: this.socket, lazyConnect: false, disconnectTimeout: 20, ...options });
    client.on('error', () => {});   // a test that stops Redis on purpose is not told by an exception
    return client;
  }

  /** An ioredis client that reconnects by itself; closed at the test's end. */
  connect() {
    const client = this.#connect({ retryStrategy: () => 20, maxRetriesPerRequest: null });
    this.clients.push(client);
    return client;
  }

  get client() {
    this.shared ??= this.connect();
    return this.shared;
  }

  /** Bytes of a key, or null. */
  get(key) {
    return this.client.getBuffer(key);
  }

  /** Writes bytes; px: lifetime in ms. */
  set(key, value, { px } = {}) {
    return px === undefined ? this.client.set(key, value) : this.client.set(key, value, 'PX', px);
  }

  del(...keys) {
    return this.client.del(...keys);
  }

  publish(channel, message) {
    return this.client.publish(channel, typeof message === 'string' ? message : JSON.stringify(message));
  }

  /** How often a command was called since the start, e.g. calls('get'). */
  async calls(command) {
    const info = await this.client.info('commandstats');
    return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(info)?.[1] ?? 0);
  }

  /** How often it answered with an error, e.g. errors('MOVED'). */
  async errors(word) {
    const info = await this.client.info('errorstats');
    return Number(new RegExp(`errorstat_${word}:count=(\\d+)`).exec(info)?.[1] ?? 0);
  }

  /** Waits until a channel has so many subscribers. */
  subscribers(channel, count = 1) {
    return waitFor(`${count} subscribers of ${channel}`, async () =>
      (await this.client.pubsub('NUMSUB', channel))[1] >= count);
  }

  /** All keys with their values as bytes: Map of key -> Buffer. */
  async dump() {
    const all = new Map();
    for (const key of await this.client.keys('*')) {
      const type = await this.client.type(key);
      all.set(key, type === 'string' ? await this.get(key) : await this.client.dumpBuffer(key));
    }
    return all;
  }

  /** Freezes the server: connections stay open, nothing is answered. */
  pause() {
    this.program.signal('SIGSTOP');
  }

  resume() {
    this.program.signal('SIGCONT');
  }

  kill() {
    return this.program.stop('SIGKILL');
  }

  stop() {
    return this.program.stop();
  }

  async restart() {
    await this.program.stop('SIGKILL');
    fs.rmSync(this.socket, { force: true });
    await this.start();
  }

  async close() {
    for (const client of this.clients) {
      client.disconnect();
    }
    await this.program?.stop();
  }
}
