// The provider of idp.mjs in the configurations that newer specifications ask for: pushed requests, DPoP with the
// server's nonce, client certificates, device codes, the FAPI 2.0 profile. Each gives the members that our profile needs.
import { X509Certificate, generateKeyPairSync, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import https from 'node:https';
import { makeCa } from './certificates.mjs';
import { cleanup } from './cleanup.mjs';
import { startIdp } from './idp.mjs';
import { findPort } from './ports.mjs';

export const resource = 'https://api.example/v1';

/** options of startIdp for the resource above: tokens for it hold api:read. */
const resourceIndicators = {
  enabled: true,
  defaultResource: () => [],
  getResourceServerInfo: () => ({ scope: 'api:read', accessTokenFormat: 'opaque' }),
};

const dPoP = { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true };

/** Codes, tokens and sessions outlive the provider object, as they do a rotation of keys (idp.rotateKeys). */
function keptStorage() {
  const kept = new Map();
  const uids = new Map();
  return class {
    constructor(name) {
      this.name = name;
    }

    key(id) {
      return `${this.name}:${id}`;
    }

    async upsert(id, payload) {
      kept.set(this.key(id), payload);
      if (payload.uid) {
        uids.set(payload.uid, id);
      }
    }

    async find(id) {
      return kept.get(this.key(id));
    }

    async findByUid(uid) {
      return this.find(uids.get(uid));
    }

    async consume(id) {
      kept.get(this.key(id)).consumed = Math.floor(Date.now() / 1000);
    }

    async destroy(id) {
      kept.delete(this.key(id));
    }

    async revokeByGrantId(grantId) {
      for (const [key, { grantId: its }] of kept) {
        if (its === grantId) {
          kept.delete(key);
        }
      }
    }
  };
}

/** A key for private_key_jwt: {pem, jwks} of an EC key; the provider gets the public half. */
function assertionKey() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    pem: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    jwks: { keys: [{ ...publicKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig', kid: 'client-1' }] },
  };
}

/** What one configuration is: options of startIdp, and what our profile says. ca: makeCa, for those with certificates. */
const configurations = {
  'code with PKCE and resource indicators': () => ({
    options: { features: { resourceIndicators }, settings: { adapter: keptStorage() } },
    profile: { oauth: { resource: [resource] } },
  }),
  'pushed requests that the provider requires': () => ({
    options: { features: { pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: true } } },
    profile: {},
  }),
  'pushed requests that the profile wants, and a public client': () => ({
    options: { clientAuth: 'none', features: { pushedAuthorizationRequests: { enabled: true } } },
    profile: { auth_header: 'none', client_secret: undefined, oauth: { par: 'on' } },
  }),
  'private_key_jwt': () => {
    const { pem, jwks } = assertionKey();
    return {
      options: { clientAuth: 'private_key_jwt', jwks, client: { token_endpoint_auth_signing_alg: 'ES256' } },
      profile: { auth_header: 'private_key_jwt', client_secret: pem, oauth: { client_assertion: { alg: 'ES256', kid: 'client-1' } } },
    };
  },
  'DPoP with the server\'s nonce': () => ({
    options: { client: { dpop_bound_access_tokens: true }, features: { dPoP } },
    profile: { oauth: { dpop: true } }, tokenType: 'DPoP',
  }),
  'DPoP of a public client, whose refresh tokens are bound as well': () => ({
    options: { clientAuth: 'none', client: { dpop_bound_access_tokens: true }, features: { dPoP } },
    profile: { auth_header: 'none', client_secret: undefined, oauth: { dpop: true } }, tokenType: 'DPoP',
  }),
  'tls_client_auth': async (ca) => {
    const { cert, key } = await ca.issue('DNS:client.example');
    return {
      options: { clientAuth: 'tls_client_auth', client: { tls_client_auth_san_dns: 'client.example' } },
      profile: { auth_header: 'tls_client_auth', client_secret: pemOf(cert, key) },
    };
  },
  'self_signed_tls_client_auth': async (ca) => {
    const { cert, key } = await ca.issue('DNS:client.example');   // by whom it is issued does not matter here
    const certificate = new X509Certificate(fs.readFileSync(cert));
    return {
      options: {
        clientAuth: 'self_signed_tls_client_auth',
        jwks: { keys: [{ ...certificate.publicKey.export({ format: 'jwk' }), x5c: [certificate.raw.toString('base64')], kid: 'certificate-1' }] },
      },
      profile: { auth_header: 'self_signed_tls_client_auth', client_secret: pemOf(cert, key) },
    };
  },
  'the FAPI 2.0 profile: private_key_jwt, PAR, DPoP': () => {
    const { pem, jwks } = assertionKey();
    return {
      options: {
        clientAuth: 'private_key_jwt', jwks,
        client: { token_endpoint_auth_signing_alg: 'ES256', id_token_signed_response_alg: 'ES256', dpop_bound_access_tokens: true },
        rotate: false,
        features: {
          dPoP, fapi: { enabled: true, profile: '2.0' },
          pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: true },
        },
      },
      profile: {
        auth_header: 'private_key_jwt', client_secret: pem,
        oauth: { par: 'on', dpop: true, client_assertion: { alg: 'ES256', kid: 'client-1', audience: 'issuer' } },
      },
      tokenType: 'DPoP',
    };
  },
  'token exchange': () => ({
    options: {
      features: { resourceIndicators },
      client: { grant_types: [tokenExchange, 'refresh_token'], redirect_uris: [], response_types: [] },
      prepare: registerTokenExchange,
    },
    profile: { scopes: ['api:read'], oauth: { grant: 'token_exchange', resource: [resource] } },
  }),
  'device codes': () => ({
    options: {
      features: { deviceFlow: { enabled: true } },
      client: { grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'], redirect_uris: [], response_types: [] },
    },
    profile: { oauth: { grant: 'device_code' } },
  }),
};

const tokenExchange = 'urn:ietf:params:oauth:grant-type:token-exchange';

// oidc-provider leaves this grant to its users: RFC 8693 for the subjects that begin with "subject-".
function registerTokenExchange(provider) {
  provider.registerGrantType(tokenExchange, async (context) => {
    const { subject_token: subject, subject_token_type: type, scope, resource: wanted } = context.oidc.params;
    if (!subject?.startsWith('subject-') || !type?.startsWith('urn:')) {
      context.status = 400;
      context.body = { error: 'invalid_grant', error_description: `SECRET ${subject}` };
    } else {
      context.body = {
        access_token: `exchanged-for-${subject}-at-${wanted}`, issued_token_type: 'urn:ietf:params:oauth:token-type:access_token', token_type: 'Bearer',
        expires_in: 60, scope,
      };
    }
  }, ['subject_token', 'subject_token_type', 'scope', 'resource']);
}

export const names = Object.keys(configurations);

const pemOf = (...files) => files.map((file) => fs.readFileSync(file, 'utf8')).join('');

/**
 * Starts the provider in the configuration of that name.
 *
 * returns {idp, profile (laid over the usual one), tokenType, caFile (for EGRESS_CA_FILE, where there is one)}
 */
export async function startModernIdp(t, name, { redirectUris, ...more }) {
  const ca = /tls_client_auth/.test(name) ? await makeCa(t) : undefined;
  const { options, profile, tokenType = 'Bearer' } = await configurations[name](ca);
  const all = { redirectUris, ...options, ...more, ...(more.client ? { client: { ...options.client, ...more.client } } : {}) };
  if (!ca) {
    return { idp: await startIdp(t, all), profile, tokenType };
  }
  // Clients with a certificate are sent to another port (RFC 8705 section 5), so that browsers are asked for none.
  const port = await findPort();
  const url = `https://127.0.0.1:${port}`;
  const idp = await startIdp(t, {
    ...all,
    features: { ...options.features, mTLS: mutualTls },
    settings: {
      clientAuthMethods: ['client_secret_basic', 'tls_client_auth', 'self_signed_tls_client_auth'],
      discovery: { mtls_endpoint_aliases: { token_endpoint: `${url}/token`, revocation_endpoint: `${url}/token/revocation` } },
    },
  });
  const leaf = await ca.issue('IP:127.0.0.1');
  const server = https.createServer({
    cert: fs.readFileSync(leaf.cert), key: fs.readFileSync(leaf.key), ca: fs.readFileSync(ca.file), requestCert: true, rejectUnauthorized: false,
  }, idp.handler);
  await new Promise((resolve) => { server.listen(port, '127.0.0.1', resolve); });
  cleanup(t, () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); }));
  return { idp, profile, tokenType, caFile: ca.file };
}

const mutualTls = {
  enabled: true,
  tlsClientAuth: true,
  selfSignedTlsClientAuth: true,
  certificateBoundAccessTokens: true,
  getCertificate: ({ socket }) => socket.getPeerX509Certificate?.(),
  certificateAuthorized: ({ socket }) => socket.authorized,
  certificateSubjectMatches: ({ socket }, property, expected) =>
    property === 'tls_client_auth_san_dns' && socket.getPeerX509Certificate().subjectAltName === `DNS:${expected}`,
};
