// A master, a replica and one Sentinel that watches them.
import fs from 'node:fs';
import path from 'node:path';
import Client from 'ioredis';
import { cleanup } from './cleanup.mjs';
import { findPort } from './ports.mjs';
import { startProgram } from './process.mjs';
import { makeRedis } from './redis.mjs';
import { waitFor } from './wait.mjs';
import { makeWorkdir } from './workdir.mjs';

const NAME = 'nexus-master';

/** {url, nodes, master(), set, publish, ...}; `args`: more arguments of both servers; `lines`: of the Sentinel's configuration. */
export async function startSentinel(t, { args = [], lines = [] } = {}) {
  const quick = ['--repl-diskless-sync-delay', '0', '--repl-timeout', '5', ...args];
  const first = await makeRedis(t, { tcp: true, args: quick });
  await first.start();
  const second = await makeRedis(t, { tcp: true, args: [...quick, '--replicaof', '127.0.0.1', String(first.port)] });
  await second.start();
  const system = new Sentinel(makeWorkdir(t, 'sentinel'), await findPort(), [first, second], lines);
  cleanup(t, () => system.close());
  await waitFor('the replica to follow', async () => /master_link_status:up/.test(await second.client.info('replication')));
  await system.start();
  await waitFor('Sentinel to know the replica', async () => (await system.ask('replicas', NAME)).length === 1);
  return system;
}

class Sentinel {
  constructor(dir, port, nodes, lines) {
    this.port = port;
    this.nodes = nodes;
    this.masterName = NAME;
    this.url = `sentinel://127.0.0.1:${port}/${NAME}`;
    this.file = path.join(dir, 'sentinel.conf');
    fs.writeFileSync(this.file, [
      `port ${port}`, 'bind 127.0.0.1', `dir ${dir}`,
      `sentinel monitor ${NAME} 127.0.0.1 ${nodes[0].port} 1`,
      `sentinel down-after-milliseconds ${NAME} 400`,
      `sentinel failover-timeout ${NAME} 1000`,
      ...lines, '',
    ].join('\n'));
  }

  async start() {
    this.program = await startProgram({
      name: 'redis-sentinel', command: 'redis-server', args: [this.file, '--sentinel'], logFile: `${this.file}.log`,
      ready: () => this.client.ping().then(() => true, () => false),
    });
  }

  get client() {
    if (!this.shared) {
      this.shared = new Client({ port: this.port, retryStrategy: () => 20, maxRetriesPerRequest: 1 });
      this.shared.on('error', () => {});
    }
    return this.shared;
  }

  ask(...words) {
    return this.client.call('SENTINEL', ...words);
  }

  /** The node that Sentinel takes for the master. */
  async master() {
    const [, port] = await this.ask('get-master-addr-by-name', NAME);
    return this.nodes.find((node) => node.port === Number(port));
  }

  /** Has Sentinel exchange master and replica; waits until it has. */
  async failover() {
    const before = await this.master();
    await waitFor('the failover to begin', () => this.ask('failover', NAME).then(() => true, () => false));
    return this.changed(before);
  }

  changed(before) {
    return waitFor('another master', async () => {
      const now = await this.master();
      return now !== before && /role:master/.test(await now.client.info('replication')) && now;
    });
  }

  async set(key, value, options) {
    return (await this.master()).set(key, value, options);
  }

  async publish(channel, message) {
    return (await this.master()).publish(channel, message);
  }

  async subscribers(channel, count) {
    return (await this.master()).subscribers(channel, count);
  }

  async close() {
    this.shared?.disconnect();
    await this.program?.stop();
  }
}
