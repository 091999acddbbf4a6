// A provider that does what a test's script says, and keeps what it was asked: for everything that a well-behaved one
// (idp.mjs) cannot be made to do. It judges nothing.
import { cleanup } from './cleanup.mjs';
import { serve } from './http.mjs';
import { findPort } from './ports.mjs';

/** Starts it. `provider.answer = (asked) => body | {status, body, headers}` decides what every request but the person's gets. */
export async function startOddProvider(t) {
  const provider = new OddProvider();
  provider.server = await serve(await findPort(), (request, response, body) => provider.handle(request, response, body));
  provider.port = provider.server.port;
  provider.url = provider.server.url;
  cleanup(t, () => provider.server.close());
  return provider;
}

class OddProvider {
  asked = [];
  answer = () => ({ access_token: 'at', refresh_token: 'rt' });

  /** What the last request to `path` was: {method, path, query, headers, form, json, basic}. */
  last(path) {
    return this.asked.findLast((one) => one.path === path);
  }

  count(path) {
    return this.asked.filter((one) => one.path === path).length;
  }

  handle(request, response, body) {
    const url = new URL(request.url, this.url);
    const text = body.toString('utf8');
    const basic = /^Basic (.*)$/.exec(request.headers.authorization ?? '')?.[1];
    const asked = {
      method: request.method,
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers: request.headers,
      form: Object.fromEntries(new URLSearchParams(/urlencoded/.test(request.headers['content-type']) ? text : '')),
      json: /json/.test(request.headers['content-type']) ? JSON.parse(text) : undefined,
      basic: basic && Buffer.from(basic, 'base64').toString('utf8'),
    };
    this.asked.push(asked);
    const answer = this.answer(asked);
    const { status = 200, headers = {}, body: sent } = 'body' in answer ? answer : { body: answer };
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(sent));
  }
}
