// An HTTP API that accepts only Bearer tokens which the provider's introspection (RFC 7662) says are active, or a
// static credential where it is told one. It answers what it was sent, so that a test sees what reached it.
import { get, post, serve } from './http.mjs';
import { cleanup } from './cleanup.mjs';
import { findPort } from './ports.mjs';

/**
 * idp     the provider to ask (startIdp), or none
 * accept  function (request) -> boolean for APIs with static credentials
 */
export async function startProtectedApi(t, { idp, accept, port } = {}) {
  const api = new ProtectedApi(idp, accept);
  Object.assign(api, await serve(port ?? await findPort(), (request, response, body) => api.handle(request, response, body)));
  cleanup(t, () => api.close());
  return api;
}

class ProtectedApi {
  constructor(idp, accept) {
    this.idp = idp;
    this.accept = accept;
    this.requests = [];   // {method, url, headers, body} of everything that arrived, newest last
    this.accepted = 0;
    this.refused = 0;
  }

  get last() {
    return this.requests.at(-1);
  }

  async handle(request, response, body) {
    this.requests.push({ method: request.method, url: request.url, headers: request.headers, rawHeaders: request.rawHeaders, body });
    if (this.requests.length > 1000) {
      this.requests.shift();
    }
    if (!await this.#allows(request)) {
      this.refused += 1;
      response.writeHead(401, { 'content-type': 'application/json', 'www-authenticate': 'Bearer error="invalid_token"' });
      response.end('{"error":"invalid_token"}');
      return;
    }
    this.accepted += 1;
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({
      ok: true, method: request.method, url: request.url, bytes: body.length,
      headers: Object.keys(request.headers),   // names only: the caller must not learn the credential from us
    }));
  }

  async #allows(request) {
    if (this.accept) {
      return this.accept(request);
    }
    const [, token] = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '') ?? [];
    return token !== undefined && await this.#introspect(token);
  }

  async #introspect(token) {
    this.metadata ??= (await get(`${this.idp.issuer}/.well-known/openid-configuration`)).json;
    const credentials = Buffer.from(`protected-api:${this.idp.clientSecret}`).toString('base64');
    const answer = await post(this.metadata.introspection_endpoint, {
      headers: { authorization: `Basic ${credentials}`, 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ token }).toString(),
    });
    return answer.json?.active === true;
  }
}
