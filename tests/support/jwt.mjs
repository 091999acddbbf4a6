// Issuers of JWTs for tests: keys of each algorithm, and tokens good or bad in one way. Signed by Node's own crypto.
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';

const encode = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

const makers = {
  RS256: { pair: ['rsa', { modulusLength: 2048 }], sign: (text, key) => sign('sha256', text, key) },
  PS256: { pair: ['rsa', { modulusLength: 2048 }], sign: (text, key) => sign('sha256', text, { key, padding: 6, saltLength: 32 }) },
  ES256: { pair: ['ec', { namedCurve: 'P-256' }], sign: (text, key) => sign('sha256', text, { key, dsaEncoding: 'ieee-p1363' }) },
  EdDSA: { pair: ['ed25519', {}], sign: (text, key) => sign(null, text, key) },
};

/** A signing key: {kid, alg, jwk (public), publicKey, sign(text)}. */
export function newSigningKey(alg, kid) {
  const { privateKey, publicKey } = generateKeyPairSync(...makers[alg].pair);
  return { kid, alg, publicKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid }, sign: (text) => makers[alg].sign(Buffer.from(text), privateKey) };
}

/** A JWT of `key`, an hour long for `subject` unless claims or header say otherwise; undefined takes one away. */
export function makeJwt(key, issuer, subject, claims = {}, header = {}) {
  const now = Math.floor(Date.now() / 1000);
  const text = [
    { alg: key.alg, kid: key.kid, typ: 'at+jwt', ...header },
    { iss: issuer, sub: subject, aud: 'api://edge', iat: now - 1, exp: now + 3600, ...claims },
  ].map((part) => encode(part)).join('.');
  return `${text}.${key.sign(text).toString('base64url')}`;
}

/** "Signed" with a public key's text, as a verifier would take it that lets the token choose the algorithm. */
export function makeHmacJwt(key, issuer, subject) {
  const now = Math.floor(Date.now() / 1000);
  const text = [{ alg: 'HS256', kid: key.kid }, { iss: issuer, sub: subject, aud: 'api://edge', exp: now + 3600 }].map((part) => encode(part)).join('.');
  const secret = key.publicKey.export({ format: 'pem', type: 'spki' });
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

export const jwks = (...keys) => ({ keys: keys.map(({ jwk }) => jwk) });
