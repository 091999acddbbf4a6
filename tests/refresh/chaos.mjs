// What befalls the broker and its surroundings during a run: one thing after another, drawn from a seeded stream; what lasts
// long (a frozen node) goes on while others follow. How each is done is the adapter's and the proxy's.
import { setTimeout as delay } from 'node:timers/promises';
import { between, draw, seededRandom } from './random.mjs';

const LONG = new Set(['pause']);
const SLOW_FOR_MS = 5000;

/** Weights of what is done at the provider's door, beside the broker's own fault points. */
const AT_THE_DOOR = { refuse: 1, slow: 1 };

export class Chaos {
  /** everyMs: [least, most] between the beginnings of two; only: names, if not all. */
  constructor({ broker, proxy, seed, everyMs, only, log }) {
    Object.assign(this, { broker, proxy, everyMs, log });
    this.random = seededRandom(seed);
    this.weights = Object.fromEntries(Object.entries({ ...broker.faultPoints, ...AT_THE_DOOR }).filter(([name]) => !only || only.includes(name)));
    this.total = Object.values(this.weights).reduce((sum, weight) => sum + weight, 0);
    this.outages = [];
    this.lasting = new Map();
    this.problems = [];
    this.ending = new AbortController();
  }

  get isOver() {
    return this.ending.signal.aborted;
  }

  stop() {
    this.ending.abort();
  }

  /** Goes on until stop(), and returns [{name, from, to}] when all is over. */
  async run() {
    while (!this.isOver && this.problems.length === 0) {
      await delay(between(this.random, this.everyMs), undefined, { signal: this.ending.signal }).catch(() => {});
      if (this.isOver) {
        break;
      }
      const name = draw(this.random, this.weights, this.total);
      if (name === undefined || this.lasting.has(name)) {
        continue;
      }
      const done = this.#one(name).then((outage) => {
        this.outages.push(outage);
        this.log(`${name}${outage.node === undefined ? '' : ` of node ${outage.node}`}: ${outage.to - outage.from} ms`);
      }).catch((error) => this.problems.push(error)).finally(() => this.lasting.delete(name));
      if (LONG.has(name)) {
        this.lasting.set(name, done);
      } else {
        await done;
      }
    }
    await Promise.all(this.lasting.values());
    if (this.problems.length > 0) {
      throw this.problems[0];
    }
    return this.outages;
  }

  async #one(name) {
    const from = Date.now();
    if (name === 'refuse') {
      await this.proxy.refuse(between(this.random, [1000, 3000]));
    } else if (name === 'slow') {
      const ms = between(this.random, [500, 2000]);
      await this.proxy.slow(ms, SLOW_FOR_MS);
      return { name, from, to: Date.now() + SLOW_FOR_MS + ms };
    } else {
      return this.broker.fault(name, this.random);
    }
    return { name, from, to: Date.now() };
  }
}
