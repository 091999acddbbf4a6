// A server's side of a request to S3 that is signed chunk by chunk, from AWS's documents alone (Amazon S3 API reference,
// "Signature calculations for the Authorization header: transferring payload in multiple chunks", and "... including
// trailing headers"): the head's signature, the chain of the chunks' signatures, the trailer's. The body may come in pieces
// and is not kept.
import { createHash, createHmac } from 'node:crypto';

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const hmac = (key, text) => createHmac('sha256', key).update(text).digest();
const NOTHING = sha256('');
const MIN_CHUNK = 8 * 1024;   // but for the last one
const CLOCK_SKEW_MS = 15 * 60 * 1000;

class Refused extends Error {}
function must(condition, why) {
  if (!condition) {
    throw new Refused(why);
  }
}

/** Paths and queries that have nothing to normalise; S3 takes paths as they are. */
function canonicalRequest({ method, url, headers }, names, hash) {
  const [path, query = ''] = url.split('?');
  const sorted = query.split('&').filter(Boolean).map((part) => (part.includes('=') ? part : `${part}=`)).sort().join('&');
  return [method, path, sorted, ...names.map((name) => `${name}:${headers[name]?.trim().replace(/ +/g, ' ')}`), '', names.join(';'), hash].join('\n');
}

export class ChunkVerifier {
  #bytes = Buffer.alloc(0);   // of a line that is not whole
  #state = 'size';
  #left = 0;
  #chunkHash;
  #object = createHash('sha256');

  /** request: {method, url, headers (lower case)}; secrets: {accessKey: secretKey}. Throws where the head is refused. */
  constructor(request, secrets) {
    const { headers } = request;
    const [, accessKey, scope, signed, signature] = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\S+), SignedHeaders=(\S+), Signature=([0-9a-f]{64})$/.exec(headers.authorization) ?? [];
    must(secrets[accessKey], `authorization: ${headers.authorization}`);
    const names = signed.split(';');
    const unsigned = Object.keys(headers).filter((name) => (name === 'host' || name === 'content-type' || name.startsWith('x-amz-')) && !names.includes(name));
    must(unsigned.length === 0, `not signed: ${unsigned}`);
    const hash = headers['x-amz-content-sha256'];
    must(['STREAMING-AWS4-HMAC-SHA256-PAYLOAD', 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER'].includes(hash), `x-amz-content-sha256: ${hash}`);
    must(headers['content-encoding']?.split(/, */).includes('aws-chunked'), `content-encoding: ${headers['content-encoding']}`);
    must(/^\d+$/.test(headers['content-length']) && headers['transfer-encoding'] === undefined, 'no content-length');

    const [day, region, service] = scope.split('/');
    const date = headers['x-amz-date'];
    const time = Date.parse(date.replace(/^(.{4})(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'));
    must(Math.abs(time - Date.now()) < CLOCK_SKEW_MS && date.startsWith(day), `the date is not now (${date})`);
    this.key = ['aws4_request', service, region, day].reduceRight((secret, part) => hmac(secret, part), `AWS4${secrets[accessKey]}`);
    this.lines = `${date}\n${scope}`;
    this.last = signature;
    this.trailerName = hash.endsWith('-TRAILER') ? headers['x-amz-trailer'] : undefined;
    must(hash.endsWith('-TRAILER') === (headers['x-amz-trailer'] !== undefined), 'x-amz-trailer');
    this.expected = Number(headers['content-length']);
    this.decoded = Number(headers['x-amz-decoded-content-length']);
    Object.assign(this, { chunks: 0, size: 0, received: 0, isShort: false });
    const canonical = canonicalRequest(request, names, hash);
    must(hmac(this.key, `AWS4-HMAC-SHA256\n${this.lines}\n${sha256(canonical)}`).toString('hex') === signature, `the head's signature\n${canonical}`);
  }

  feed(bytes) {
    this.received += bytes.length;
    let rest = this.#bytes.length > 0 ? Buffer.concat([this.#bytes, bytes]) : bytes;
    while (rest.length > 0) {
      if (this.#state === 'data') {
        const piece = rest.subarray(0, this.#left);
        this.#chunkHash.update(piece);
        this.#object.update(piece);
        this.size += piece.length;
        this.#left -= piece.length;
        rest = rest.subarray(piece.length);
        if (this.#left === 0) {
          this.#endChunk();
          this.#state = 'crlf';
        }
        continue;
      }
      const end = rest.indexOf('\r\n');
      if (end < 0) {
        must(rest.length < 1000, 'an endless line');
        break;
      }
      this.#line(rest.subarray(0, end).toString('latin1'));
      rest = rest.subarray(end + 2);
    }
    this.#bytes = rest;
  }

  /** At the body's end: {sha256 of the object, size, chunks, trailer}. */
  end() {
    must(this.#state === 'over', `the body ends in the middle (${this.#state})`);
    must(this.received === this.expected, `content-length ${this.expected}, ${this.received} bytes`);
    must(this.size === this.decoded, `x-amz-decoded-content-length ${this.decoded}, ${this.size} bytes`);
    return { sha256: this.#object.digest('hex'), size: this.size, chunks: this.chunks, trailer: this.trailer };
  }

  #line(line) {
    switch (this.#state) {
      case 'size': {
        const [, size, signature] = /^([0-9a-f]+);chunk-signature=([0-9a-f]{64})$/.exec(line) ?? [];
        must(size, `a chunk begins with ${line}`);
        this.#left = parseInt(size, 16);
        must(!this.isShort || this.#left === 0, 'a short chunk that is not the last one');
        this.isShort = this.#left < MIN_CHUNK;
        this.signature = signature;
        this.#chunkHash = createHash('sha256');
        this.#state = 'data';
        if (this.#left === 0) {
          this.#endChunk();
          this.#state = this.trailerName === undefined ? 'end' : 'trailer';
        }
        break;
      }
      case 'crlf':
        must(line === '', 'no line break behind a chunk');
        this.#state = 'size';
        break;
      case 'trailer':
        this.trailer = line;
        must(line.startsWith(`${this.trailerName}:`), `trailer: ${line}`);
        this.#state = 'signature';
        break;
      case 'signature':
        this.#check(`AWS4-HMAC-SHA256-TRAILER\n${this.lines}\n${this.last}\n${sha256(`${this.trailer}\n`)}`, line.replace('x-amz-trailer-signature:', ''), 'the trailer');
        this.#state = 'end';
        break;
      case 'end':
        must(line === '', `behind the end: ${line}`);
        this.#state = 'over';
        break;
      default:
        must(false, `behind the body: ${line}`);
    }
  }

  #endChunk() {
    this.chunks += 1;
    this.#check(`AWS4-HMAC-SHA256-PAYLOAD\n${this.lines}\n${this.last}\n${NOTHING}\n${this.#chunkHash.digest('hex')}`, this.signature, `chunk ${this.chunks}`);
  }

  #check(text, signature, what) {
    must(hmac(this.key, text).toString('hex') === signature, `${what} has a wrong signature`);
    this.last = signature;
  }
}

/** A whole request, its body read: {why: '' if it is good, sha256, size, chunks, trailer}. */
export function verifyChunks(arrived, secrets) {
  try {
    const verifier = new ChunkVerifier(arrived, secrets);
    verifier.feed(arrived.body);
    return { why: '', ...verifier.end() };
  } catch (error) {
    if (!(error instanceof Refused)) {
      throw error;
    }
    return { why: error.message };
  }
}
