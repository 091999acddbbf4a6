// A server's side of AWS Signature Version 4: @filen/aws4-express, which looks at the signature, and what it leaves out:
// the hash of the body that came, and the clock.
import { createHash } from 'node:crypto';
import aws4 from '@filen/aws4-express';

const CLOCK_SKEW_MS = 15 * 60 * 1000;   // as AWS has it

/**
 * Why a request is refused, '' if it is good. `incoming`: {method, url, headers, body: Buffer} as they came over the wire;
 * `secrets`: {accessKey: secretKey}.
 */
export async function refusalOf(incoming, secrets) {
  const { headers, body } = incoming;
  const hash = headers['x-amz-content-sha256'];
  if (hash !== 'UNSIGNED-PAYLOAD' && hash !== createHash('sha256').update(body).digest('hex')) {
    return `the body is not the one that was signed (${hash})`;
  }
  const date = headers['x-amz-date']?.replace(/^(.{4})(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z');
  if (!(Math.abs(Date.parse(date) - Date.now()) < CLOCK_SKEW_MS)) {
    return `the date is not now (${headers['x-amz-date']})`;
  }
  return new Promise((resolve, reject) => {
    const request = { method: incoming.method, url: incoming.url, headers, rawBody: body, header: (name) => headers[name.toLowerCase()] };
    const response = { status: (status) => ({ send: (text) => resolve(`${status} ${text}`) }) };
    const verify = new aws4.AwsSignature().verify({ secretKey: ({ accessKey }) => secrets[accessKey], onSuccess: () => resolve('') });
    verify(request, response, (error) => (error ? reject(error) : resolve(''))).catch(reject);
  });
}
