// A control plane that takes its time, in a thread of its own, so that a benchmark's client does not delay it: answers
// each question with the record that it was told of, after `delay` ms. Tells of each call: {pid, at, answeredAt}, where
// `pid` is the worker's (the edge's configuration sends it as X-Pid) and the times are Unix ms.
import http from 'node:http';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { cleanup } from './cleanup.mjs';
import { findPort } from './ports.mjs';

/**
 * Starts it: {port, calls, serve(sealed), whenAsked()}. `calls` is emptied by serve(); whenAsked() resolves with the
 * next call.
 */
export async function startSlowOrigin(t, { delay }) {
  const port = await findPort();
  const thread = new Worker(new URL(import.meta.url), { workerData: { port, delay } });
  cleanup(t, () => thread.terminate());
  let asked = () => {};
  let ready;
  const listening = new Promise((resolve) => { ready = resolve; });
  const origin = {
    port,
    calls: [],
    serve(sealed) {
      origin.calls = [];
      thread.postMessage(sealed);
    },
    whenAsked: () => new Promise((resolve) => { asked = resolve; }),
  };
  thread.on('message', ({ what, call }) => {
    if (what === 'listening') {
      ready();
    } else if (what === 'asked') {
      origin.calls.push(call);
      asked(call);
    } else {
      Object.assign(origin.calls.find(({ number }) => number === call.number) ?? {}, call);
    }
  });
  await listening;
  return origin;
}

function answerQuestions({ port, delay }) {
  let sealed;
  let number = 0;
  parentPort.on('message', (bytes) => { sealed = Buffer.from(bytes); });
  const server = http.createServer((request, response) => {
    const call = { number: ++number, pid: Number(request.headers['x-pid']), at: Date.now() };
    parentPort.postMessage({ what: 'asked', call });
    setTimeout(() => {
      response.writeHead(200, { 'content-type': 'application/vnd.nexus.record', 'content-length': sealed.length });
      response.end(sealed);
      parentPort.postMessage({ what: 'answered', call: { ...call, answeredAt: Date.now() } });
    }, delay);
  });
  server.keepAliveTimeout = 60_000;
  server.listen(port, '127.0.0.1', () => parentPort.postMessage({ what: 'listening' }));
}

if (!isMainThread && workerData?.delay !== undefined) {
  answerQuestions(workerData);
}
