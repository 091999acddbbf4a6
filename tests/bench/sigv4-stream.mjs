// Uploads that are signed chunk by chunk (nexus_sigv4 payload=stream) while they arrive. stream_ratio: their throughput beside
// that of a plain proxy_pass, unbuffered both, through the same worker to the same upstream, which reads and answers.
// stream_added_cpu_ms_per_mb: what the worker spends on it.
// rss_growth_mb: what the worker's memory grows by, at most, during one upload of 1 GiB (NEXUS_SIGV4_UPLOAD_MB) to a server
// that verifies each chunk's signature, and that the object is the one that was sent.
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { ChunkVerifier } from '../support/chunk-verifier.mjs';
import { listen } from '../support/listen.mjs';
import { mustRun } from '../support/process.mjs';
import { makeWorkdir } from '../support/workdir.mjs';
import { mustAnswer, newToken, OTHER_CPU, startMeasuredEdge, startRecords } from './hot-edge.mjs';
import { alternate, cpuMicroseconds, median, report } from './measure.mjs';

const MIB = 1024 * 1024;
const WHOLE_MB = Number(process.env.NEXUS_SIGV4_UPLOAD_MB ?? 1024);
const SAMPLE_MB = Math.min(256, WHOLE_MB);
const SECRETS = { AKIDEXAMPLE: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };

export async function run({ t, json, rounds = 10, log }) {
  // The upstreams are in this process: the worker that is measured has its processor for itself.
  await mustRun('taskset', ['-acp', String(OTHER_CPU), String(process.pid)]);
  const dir = makeWorkdir(t, 'upload');
  const whole = makeFile(path.join(dir, 'whole'), WHOLE_MB);
  const sample = makeFile(path.join(dir, 'sample'), SAMPLE_MB);
  const sink = await startSink(t);
  const verified = [];
  const verifier = await startVerifier(t, verified);
  const records = await startRecords(t, {
    token: newToken(), grants: ['token:use'],
    connection: { strategy: 'aws_sigv4', strategy_config: { service: 's3', region: 'eu-central-1' }, credentials: { access_key: 'AKIDEXAMPLE', secret_key: SECRETS.AKIDEXAMPLE } },
  });
  const edge = await startMeasuredEdge(t, records, { server: locations({ sink, verifier }) });
  const [worker] = edge.workers();
  const put = async (location, file) => {
    const headers = Object.entries({ ...records.headers, Expect: '' }).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
    const status = await mustRun('taskset', ['-c', String(OTHER_CPU), 'curl', '-sS', '-o', path.join(dir, 'answer'), '-w', '%{http_code} %{time_total}', '-T', file.path, ...headers, `${edge.url}/${location}`], { timeout: 300_000 });
    const [code, seconds] = status.trim().split(' ');
    if (code !== '200') {
      throw new Error(`${location} answered ${code}: ${fs.readFileSync(path.join(dir, 'answer'), 'utf8')}`);
    }
    return Number(seconds);
  };
  await mustAnswer(`${edge.url}/signed`, records.headers);

  await put('verified', sample);   // brings in what every upload needs
  const before = memoryKib(worker, 'VmRSS');
  fs.writeFileSync(`/proc/${worker}/clear_refs`, '5');   // the high-water mark begins anew
  await put('verified', whole);
  const growth = (memoryKib(worker, 'VmHWM') - before) / 1024;
  const { size, sha256, chunks } = verified.at(-1);
  if (size !== whole.size || sha256 !== whole.sha256) {
    throw new Error(`the object is not the one that was sent: ${size} bytes, ${sha256}`);
  }
  log(`${WHOLE_MB} MiB: ${chunks} chunks verified, object identical, the worker's memory grew by ${growth.toFixed(2)} MiB at most`);

  const upload = async (location) => {
    const cpu = cpuMicroseconds(worker);
    const seconds = await put(location, sample);
    return { mbps: SAMPLE_MB / seconds, cpuMs: (cpuMicroseconds(worker) - cpu) / 1000 };
  };
  const pairs = await alternate({
    rounds,
    first: () => upload('plain'),
    second: () => upload('signed'),
    progress: (round, { first, second }) => log(`round ${round}/${rounds}: plain ${first.mbps.toFixed(0)} MiB/s (${first.cpuMs.toFixed(0)} ms of CPU), signed ${second.mbps.toFixed(0)} MiB/s (${second.cpuMs.toFixed(0)} ms)`),
  });
  report({
    json, name: 'sigv4.stream_ratio', unit: 'x', value: median(pairs.map(({ first, second }) => second.mbps / first.mbps)),
    baseline: 'plain proxy_pass, MiB/s', baseline_value: median(pairs.map(({ first }) => first.mbps)), rounds,
  });
  const [plainCpu, signedCpu] = ['first', 'second'].map((side) => median(pairs.map((pair) => pair[side].cpuMs)) / SAMPLE_MB);
  report({
    json, name: 'sigv4.stream_added_cpu_ms_per_mb', unit: 'ms', value: signedCpu - plainCpu, baseline: 'plain proxy_pass, CPU ms per MiB', baseline_value: plainCpu, rounds,
  });
  report({
    json, name: 'sigv4.rss_growth_mb', unit: 'MiB', value: growth, baseline: 'size of the upload, MiB', baseline_value: WHOLE_MB, rounds: 1,
  });
}

function makeFile(name, mb) {
  const hash = createHash('sha256');
  const fd = fs.openSync(name, 'w');
  for (let i = 0; i < mb; i++) {
    const piece = randomBytes(MIB);
    hash.update(piece);
    fs.writeSync(fd, piece);
  }
  fs.closeSync(fd);
  return { path: name, size: mb * MIB, sha256: hash.digest('hex') };
}

/** Reads a request to its end, and answers: nothing else that could be slow. */
function startSink(t) {
  const server = net.createServer((socket) => {
    let head = '';
    let left = -1;
    socket.on('data', (bytes) => {
      if (left < 0) {
        head += bytes.toString('latin1');
        const end = head.indexOf('\r\n\r\n');
        if (end < 0) {
          return;
        }
        left = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0) - (head.length - end - 4);
      } else {
        left -= bytes.length;
      }
      if (left <= 0) {
        socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      }
    });
  });
  return listen(t, server);
}

function startVerifier(t, verified) {
  const server = http.createServer((request, response) => {
    const refuse = (error) => response.writeHead(403).end(error.message);
    let verifier;
    try {
      verifier = new ChunkVerifier({ method: request.method, url: request.url, headers: request.headers }, SECRETS);
    } catch (error) {
      refuse(error);
      return;
    }
    request.on('error', () => {});
    request.on('data', (bytes) => {
      try {
        verifier?.feed(bytes);
      } catch (error) {
        verifier = undefined;
        refuse(error);
      }
    });
    request.on('end', () => {
      try {
        verified.push(verifier.end());
        response.end();
      } catch (error) {
        refuse(error);
      }
    });
  });
  return listen(t, server);
}

const memoryKib = (pid, name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);

const locations = ({ sink, verifier }) => `
        client_max_body_size 0;
        proxy_http_version 1.1;
        proxy_request_buffering off;
        location = /plain { proxy_pass http://127.0.0.1:${sink}; }
        location = /signed { ${signing} proxy_pass http://127.0.0.1:${sink}; }
        location = /verified { ${signing} proxy_pass http://127.0.0.1:${verifier}; }`;

const signing = 'nexus_auth api_key; nexus_connection $http_x_nexus_connection; nexus_inject aws_sigv4; nexus_sigv4 payload=stream;';
