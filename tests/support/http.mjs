// HTTP as the tests need it: nothing followed, nothing retried, every status is an answer. Cookies and forms are
// browser.mjs' business. Answers of our own servers must be as docs/openapi says (contract.mjs).
import http from 'node:http';
import https from 'node:https';
import { verify } from './contract.mjs';

/**
 * One request.
 *
 * url      http:// or https://
 * method   GET unless there is a body (then POST); headers: object; body: text or bytes
 * json     sent as the body with Content-Type application/json
 * timeout  ms for the whole exchange; ca: PEM trusted for https; cert, key: PEM of the client; agent: for keep-alive
 * socketPath  a Unix socket to connect to instead
 *
 * returns {status, headers (lower case), body (Buffer), text, json (undefined where the body is no JSON)}
 * throws  where no answer comes, and where ours is not as documented
 */
export function request(url, { method, headers = {}, body, json, timeout = 15000, ca, cert, key, socketPath, agent = false } = {}) {
  const sent = json === undefined ? body : JSON.stringify(json);
  const all = { ...(json === undefined ? {} : { 'content-type': 'application/json' }), ...headers };
  if (sent !== undefined && !hasHeader(all, 'content-length') && !hasHeader(all, 'transfer-encoding')) {
    all['content-length'] = Buffer.byteLength(sent);
  }
  return new Promise((resolve, reject) => {
    const library = url.startsWith('https:') ? https : http;
    const outgoing = library.request(url, {
      method: method ?? (sent === undefined ? 'GET' : 'POST'), headers: all, ca, cert, key, socketPath, agent,
    });
    const timer = setTimeout(() => outgoing.destroy(new Error(`no answer within ${timeout} ms from ${url}`)), timeout);
    let answered = false;
    outgoing.once('response', (response) => {
      answered = true;
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.once('error', (error) => finish(reject, error));
      response.once('end', () => {
        const whole = answer(response, Buffer.concat(chunks));
        try {
          verify(url, outgoing.method, whole);
        } catch (error) {
          finish(reject, error);
          return;
        }
        finish(resolve, whole);
      });
    });
    // A server may answer and close before it has read a large body: the answer counts, not the broken pipe.
    outgoing.on('error', (error) => (answered ? undefined : finish(reject, error)));
    outgoing.end(sent);

    function finish(settle, value) {
      clearTimeout(timer);
      settle(value);
    }
  });
}

export const get = (url, options) => request(url, { ...options, method: 'GET' });
export const post = (url, options) => request(url, { ...options, method: 'POST' });

function hasHeader(headers, name) {
  return Object.keys(headers).some((key) => key.toLowerCase() === name);
}

function answer(response, body) {
  const text = body.toString('utf8');
  let json;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status: response.statusCode, headers: response.headers, body, text, json };
}

/** A server on a loopback port: {url, port, close()}. handler(request, response, body): body is read as a Buffer. */
export function serve(port, handler, { tls, host = '127.0.0.1' } = {}) {
  const listener = (request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('error', () => {});
    request.on('end', async () => {
      try {
        await handler(request, response, Buffer.concat(chunks));
      } catch (error) {
        console.error(error);
        response.destroy();
      }
    });
  };
  const server = tls ? https.createServer(tls, listener) : http.createServer(listener);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve({
      server,
      port,
      url: `${tls ? 'https' : 'http'}://${host}:${port}`,
      close: () => new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
    }));
  });
}
