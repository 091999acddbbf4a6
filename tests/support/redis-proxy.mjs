// Stands between the edge and a Redis and spoils what they say, command by command. It understands frames, so that the
// answers it makes up come in their turn. On connections that subscribe, answers can be changed but not made up.
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { cleanup } from './cleanup.mjs';
import { findPort } from './ports.mjs';
import { Frames, wordsOf } from './resp.mjs';

/**
 * target: {port, host} of the Redis, or a function that returns it for each connection; host, port: where to listen
 *
 * proxy.fault(words): what becomes of a command; undefined: nothing, it is passed on. Otherwise any of
 *   reply   bytes to answer with; the command is not passed on. A function gets the real answer and returns another
 *   delay   ms (or a promise) before the answer goes out
 *   silent  there is no answer, to this and everything after it
 *   drip    bytes of the answer go out one by one
 *   cut     the connection is reset after the answer
 *
 * proxy.refuse(), proxy.accept(): whether anybody listens; proxy.cut(): resets all connections;
 * proxy.hold(), proxy.release(): nothing goes through, but connections stay open.
 */
export async function startRedisProxy(t, target, { host = '127.0.0.1', port } = {}) {
  const proxy = new RedisProxy(host, port ?? await findPort(), typeof target === 'function' ? target : () => target);
  await proxy.accept();
  cleanup(t, () => proxy.close());
  return proxy;
}

class RedisProxy {
  constructor(host, port, target) {
    this.host = host;
    this.port = port;
    this.url = `redis://${host}:${port}`;
    this.target = target;
    this.fault = () => undefined;
    this.connections = 0;
    this.commands = [];   // words of each
    this.links = new Set();
    this.held = undefined;
  }

  accept() {
    this.server = net.createServer((client) => {
      this.connections++;
      const link = new Link(this, client);
      this.links.add(link);
      client.on('close', () => this.links.delete(link));
    });
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(this.port, this.host, resolve);
    });
  }

  /** Who connects is refused, and who is connected is cut off. */
  async refuse() {
    const closed = new Promise((resolve) => { this.server.close(resolve); });
    this.cut();
    await closed;
  }

  cut() {
    for (const link of this.links) {
      link.cut();
    }
  }

  hold() {
    this.held = new Promise((resolve) => { this.release = () => { this.held = undefined; resolve(); }; });
  }

  async close() {
    this.release?.();
    if (this.server.listening) {
      await this.refuse();
    }
  }
}

const isMadeUp = (fault) => Boolean(fault?.silent) || (fault?.reply !== undefined && typeof fault.reply !== 'function');

class Link {
  constructor(proxy, client) {
    this.proxy = proxy;
    this.client = client;
    this.server = net.connect(proxy.target());
    this.waiting = [];   // of commands that were passed on: resolves with the answer
    this.sending = Promise.resolve();
    this.subscribes = false;
    this.changes = [];   // once it subscribes: of commands that have an answer of their own
    for (const [one, other] of [[client, this.server], [this.server, client]]) {
      one.setNoDelay(true);
      one.on('error', () => {});
      one.on('close', () => other.destroy());
    }
    const commands = new Frames();
    client.on('data', async (chunk) => {
      await proxy.held;
      for (const frame of commands.push(chunk)) {
        this.onCommand(frame, wordsOf(frame));
      }
    });
    const answers = new Frames();
    this.server.on('data', async (chunk) => {
      await proxy.held;
      for (const frame of answers.push(chunk)) {
        this.onAnswer(frame);
      }
    });
  }

  onCommand(frame, words) {
    this.proxy.commands.push(words);
    const subscribes = /SUBSCRIBE$/.test(words[0]);
    this.subscribes ||= subscribes;
    const fault = this.proxy.fault(words);
    if (this.subscribes && !isMadeUp(fault)) {
      if (!subscribes) {
        this.changes.push(fault?.reply);
      }
      this.server.write(frame);
      return;
    }
    const answer = isMadeUp(fault) ? Promise.resolve(fault.reply)
      : new Promise((resolve) => { this.waiting.push(resolve); this.server.write(frame); });
    this.sending = this.sending.then(() => this.send(answer, fault));
  }

  onAnswer(frame) {
    if (!this.subscribes) {
      this.waiting.shift()?.(frame);
    } else if (/^\*3\r\n\$\d+\r\n((un)?subscribe|message)\r\n/.test(frame.toString('latin1'))) {
      this.say(frame);
    } else {
      const change = this.changes.shift();
      this.say(change ? change(frame) : frame);
    }
  }

  async send(answer, fault = {}) {
    let bytes = await answer;
    if (fault.silent) {
      await new Promise(() => {});
    }
    if (typeof fault.reply === 'function') {
      bytes = fault.reply(bytes);
    }
    await (typeof fault.delay === 'number' ? delay(fault.delay) : fault.delay);
    if (fault.drip) {
      for (const byte of Buffer.from(bytes)) {
        this.say(Buffer.of(byte));
        await delay(1);
      }
    } else {
      this.say(bytes);
    }
    if (fault.cut) {
      this.client.write('', () => this.cut());   // once what was said is on its way
    }
  }

  say(bytes) {
    if (!this.client.destroyed && bytes.length > 0) {
      this.client.write(bytes);
    }
  }

  cut() {
    this.client.resetAndDestroy();
    this.server.destroy();
  }
}
