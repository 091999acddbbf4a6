// A real OpenID provider (npm oidc-provider) with one client: authorization code with PKCE, refresh tokens that rotate
// and whose reuse revokes the family, short-lived access tokens. Counts what it is asked and can be told to fail. What
// a consenting person does is browser.mjs' business.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import http from 'node:http';
import Provider from 'oidc-provider';
import { cleanup } from './cleanup.mjs';
import { findPort } from './ports.mjs';

/**
 * Starts the provider.
 *
 * accessTtl    lifetime of access tokens in seconds; may be changed later (idp.accessTtl = 3)
 * redirectUris of the client; port: a free one where not given
 * clientAuth   client_secret_basic, client_secret_post, private_key_jwt (with jwks, its public keys) or none
 * claims       what UserInfo says beside sub and name; userinfoAlg: it is signed so (RS256, ...)
 * rotate       whether refresh tokens rotate; issueRefresh: whether there are any
 * client, features, settings   put over the client's metadata, the provider's features, its configuration (idp-modern.mjs); prepare(provider): more of it
 */
export async function startIdp(t, options) {
  const idp = new Idp({ port: options.port ?? await findPort(), ...options });
  cleanup(t, () => idp.close());
  await idp.listen();
  return idp;
}

class Idp {
  constructor({ port, redirectUris, accessTtl = 60, clientAuth = 'client_secret_basic', jwks, rotate = true, issueRefresh = true,
    scopes = ['openid', 'profile', 'email', 'offline_access', 'api:read'], claims = {}, userinfoAlg, client = {}, features = {},
    settings = {}, prepare = () => {} }) {
    this.port = port;
    this.issuer = `http://127.0.0.1:${port}`;
    this.accessTtl = accessTtl;
    this.clientId = 'nexus-edge';
    this.clientSecret = randomBytes(24).toString('base64url');
    this.scopes = scopes;
    this.claims = claims;
    this.counts = { token: 0, refresh: 0, code: 0, machine: 0, revocation: 0, introspection: 0, discovery: 0, jwks: 0, authorization: 0, par: 0, device: 0 };
    this.tokens = { access: new Set(), refresh: new Set(), id: new Set() };   // what was given out, for canary searches
    this.faults = new Map();
    this.cookieKey = randomBytes(16).toString('hex');
    this.make = () => this.#makeProvider({ redirectUris, clientAuth, jwks, rotate, issueRefresh, userinfoAlg, client, features, settings, prepare });
    this.provider = this.make();
  }

  /** New signing keys; codes, tokens and sessions stay good. */
  rotateKeys() {
    this.provider = this.make();
  }

