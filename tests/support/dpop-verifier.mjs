// A resource server's view of DPoP, by code that is not ours: oauth4webapi checks the access token (RFC 9068), its binding,
// and the proof's type, key, signature, method, URI, time and hash of the token. What it leaves to the server, nonces and
// proofs that come twice, is checked here.
import { randomBytes } from 'node:crypto';
import { allowInsecureRequests, customFetch, validateJwtAccessToken } from 'oauth4webapi';
import { SignJWT, calculateJwkThumbprint, decodeJwt, exportJWK, generateKeyPair } from 'jose';

const issuer = 'https://as.example';
const audience = 'https://api.example';

/** A private JWK as nexusd keeps one: EC P-256, or OKP Ed25519. */
export async function newDpopKey(curve = 'P-256') {
  const { privateKey } = await generateKeyPair(curve === 'P-256' ? 'ES256' : 'EdDSA', { crv: curve, extractable: true });
  return JSON.stringify(await exportJWK(privateKey));
}

/** An authorization server's tokens, and the server that takes them. */
export async function makeDpopVerifier() {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const jwks = { keys: [{ ...await exportJWK(publicKey), kid: 'as-1', alg: 'ES256', use: 'sig' }] };
  const seen = new Set();
  return {
    /** An access token that is bound to the key. */
    async token(privateJwk) {
      const { d, ...publicJwk } = JSON.parse(privateJwk);
      return new SignJWT({ client_id: 'nexus', cnf: { jkt: await calculateJwkThumbprint(publicJwk) } })
        .setProtectedHeader({ alg: 'ES256', kid: 'as-1', typ: 'at+jwt' })
        .setIssuer(issuer).setAudience(audience).setSubject('someone').setIssuedAt().setExpirationTime('1h')
        .setJti(randomBytes(8).toString('hex')).sign(privateKey);
    },

    /** Why the request is refused; '' if it is not. request: {method, url, headers} of node; nonce: the one that must be in the proof */
    async refusalOf({ method, url, headers }, { nonce } = {}) {
      const request = new Request(`http://${headers.host}${url}`, { method, headers: { authorization: headers.authorization, dpop: headers.dpop } });
      try {
        await validateJwtAccessToken({ issuer, jwks_uri: `${issuer}/jwks` }, request, audience, {
          requireDPoP: true, [allowInsecureRequests]: true, [customFetch]: async () => Response.json(jwks),
        });
      } catch (error) {
        return `${error.message} ${error.cause === undefined ? '' : JSON.stringify(error.cause)}`;
      }
      const { jti, nonce: said } = decodeJwt(headers.dpop);
      if (seen.has(jti)) {
        return 'the proof came twice';
      }
      seen.add(jti);
      return said === nonce ? '' : `nonce ${said} instead of ${nonce}`;
    },
  };
}
