// A cluster of three masters, put together by hand: that is quicker than redis-cli's way.
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { listen } from './listen.mjs';
import { findPort } from './ports.mjs';
import { makeRedis } from './redis.mjs';
import { waitFor } from './wait.mjs';

const SLOTS = 16384;

/**
 * {url, nodes, owner(key), set, publish, ...}. `tls` as for startRedis; `args`: more arguments of each node;
 * `separable`: nodes can be cut off from the others.
 */
export async function startCluster(t, { size = 3, tls, args = [], separable = false } = {}) {
  const cutOff = separable ? new Set() : undefined;
  const options = { tls, cutOff, args: [...(tls ? ['--tls-cluster', 'yes'] : []), ...args] };
  const nodes = await Promise.all(Array.from({ length: size }, () => startNode(t, options)));
  const cluster = new Cluster(nodes, options);
  for (const [i, node] of nodes.entries()) {
    const [first, last] = [Math.floor((i * SLOTS) / size), Math.floor(((i + 1) * SLOTS) / size) - 1];
    await node.client.call('CLUSTER', 'ADDSLOTSRANGE', first, last);
    await node.client.call('CLUSTER', 'MEET', '127.0.0.1', nodes[0].tlsPort ?? nodes[0].port, nodes[0].announcedBusPort);
  }
  await cluster.isWell();
  return cluster;
}

async function startNode(t, { tls, args, cutOff }) {
  const busPort = await findPort();
  const bus = cutOff && await startBus(t, busPort, cutOff);
  const node = await makeRedis(t, {
    tcp: true,
    tls,
    args: ['--cluster-enabled', 'yes', '--cluster-port', String(busPort), '--cluster-node-timeout', '1000',
      '--repl-diskless-sync-delay', '0', ...(bus ? bus.args : []), ...args],
  });
  Object.assign(node, { announcedBusPort: bus?.port ?? busPort, bus });
  await node.start();
  node.id = await node.client.call('CLUSTER', 'MYID');
  return node;
}

/** Stands in front of a node's bus. Who connects is known by an address of its own. */
async function startBus(t, busPort, cutOff) {
  const links = new Set();
  const bus = { links };
  const server = net.createServer((link) => {
    if (cutOff.has(bus) || [...cutOff].some(({ address }) => address === link.remoteAddress)) {
      link.destroy();
      return;
    }
    const node = net.connect(busPort, '127.0.0.1');
    links.add(link);
    link.on('close', () => { links.delete(link); node.destroy(); });
    node.on('close', () => link.destroy());
    node.on('error', () => {});
    link.pipe(node).pipe(link);
  });
  bus.port = await listen(t, server);
  bus.address = `127.1.${bus.port >> 8}.${bus.port & 255}`;
  bus.args = ['--bind-source-addr', bus.address, '--cluster-announce-ip', '127.0.0.1', '--cluster-announce-bus-port', String(bus.port)];
  return bus;
}

class Cluster {
  constructor(nodes, options) {
    this.nodes = nodes;
    this.options = options;
    this.replicas = [];
    this.url = `cluster://${nodes.map((node) => `127.0.0.1:${node.port}`).join(',')}`;
  }

  isWell() {
    return waitFor('the cluster to be well', async () => {
      for (const node of this.nodes) {
        const info = await node.client.call('CLUSTER', 'INFO');
        if (!info.includes('cluster_state:ok') || !info.includes(`cluster_known_nodes:${this.nodes.length}`)) {
          return false;
        }
      }
      return true;
    });
  }

  /** The others are not heard any more, nor do they hear the node; clients reach all of them. */
  cutOff(node) {
    this.options.cutOff.add(node.bus);
    for (const { bus } of [...this.nodes, ...this.replicas]) {
      for (const link of bus.links) {
        if (bus === node.bus || link.remoteAddress === node.bus.address) {
          link.destroy();
        }
      }
    }
  }

  reunite() {
    this.options.cutOff.clear();
    return this.isWell();
  }

  slotOf(key) {
    return this.nodes.at(-1).client.call('CLUSTER', 'KEYSLOT', key);
  }

  /** The node that has a key's slot, as the last node sees it. */
  async owner(key) {
    const slot = await this.slotOf(key);
    const ranges = await this.nodes.at(-1).client.call('CLUSTER', 'SLOTS');
    const range = ranges.find(([first, last]) => first <= slot && slot <= last);
    return [...this.nodes, ...this.replicas].find((node) => node.id === range?.[2][2]);
  }

  /** Writes to the key's node; false if that does not work now. */
  async set(key, value, options) {
    const owner = await this.owner(key);
    return owner !== undefined && Promise.race([owner.set(key, value, options).then(() => true, () => false), delay(300, false)]);
  }

  publish(channel, message) {
    return this.nodes.at(-1).publish(channel, message);
  }

  /** Waits until some node that lives has a subscriber. */
  subscribers(channel, count = 1) {
    return waitFor('a subscriber at some node', async () => {
      const counts = await Promise.all([...this.nodes, ...this.replicas].map((node) => Promise.race([
        node.client.pubsub('NUMSUB', channel).then(([, n]) => n, () => 0), delay(300, 0),
      ])));
      return counts.reduce((sum, n) => sum + n, 0) >= count;
    });
  }

  /** The node where the edge listens. */
  listenedAt(channel) {
    return waitFor('a subscriber at some node', async () => {
      for (const node of this.nodes) {
        if ((await node.client.pubsub('NUMSUB', channel))[1] > 0) {
          return node;
        }
      }
      return undefined;
    });
  }

  /** Begins to move a slot: its keys are asked for at the source until each has moved (ASK). */
  async beginMigration(slot, from, to) {
    await to.client.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id);
    await from.client.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id);
  }

  moveKey(key, from, to) {
    return from.client.migrate('127.0.0.1', to.port, key, 0, 1000);
  }

  async endMigration(slot, to) {
    await to.client.call('CLUSTER', 'SETSLOT', slot, 'NODE', to.id);
    for (const node of this.nodes.filter((one) => one !== to)) {
      await node.client.call('CLUSTER', 'SETSLOT', slot, 'NODE', to.id);
    }
  }

  /** A replica of `master`; not among `nodes`, which are those that began with slots. */
  async addReplica(t, master) {
    const replica = await startNode(t, this.options);
    await replica.client.call('CLUSTER', 'MEET', '127.0.0.1', master.port, master.announcedBusPort);
    await waitFor('the master to be known', () => replica.client.call('CLUSTER', 'REPLICATE', master.id).then(() => true, () => false));
    await waitFor('all nodes to know the replica', async () => {
      const known = await Promise.all(this.nodes.map((node) => node.client.call('CLUSTER', 'NODES')));
      return known.every((nodes) => new RegExp(`^${replica.id} .* slave ${master.id}`, 'm').test(nodes));
    });
    await waitFor('the replica to follow', async () => /master_link_status:up/.test(await replica.client.info('replication')));
    this.replicas.push(replica);
    return replica;
  }
}
