// Both ends of the matrix: upstreams that remember what arrives, and a caller of every kind of request.
import { EventEmitter, once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import { cleanup } from '../support/cleanup.mjs';
import { listen } from '../support/listen.mjs';
import { bodies, isGrpcCall, isStreamed } from './secret-matrix-cells.mjs';

const TIMEOUT = 15_000;

/**
 * Two upstreams of each protocol, one that answers and one that fails (503). A token that `isStale` is answered with 401.
 *
 * returns {addresses, arrivals: [{place, url, pairs: [[name, value], ...], body}], heads: emits the URL as soon as a head is there}
 */
export async function startUpstreams(t, { isStale, onBody }) {
  const upstreams = { arrivals: [], heads: new EventEmitter(), addresses: {} };
  const take = async (place, incoming, url, raw, authorization) => {
    upstreams.heads.emit(url);
    const parts = [];
    for await (const part of incoming) {
      parts.push(part);
    }
    const pairs = raw.flatMap((name, i) => (i % 2 === 0 ? [[name.toLowerCase(), raw[i + 1]]] : []));
    const arrival = { place, url, pairs, body: Buffer.concat(parts) };
    upstreams.arrivals.push(arrival);
    onBody(arrival);
    return place === 'fails' ? 503 : isStale(authorization ?? '') ? 401 : 200;
  };
  const address = async (server) => `127.0.0.1:${await listen(t, server)}`;
  for (const place of ['answers', 'fails']) {
    upstreams.addresses[place] = await address(http.createServer(async (incoming, response) => {
      const status = await take(place, incoming, incoming.url, incoming.rawHeaders, incoming.headers.authorization);
      response.writeHead(status, { 'content-type': 'text/html' }).end(`${status}`);
    }));
    const overGrpc = http2.createServer();
    overGrpc.on('stream', async (flow, headers, flags, raw) => {
      flow.on('error', () => {});
      const status = await take(place, flow, headers[':path'], raw, headers.authorization);
      flow.respond({ ':status': status, 'content-type': 'text/html' });
      flow.end(`${status}`);
    });
    upstreams.addresses[`grpc${place[0].toUpperCase()}${place.slice(1)}`] = await address(overGrpc);
  }
  return upstreams;
}

/** Calls by HTTP/1.1 and HTTP/2. A streamed body's second half is sent when its head has arrived: that shows that it is streamed. */
export async function startCaller(t, { url, h2, heads }) {
  const session = http2.connect(h2);
  session.on('error', () => {});
  cleanup(t, () => session.destroy());
  await once(session, 'remoteSettings');   // nginx refuses streams with a body before
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  cleanup(t, () => agent.destroy());

  const overHttp1 = (cell, headers, body) => http.request(`${url}${cell.path}`, {
    agent, method: body.length > 0 ? 'POST' : 'GET',
    headers: { ...headers, ...(cell.request === 'chunked' ? { 'transfer-encoding': 'chunked' } : body.length > 0 ? { 'content-length': body.length } : {}) },
  });
  const overHttp2 = (cell, headers, body) => session.request({
    ':method': 'POST', ':path': cell.path, 'content-length': String(body.length), ...(isGrpcCall(cell) ? { 'content-type': 'application/grpc', te: 'trailers' } : {}), ...headers,
  }, { endStream: false });

  /** Sends a cell's request. returns {status, text: head and body} */
  return async function call(cell, headers) {
    const body = bodies[cell.request];
    const isHttp2 = cell.request === 'http2';
    const flow = (isHttp2 ? overHttp2 : overHttp1)(cell, headers, body);
    const timer = setTimeout(() => flow.destroy(new Error(`${cell.path}: no answer`)), TIMEOUT);
    const response = once(flow, 'response').then(([got]) => (isHttp2 ? { status: got[':status'], head: got, from: flow } : { status: got.statusCode, head: got.rawHeaders, from: got }));
    if (isStreamed(cell)) {
      const half = body.length / 2;
      const arrival = once(heads, cell.path);
      flow.write(body.subarray(0, half));
      await Promise.race([arrival, response]);
      flow.end(body.subarray(half));
    } else {
      flow.end(body);
    }
    const { status, head, from } = await response;
    let text = JSON.stringify(head);
    for await (const part of from) {
      text += part;
    }
    clearTimeout(timer);
    return { status, text };
  };
}
