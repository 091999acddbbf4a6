// The real AWS SDK for JavaScript, with dummy keys, through the edge (s3-fixture.mjs).
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import {
  CreateBucketCommand, DeleteObjectCommand, GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { cleanup } from '../support/cleanup.mjs';
import { REGION, startS3Edge } from './s3-fixture.mjs';

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** Beside startS3Edge's: client(location), which knows nothing but dummies. */
async function start(t, options) {
  const started = await startS3Edge(t, options);
  const { edge, key, connection } = started;
  const client = (location, more = {}) => {
    const s3 = new S3Client({
      endpoint: `${edge.url}/${location}`, region: 'us-east-1', forcePathStyle: true, maxAttempts: 1,
      credentials: { accessKeyId: 'dummy', secretAccessKey: 'dummy', sessionToken: 'dummy' }, ...more,
    });
    s3.middlewareStack.add((next) => (args) => {
      Object.assign(args.request.headers, { 'x-nexus-key': key, 'x-nexus-connection': connection });
      return next(args);
    }, { step: 'build' });
    cleanup(t, () => s3.destroy());
    return s3;
  };
  return { ...started, client };
}

const read = async (s3, Key, Bucket = 'bucket') => Buffer.from(await (await s3.send(new GetObjectCommand({ Bucket, Key }))).Body.transformToByteArray());

async function work(s3, Bucket = 'bucket') {
  const small = randomBytes(1000);
  const large = randomBytes(6 * 1024 * 1024);
  await s3.send(new CreateBucketCommand({ Bucket }));
  await s3.send(new PutObjectCommand({ Bucket, Key: 'a/small', Body: small, ContentType: 'text/plain', Metadata: { note: 'two  blanks' } }));
  await s3.send(new PutObjectCommand({ Bucket, Key: 'a/empty', Body: Buffer.alloc(0) }));
  assert.ok((await read(s3, 'a/small', Bucket)).equals(small));
  await new Upload({ client: s3, params: { Bucket, Key: 'b/large', Body: Readable.from([large]) } }).done();   // two parts
  assert.equal(sha256(await read(s3, 'b/large', Bucket)), sha256(large));
  const listed = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'a/', MaxKeys: 10 }));
  assert.deepEqual(listed.Contents.map(({ Key, Size }) => [Key, Size]), [['a/empty', 0], ['a/small', 1000]]);
  assert.equal((await s3.send(new HeadObjectCommand({ Bucket, Key: 'b/large' }))).ContentLength, large.length);
  await s3.send(new DeleteObjectCommand({ Bucket, Key: 'a/small' }));
  await assert.rejects(read(s3, 'a/small', Bucket), { name: 'NoSuchKey' });
}

test('put, get, multipart, list, head, delete: each request verified, then served', async (t) => {
  const { client, seen } = await start(t);
  await work(client('buffer'));
  await work(client('stream'), 'another');
  assert.deepEqual(seen.filter(({ why }) => why !== '').map(({ method, url, why }) => ({ method, url, why })), []);
  assert.ok(seen.some(({ isStreamed }) => isStreamed));
  assert.ok(seen.every(({ headers }) => headers['x-amz-security-token'] === undefined && headers['x-nexus-key'] === undefined));
});

test('an S3 server that verifies by itself', async (t) => {
  const { client } = await start(t);
  await work(client('direct'));
});

test('streams: the SDK frames them, with a checksum behind; they arrive signed', async (t) => {
  const { client, seen } = await start(t);
  const s3 = client('stream');
  await s3.send(new CreateBucketCommand({ Bucket: 'bucket' }));
  const body = randomBytes(3_000_000);
  const pieces = Array.from({ length: 30 }, (_, i) => body.subarray(i * 100_000, (i + 1) * 100_000));
  for (const ChecksumAlgorithm of ['CRC32', 'CRC32C', 'SHA1', 'SHA256', 'CRC64NVME']) {
    await s3.send(new PutObjectCommand({ Bucket: 'bucket', Key: ChecksumAlgorithm, Body: Readable.from(pieces), ContentLength: body.length, ChecksumAlgorithm }));
    const { why, headers, trailer } = seen.at(-1);
    assert.equal(why, '');
    assert.equal(headers['x-amz-content-sha256'], 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER');
    assert.match(trailer, new RegExp(`^x-amz-checksum-${ChecksumAlgorithm.toLowerCase()}:`));
    assert.equal(sha256(await read(s3, ChecksumAlgorithm)), sha256(body));
  }
});

test('the record\'s session token is sent and signed, the dummy one is not', async (t) => {
  const { client, seen } = await start(t, { credentials: { session_token: 'IQoJb3JpZ2luX2VjE+/=' } });
  await client('buffer').send(new CreateBucketCommand({ Bucket: 'bucket' }));
  for (const location of ['buffer', 'stream']) {
    const s3 = client(location);
    await s3.send(new PutObjectCommand({ Bucket: 'bucket', Key: 'a', Body: 'hello' }));
    assert.equal((await read(s3, 'a')).toString(), 'hello');
  }
  assert.deepEqual(seen.map(({ why }) => why).filter(Boolean), []);
  assert.ok(seen.every(({ headers }) => headers['x-amz-security-token'] === 'IQoJb3JpZ2luX2VjE+/=' && /SignedHeaders=\S*x-amz-security-token/.test(headers.authorization)));
});

test('the region that the SDK is configured with, where the location takes it', async (t) => {
  const { client, seen } = await start(t);
  await client('hints', { region: REGION }).send(new CreateBucketCommand({ Bucket: 'bucket' }));
  assert.match(seen.at(-1).headers.authorization, /\/eu-central-1\/s3\/aws4_request/);
  await assert.rejects(client('hints', { region: 'us-west-2' }).send(new CreateBucketCommand({ Bucket: 'bucket' })), (error) => error.$metadata.httpStatusCode === 403);
});
