// The refresh oracle: a broker keeps connections alive at a provider that rotates, revokes and forgets nothing, while both of
// them and what is between them fail; then the provider's ledger decides. The broker is an adapter (adapters/nexus.mjs).
import { setTimeout as delay } from 'node:timers/promises';
import { Chaos } from './chaos.mjs';
import { seededRandom } from './random.mjs';
import { startFaultProxy, startProvider } from './stubs.mjs';
import { judge } from './verdict.mjs';

/** How many lost connections are logged with all that is known of them. */
const EXPLAINED = 5;

/** The kinds of providers of a run; shares add up to 1. */
export const CLASSES = {
  grace: { rotates: true, grace_s: 5, share: 0.4 },
  strict: { rotates: true, grace_s: 0, share: 0.3 },
  reusable: { rotates: false, share: 0.3 },
};

/**
 * broker       an adapter
 * nodes, database, durable   what it is started with
 * connections  how many; lifetime_s: [least, most] of a token
 * seconds      how long faults go on; or refreshes: until so many are done, at most seconds
 * callers      refreshes a second that are asked for, beside those the broker does by itself
 * seed         of everything that is random; scale: fault-plan.mjs; chaos: {everyMs, only}
 * settle_s     how long the broker has to come to rest
 *
 * returns {figures, counts, verdicts} of verdict.mjs
 */
export async function runOracle(t, {
  broker, nodes = 3, database = 'postgres', durable = false, connections = 2000, lifetime_s = [60, 90], seconds = 600, refreshes = Infinity, callers = 2,
  seed = 1, scale = 1, chaos = { everyMs: [5000, 15000] }, settle_s = 120, log = () => {},
}) {
  const classes = Object.fromEntries(Object.entries(CLASSES).map(([name, rules]) => [name, { ...rules, expires_in: lifetime_s }]));
  const random = seededRandom(seed);
  const provider = await startProvider(t, { classes, seed });
  const proxy = await startFaultProxy(t, { provider, classes, plan: { seed: seed + 1, scale, leaseMs: broker.limits.leaseMs } });
  await broker.start(t, { nodes, database, durable, classes, tokenUrl: (name) => `${proxy.url}/${name}/token` });
  const members = await populate({ broker, provider, classes, connections, lifetime_s, random });
  log(`${connections} connections on ${nodes} node(s), ${database}`);

  await proxy.faults(true);
  const until = performance.now() + seconds * 1000;
  const enough = async () => performance.now() >= until || (await provider.counts()).good >= refreshes;
  const running = { over: false };
  const asking = callers > 0 ? askAround({ broker, members, callers, random: seededRandom(seed + 2), running }) : undefined;
  const befalling = new Chaos({ broker, proxy, seed: seed + 3, log, ...chaos });
  const outagesDone = befalling.run();
  while (!await enough() && befalling.problems.length === 0) {
    await delay(500);
  }
  befalling.stop();
  running.over = true;
  await proxy.faults(false);
  const outages = await outagesDone;
  await asking;
  log(`faults are over: ${JSON.stringify((await provider.counts()).outcomes)}; ${JSON.stringify((await proxy.counts()).faults)}`);

  const final = await settle({ broker, provider, members, deadline: performance.now() + settle_s * 1000 });
  const result = judge({
    ledger: await collect(await provider.ledger()), exchanges: await collect(await proxy.exchanges()),
    outages, connections: final, classes, limits: broker.limits,
  });
  log(JSON.stringify(result.counts));
  for (const one of result.verdicts.filter(({ sends }) => sends).slice(0, EXPLAINED)) {
    log(`${one.verdict}: ${JSON.stringify(one)}`);
  }
  return result;
}

/** Families at the provider and their connections at the broker, in all phases of a token's life: [{id, family, class}]. */
async function populate({ broker, provider, classes, connections, lifetime_s, random }) {
  const families = [];
  for (const [name, { share }] of Object.entries(classes)) {
    for (const item of await provider.createFamilies(name, Math.round(connections * share))) {
      families.push({ family: item.family, class: name, refreshToken: item.refresh_token, expiresIn: 5 + Math.floor(random() * lifetime_s[1]) });
    }
  }
  const ids = await broker.addConnections(families);
  return families.map(({ family, class: className }, i) => ({ id: ids[i], family, class: className }));
}

/** Callers who want a new token now, of any connection at any node: what the broker does by itself has to get along with them. */
async function askAround({ broker, members, callers, random, running }) {
  const pending = new Set();
  while (!running.over) {
    const { id } = members[Math.floor(random() * members.length)];
    const call = broker.refresh(id, random).finally(() => pending.delete(call));
    pending.add(call);
    await delay(1000 / callers);
  }
  await Promise.all(pending);
}

/**
 * Has every connection refresh once more, by itself or asked: a good answer shows that it holds the newest token. Returns once
 * nobody is undecided, or at the deadline: [{id, family, class, state, reason, since, good}].
 */
async function settle({ broker, provider, members, deadline }) {
  const from = Date.now();
  for (;;) {
    const states = await broker.states();
    const known = new Map((await provider.families()).map((family) => [family.family, family]));
    const all = members.map((member) => ({ ...member, ...states.get(member.id), good: known.get(member.family).lastGoodAt > from }));
    const undecided = all.filter(({ state, good }) => state === 'active' && !good);
    if (undecided.length === 0 || performance.now() > deadline) {
      return all;
    }
    const queue = [...undecided];
    await Promise.all(Array.from({ length: 16 }, async () => {
      for (let next = queue.pop(); next && performance.now() < deadline; next = queue.pop()) {
        await broker.refresh(next.id);
      }
    }));
    await delay(1000);   // a refresh that is asked for again at once joins the last one
  }
}

async function collect(records) {
  const all = [];
  for await (const record of records) {
    all.push(record);
  }
  return all;
}
