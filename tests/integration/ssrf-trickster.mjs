// An OAuth provider that answers as it is told, tenant by tenant: for a test of what nexusd makes of its answers.
import { cleanup } from '../support/cleanup.mjs';
import { serve } from '../support/http.mjs';

const encode = (object) => Buffer.from(JSON.stringify(object)).toString('base64url');
const idToken = `${encode({ alg: 'RS256', kid: 'k' })}.${encode({ sub: 'x' })}.${encode('signature')}`;

/** Serves on host and port; the tenant `plain` answers well, without discovery. */
export async function startTrickster(t, host, port) {
  const tenants = new Map([['plain', {}]]);
  const server = await serve(port, (incoming, response) => {
    const url = new URL(incoming.url, server.url);
    const [, name, ...rest] = url.pathname.split('/');
    const tenant = tenants.get(name);
    const place = { '.well-known/openid-configuration': 'discovery' }[rest.join('/')] ?? rest.join('/');
    if (place === 'authorize') {
      const back = new URL(url.searchParams.get('redirect_uri'));
      back.searchParams.set('code', 'code');
      back.searchParams.set('state', url.searchParams.get('state'));
      response.writeHead(302, { location: back.href }).end();
      return;
    }
    const { status = 200, headers = {}, body } = tenant?.[place] ?? {};
    response.writeHead(status, { 'content-type': 'application/json', ...tenant?.headers, ...headers });
    response.end(body ?? JSON.stringify(good(place, `${server.url}/${name}`, tenant ?? {})));
  }, { host });
  cleanup(t, () => server.close());
  return {
    url: server.url,
    port,
    /**
     * A tenant of its own; returns its issuer.
     *
     * document  members laid over the discovery document
     * discovery, token, jwks  {status, headers, body} instead of the good answer; headers: on every answer
     */
    tenant(answers = {}) {
      const name = `t${tenants.size}`;
      tenants.set(name, answers);
      return `${server.url}/${name}`;
    },
  };
}

function good(place, issuer, { document, jwks }) {
  switch (place) {
    case 'discovery':
      return {
        issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token`, jwks_uri: `${issuer}/jwks`,
        ...document,
      };
    case 'token':
      return {
        access_token: 'access', refresh_token: 'refresh', token_type: 'Bearer', expires_in: 3600,
        ...(jwks || document?.jwks_uri ? { id_token: idToken } : {}),
      };
    case 'jwks':
      return { keys: [] };
    default:
      return {};
  }
}
