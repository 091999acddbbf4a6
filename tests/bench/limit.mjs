// What a local limit adds to a request: the same location with and without `nexus_limit` by address, and one that counts by
// caller beside one that only authenticates. Same nginx, same worker, interleaved; the worker's CPU time per request is
// the figure. No request is refused: it is the path of those that pass.
import { newToken, mustAnswer, OTHER_CPU, startMeasuredEdge, startRecords } from './hot-edge.mjs';
import { alternate, load, median, report } from './measure.mjs';

const pairsOf = {
  added_cpu_us: { plain: '/plain', limited: '/limited', baseline: 'the same location without a limit, cpu_us' },
  added_cpu_us_caller: { plain: '/caller', limited: '/caller-limited', baseline: 'the same location, authenticating, without a limit, cpu_us' },
};

export async function run({ t, json, rounds = 10, seconds = 2, log }) {
  const records = await startRecords(t, { token: newToken(), grants: ['token:use'] });
  const edge = await startMeasuredEdge(t, records, {
    http: `
    nexus_limit_zone addresses key=address rate=1000000r/s burst=1000000;
    nexus_limit_zone callers key=caller rate=1000000r/s burst=1000000;`,
    server: `
        location = /plain { empty_gif; }
        location = /limited { nexus_limit zone=addresses nodelay; empty_gif; }
        location = /caller { nexus_auth api_key; empty_gif; }
        location = /caller-limited { nexus_auth api_key; nexus_limit zone=callers nodelay; empty_gif; }`,
  });
  for (const { plain, limited } of Object.values(pairsOf)) {
    await mustAnswer(`${edge.url}${plain}`, records.headers);
    await mustAnswer(`${edge.url}${limited}`, records.headers);
  }
  const [worker] = edge.workers();   // after an answer: the master listens before it has workers
  const sample = (path) => load({ url: `${edge.url}${path}`, headers: records.headers, pid: worker, seconds, cpu: OTHER_CPU });

  for (const [name, { plain, limited, baseline }] of Object.entries(pairsOf)) {
    const pairs = await alternate({
      rounds,
      first: () => sample(plain),
      second: () => sample(limited),
      progress: (round, { first, second }) => log(`round ${round}/${rounds}: ${plain} ${first.cpuUs.toFixed(2)} us, ${limited} ${second.cpuUs.toFixed(2)} us`),
    });
    report({
      json, name: `limit.${name}`, unit: 'us',
      value: median(pairs.map(({ first, second }) => second.cpuUs - first.cpuUs)),
      baseline, baseline_value: median(pairs.map(({ first }) => first.cpuUs)), rounds,
    });
  }
}
