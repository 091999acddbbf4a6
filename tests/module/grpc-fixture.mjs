// gRPC by the field: a server that shows what HPACK brought it, and calls that show what came back (node's http2).
import { once } from 'node:events';
import http2 from 'node:http2';
import { cleanup } from '../support/cleanup.mjs';
import { listen } from '../support/listen.mjs';

/** An HTTP/2 server that answers every call with these fields alone, and remembers its own: [[name, value], ...]. */
export async function startFieldServer(t, tls, answer = { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '0' }) {
  const seen = [];
  const options = { maxHeaderListPairs: 1000, settings: { maxHeaderListSize: 1 << 20 } };
  const server = tls ? http2.createSecureServer({ ...options, ...tls }) : http2.createServer(options);
  const sessions = new Set();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  server.on('stream', (flow, headers, flags, raw) => {
    const fields = [];
    for (let i = 0; i < raw.length; i += 2) {
      fields.push([raw[i], raw[i + 1]]);
    }
    seen.push({ fields, never: headers[http2.sensitiveHeaders], all: (name) => fields.filter((one) => one[0] === name).map((one) => one[1]) });
    flow.resume();
    flow.respond(answer, { endStream: true });
  });
  return { port: await listen(t, server), seen, sessions, last: () => seen.at(-1) };
}

/** One call with these fields over one HTTP/2 connection, its message or no body at all; resolves with the answer's fields. */
export function h2Call(session, path, headers, { empty = false } = {}) {
  return new Promise((resolve, reject) => {
    const flow = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', ...headers }, { endStream: empty });
    let answer;
    flow.on('response', (got) => { answer = got; });
    flow.on('error', reject);
    flow.on('close', () => resolve(answer));
    flow.resume();
    if (!empty) {
      flow.end(Buffer.from([0, 0, 0, 0, 0]));
    }
  });
}

export async function h2Session(t, url) {
  const session = http2.connect(url, { maxSendHeaderBlockLength: 1 << 20 });
  session.on('error', () => {});
  cleanup(t, () => session.destroy());
  await once(session, 'remoteSettings');   // nginx refuses streams with a body before
  return session;
}