  #makeProvider({ redirectUris, clientAuth, jwks, rotate, issueRefresh, userinfoAlg, client, features, settings, prepare }) {
    const idp = this;
    const clients = [{
      client_id: this.clientId,
      ...(/^(none|private_key_jwt|.*tls_client_auth)$/.test(clientAuth) ? {} : { client_secret: this.clientSecret }),
      ...(jwks ? { jwks } : {}),
      redirect_uris: redirectUris,
      grant_types: ['authorization_code', 'refresh_token', ...(clientAuth === 'none' ? [] : ['client_credentials'])],
      response_types: ['code'],
      token_endpoint_auth_method: clientAuth,
      ...(userinfoAlg ? { userinfo_signed_response_alg: userinfoAlg } : {}),
      ...client,
    }, {
      client_id: 'protected-api',
      client_secret: this.clientSecret,
      redirect_uris: [],
      grant_types: [],
      response_types: [],
      token_endpoint_auth_method: 'client_secret_basic',
      introspection_endpoint_auth_method: 'client_secret_basic',
    }];
    const provider = quietly(() => new Provider(this.issuer, {
      clients,
      jwks: { keys: [signingKey('rsa', { modulusLength: 2048 }, 'RS256'), signingKey('ec', { namedCurve: 'P-256' }, 'ES256')] },
      scopes: this.scopes,
      cookies: { keys: [this.cookieKey] },
      ttl: {
        AccessToken: () => idp.accessTtl,
        ClientCredentials: () => idp.accessTtl,
        AuthorizationCode: 60,
        IdToken: 3600,
        RefreshToken: 86400,
        Session: 3600,
        Interaction: 600,
        Grant: 86400,
      },
      features: {
        devInteractions: { enabled: true },
        introspection: { enabled: true, allowedPolicy: () => true },
        revocation: { enabled: true, allowedPolicy: () => true },
        clientCredentials: { enabled: true },
        jwtUserinfo: { enabled: true },
        ...features,
      },
      pkce: { required: () => true },
      rotateRefreshToken: rotate,
      issueRefreshToken: async (context, client) => issueRefresh && client.grantTypeAllowed('refresh_token'),
      claims: {
        openid: ['sub', 'hd', 'tid'],
        profile: ['name', 'given_name', 'family_name', 'picture', 'locale'],
        email: ['email', 'email_verified'],
      },
      findAccount: (context, sub) => ({ accountId: sub, claims: () => ({ sub, name: sub, ...idp.claims }) }),
      renderError: (context, out) => { context.body = out; },
      ...settings,
    }));
    prepare(provider);
    provider.on('grant.success', (context) => {
      idp.counts[{ refresh_token: 'refresh', client_credentials: 'machine' }[context.oidc.params.grant_type] ?? 'code'] += 1;
      for (const [kind, name] of [['access', 'access_token'], ['refresh', 'refresh_token'], ['id', 'id_token']]) {
        if (context.body[name]) {
          idp.tokens[kind].add(context.body[name]);
        }
      }
    });
    return provider;
  }

  async listen() {
    const counted = new Map([
      ['/token', 'token'], ['/token/introspection', 'introspection'], ['/token/revocation', 'revocation'], ['/jwks', 'jwks'], ['/auth', 'authorization'],
      ['/.well-known/openid-configuration', 'discovery'], ['/request', 'par'], ['/device/auth', 'device'],
    ]);
    this.handler = async (request, response) => {
      const path = new URL(request.url, this.issuer).pathname;
      if (counted.has(path)) {
        this.counts[counted.get(path)] += 1;
      }
      if (path.startsWith('/__ctl/')) {
        this.#control(request, response);
      } else if (!await this.#fail(path, response)) {
        this.provider.callback()(request, response);
      }
    };
    this.server = http.createServer(this.handler);
    await new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(this.port, '127.0.0.1', resolve);
    });
  }

  /**
   * The next `times` requests to `path` fail: reset (TCP), html, 503 (with Retry-After: 7), trunc (half a body), hang
   * (no answer), slow (real answer after `delay` ms), or {status, body, headers} as JSON.
   */
  fail(path, kind, { times = 1, delay = 500 } = {}) {
    this.faults.set(path, { kind, times, delay });
  }

  /** The next request to `path` waits: {arrived, answer}, a promise of its coming and what lets it go on to its real answer. */
  hold(path) {
    const fault = { kind: 'held', times: 1 };
    const arrived = new Promise((resolve) => { fault.arrive = resolve; });
    fault.answered = new Promise((resolve) => { fault.answer = resolve; });
    this.faults.set(path, fault);
    return { arrived, answer: fault.answer };
  }

  async #fail(path, response) {
    const fault = this.faults.get(path);
    if (!fault || fault.times <= 0) {
      return false;
    }
    fault.times -= 1;
    switch (fault.kind) {
      case 'reset':
        response.socket.resetAndDestroy();
        return true;
      case 'html':
        response.writeHead(502, { 'content-type': 'text/html' }).end('<html><body>Bad Gateway</body></html>');
        return true;
      case '503':
        response.writeHead(503, { 'retry-after': '7' }).end();
        return true;
      case 'trunc':
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '200' });
        response.write('{"access_token":"');
        response.socket.end();
        return true;
      case 'hang':
        return true;
      case 'held':
        fault.arrive();
        await fault.answered;
        return false;
      case 'slow':
        await new Promise((resolve) => { setTimeout(resolve, fault.delay); });
        return false;
      default:
        response.writeHead(fault.kind.status, { 'content-type': 'application/json', ...fault.kind.headers }).end(JSON.stringify(fault.kind.body));
        return true;
    }
  }

  // The same from another process: /__ctl/fault?path=/token&kind=503&n=1, /__ctl/counts, /__ctl/ttl?seconds=3
  #control(request, response) {
    const url = new URL(request.url, this.issuer);
    const query = url.searchParams;
    if (url.pathname === '/__ctl/fault') {
      this.fail(query.get('path'), query.get('kind'), { times: Number(query.get('n') ?? 1) });
    } else if (url.pathname === '/__ctl/ttl') {
      this.accessTtl = Number(query.get('seconds'));
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(this.counts));
  }

  /** Revokes every grant, as a person does in the provider's account settings: refreshing answers invalid_grant. */
  async revokeGrants() {
    for (const token of this.tokens.refresh) {
      const found = await this.provider.RefreshToken.find(token);
      if (found) {
        const grant = await this.provider.Grant.find(found.grantId);
        await this.provider.RefreshToken.revokeByGrantId(found.grantId);
        await this.provider.AccessToken.revokeByGrantId(found.grantId);
        await grant?.destroy();
      }
    }
  }

  /** Is this access token good now? What the protected API asks (RFC 7662), without the HTTP round trip. */
  async isActive(token) {
    const found = await this.provider.AccessToken.find(token) ?? await this.provider.ClientCredentials.find(token);
    return found !== undefined && !found.isExpired;
  }

  async close() {
    await new Promise((resolve) => {
      this.server.close(resolve);
      this.server.closeAllConnections();
    });
  }
}

function signingKey(type, options, alg) {
  const { privateKey } = generateKeyPairSync(type, options);
  return { ...privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: `${alg}-${randomBytes(4).toString('hex')}` };
}

// The provider warns that its storage and its login pages are for development. They are.
function quietly(make) {
  const warn = console.warn;
  console.warn = () => {};
  try {
    return make();
  } finally {
    console.warn = warn;
  }
}
