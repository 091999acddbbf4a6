// A malicious OpenID provider: each case is an issuer of its own below one server, with its documents and its id_tokens made
// by the test's script. It signs whatever it is told to, by Node's own crypto.
import { constants, createHmac, createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { cleanup } from './cleanup.mjs';
import { serve } from './http.mjs';
import { findPort } from './ports.mjs';

export const CLIENT = 'client-1';

/** Starts it; `provider.issue(name, script)` adds an issuer. */
export async function startForgingProvider(t) {
  const provider = new ForgingProvider();
  const server = await serve(await findPort(), (request, response, body) => provider.handle(request, response, body));
  provider.url = server.url;
  cleanup(t, () => server.close());
  return provider;
}

class ForgingProvider {
  issuers = new Map();
  keys = {
    rsa: key('rsa', { modulusLength: 2048 }), stranger: key('rsa', { modulusLength: 2048 }), weak: key('rsa', { modulusLength: 1024 }),
    ec: key('ec', { namedCurve: 'P-256' }), ed: key('ed25519'),
  };

  /**
   * script: discovery(document), jwks(keys) -> JWKs, token({claims, issuer}) -> id_token, answer(body) -> the token answer; each
   * may be left out. Returns the issuer: {url, nonce, exchanges}.
   */
  issue(name, script = {}) {
    const issuer = { url: `${this.url}/${name}`, script, nonce: undefined, exchanges: 0 };
    this.issuers.set(name, issuer);
    return issuer;
  }

  handle(request, response, body) {
    const [, name, ...rest] = new URL(request.url, this.url).pathname.split('/');
    const issuer = this.issuers.get(name);
    const answer = issuer && this.answer(issuer, rest.join('/'), new URLSearchParams(body.toString()));
    response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' });
    response.end(typeof answer === 'string' ? answer : JSON.stringify(answer ?? {}));
  }

  answer(issuer, path, form) {
    const { script, url } = issuer;
    if (path === '.well-known/openid-configuration') {
      const document = {
        issuer: url, authorization_endpoint: `${url}/authorize`, token_endpoint: `${url}/token`, jwks_uri: `${url}/jwks`,
        code_challenge_methods_supported: ['S256'], response_types_supported: ['code'],
      };
      return script.discovery?.(document) ?? document;
    }
    if (path === 'jwks') {
      const jwks = script.jwks?.(this) ?? [this.jwk('rsa'), this.jwk('ec'), this.jwk('ed')];
      return typeof jwks === 'string' ? jwks : { keys: jwks };
    }
    if (path === 'token') {
      issuer.exchanges += 1;
      const claims = this.claims(issuer);
      const body = { access_token: `at-${issuer.exchanges}`, token_type: 'Bearer', expires_in: 3600, refresh_token: 'rt' };
      const id_token = script.token ? script.token({ claims, issuer, form, provider: this }) : this.sign(claims);
      return script.answer?.({ ...body, id_token }, form) ?? { ...body, id_token };
    }
    return undefined;
  }

  /** What an honest provider would say. */
  claims(issuer) {
    const now = Math.floor(Date.now() / 1000);
    return { iss: issuer.url, sub: 'alice', aud: CLIENT, exp: now + 300, iat: now, nonce: issuer.nonce };
  }

  jwk(name, more = {}) {
    return { ...this.keys[name].publicKey.export({ format: 'jwk' }), kid: name, ...more };
  }

  /** A compact JWS: claims (object, or the text itself) under a header, by the named key. */
  sign(claims, { alg = 'RS256', key: name = defaultKeys[alg.slice(0, 2)] ?? 'rsa', header = {}, headerText } = {}) {
    const input = this.input(claims, { alg, kid: name, header, headerText });
    return `${input}.${this.signature(alg, name, input).toString('base64url')}`;
  }

  input(claims, { alg, kid, header = {}, headerText }) {
    const head = headerText ?? JSON.stringify({ alg, kid, typ: 'JWT', ...header });
    const payload = typeof claims === 'string' ? claims : JSON.stringify(claims);
    return `${base64url(head)}.${base64url(payload)}`;
  }

  signature(alg, name, input) {
    if (alg === 'EdDSA') {
      return sign(null, Buffer.from(input), this.keys[name].privateKey);
    }
    const padding = alg.startsWith('PS') ? constants.RSA_PKCS1_PSS_PADDING : undefined;
    return sign(`sha${alg.slice(2)}`, Buffer.from(input), {
      key: this.keys[name].privateKey, dsaEncoding: 'ieee-p1363', ...(padding ? { padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST } : {}),
    });
  }

  hmac(secret, input) {
    return createHmac('sha256', secret).update(input).digest('base64url');
  }
}

const defaultKeys = { RS: 'rsa', PS: 'rsa', ES: 'ec', Ed: 'ed' };
const base64url = (text) => Buffer.from(text).toString('base64url');

function key(type, options = {}) {
  const pair = generateKeyPairSync(type, options);
  return { publicKey: pair.publicKey, privateKey: createPrivateKey(pair.privateKey.export({ type: 'pkcs8', format: 'pem' })) };
}
