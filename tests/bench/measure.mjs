// Measuring two things in turn on a machine that is shared and noisy: rounds of A and B in changing order, CPU time of
// one process from the scheduler's own counter, medians. What is measured is left to the benchmarks.
import fs from 'node:fs';
import { mustRun } from '../support/process.mjs';

/** CPU time of a process in microseconds (user and system, all threads), by the scheduler's nanosecond counter. */
export function cpuMicroseconds(pid) {
  return fs.readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => sum + threadNanoseconds(pid, thread), 0) / 1000;
}

function threadNanoseconds(pid, thread) {
  try {
    return Number(fs.readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
  } catch {
    return 0;   // it ended while we looked
  }
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Loads a URL with wrk and returns {requests, seconds, rps, cpuUs, p99Ms}: cpuUs is what the process `pid` spent per
 * request. `cpu`: the processor that wrk is kept to; `script`, `args`: what makes its requests (a Lua file), and what it is
 * told. Every answer must be a 2xx: a benchmark of errors is refused.
 */
export async function load({ url, headers = {}, pid, seconds, connections = 32, cpu, script, args: scriptArgs = [] }) {
  const before = cpuMicroseconds(pid);
  const pinned = cpu === undefined ? [] : ['taskset', '-c', String(cpu)];
  const [command, ...args] = [...pinned, 'wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '--latency'];
  const output = await mustRun(command, [
    ...args, ...(script === undefined ? [] : ['-s', script]),
    ...Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]), url, ...(script === undefined ? [] : ['--', ...scriptArgs]),
  ], { timeout: (seconds + 30) * 1000 });
  const spent = cpuMicroseconds(pid) - before;
  if (/Non-2xx/.test(output)) {
    throw new Error(`${url} answered with errors:\n${output}`);
  }
  if (/Socket errors/.test(output)) {
    throw new Error(`${url} lost connections:\n${output}`);
  }
  const [, requests, elapsed, unit] = /(\d+) requests in ([\d.]+)(m?s|m)\b/.exec(output) ?? [];
  if (!(Number(requests) > 0)) {
    throw new Error(`no request of ${url} was counted:\n${output}`);
  }
  const scale = { ms: 0.001, s: 1, m: 60 }[unit];
  const [, p99, p99Unit] = /99%\s+([\d.]+)(us|ms|s)/.exec(output) ?? [];
  return {
    requests: Number(requests),
    seconds: elapsed * scale,
    rps: requests / (elapsed * scale),
    cpuUs: spent / requests,
    p99Ms: p99 * { us: 0.001, ms: 1, s: 1000 }[p99Unit],
  };
}

/**
 * Runs `first` and `second` alternately, swapping who goes first each round, after one round that is not counted.
 * returns [{first, second}, ...]
 */
export async function alternate({ first, second, rounds, progress = () => {} }) {
  const pairs = [];
  for (let round = 0; round <= rounds; round++) {
    const pair = {};
    for (const side of round % 2 ? ['second', 'first'] : ['first', 'second']) {
      pair[side] = await (side === 'first' ? first() : second());
    }
    if (round > 0) {
      pairs.push(pair);
      progress(round, pair);
    }
  }
  return pairs;
}

/** One figure: a JSON line (DESIGN 9), or one for people. */
export function report({ json, ...figure }) {
  const rounded = { ...figure, value: round(figure.value), baseline_value: round(figure.baseline_value) };
  console.log(json ? JSON.stringify(rounded)
    : `${rounded.name} = ${rounded.value} ${rounded.unit}  (${rounded.baseline}: ${rounded.baseline_value}; ${rounded.rounds} rounds)`);
}

function round(value) {
  return typeof value === 'number' ? Number(value.toPrecision(4)) : value;
}
