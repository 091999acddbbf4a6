// Sealed records as nexusd writes them, made and opened by the nexus-record tool, so that a test of the edge needs no
// control plane. The bytes are the tool's; key names are in shared/redis/keys.h.
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { spawn } from 'node:child_process';
import net from 'node:net';
import { built } from './paths.mjs';
import { mustRun } from './process.mjs';

export const tokenKey = (connectionId) => `nexus:tok:{${connectionId}}`;
export const keyHash = (agentKey) => createHash('sha256').update(agentKey).digest('hex');
export const callerKey = (agentKey) => `nexus:agent:{${keyHash(agentKey)}}`;

/** An API key as POST /admin/agents gives out: nxa_<16 of [a-z0-9]>_<32 bytes, base64url>. */
export function newAgentKey() {
  return `nxa_${randomBytes(8).toString('hex')}_${randomBytes(32).toString('base64url')}`;
}

/**
 * A sealed token record: [Redis key, bytes, {px: lifetime in ms}], the arguments of redis.set().
 * fields over an active oauth2 record with an access token for an hour; see `nexus-record --help` for the members.
 */
export async function sealToken(cacheKey, fields) {
  const record = tokenRecord(fields);
  const sealed = await seal('seal-token', cacheKey, record);
  const left = record.expires_at === 0 ? 24 * 3600_000 : record.expires_at - Date.now();
  return [tokenKey(record.connection_id), sealed, { px: Math.max(left, record.state === 'active' ? 1 : 3600_000) }];
}

const tokenRecord = (fields) => ({
  connection_id: randomUUID(), workspace_id: 'w1', provider_id: randomUUID(), provider: 'test', state: 'active', generation: 1,
  expires_at: Date.now() + 3600_000, refreshable: true, strategy: 'oauth2', allowed_hosts: ['127.0.0.1'],
  ...fields,
});

/** The id of a connection that fillTokens has written, 0 to count - 1. */
export const numberedId = (number) => `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;

/** Writes `count` token records to Redis, each sealed for its connection: the same record but for that. `fields` as for sealToken. */
export async function fillTokens(redis, cacheKey, count, fields) {
  const record = tokenRecord(fields);
  const sealer = spawn(built('tests/support/nexus-record'), ['seal-tokens', String(count)],
    { env: { CACHE_KEY: cacheKey }, stdio: ['pipe', 'pipe', 'inherit'] });
  sealer.stdin.end(JSON.stringify(record));
  const socket = net.connect(redis.socket);
  let replies = '';
  let stored = 0;
  const done = new Promise((resolve, reject) => {
    socket.on('error', reject);
    sealer.on('error', reject);
    sealer.on('exit', (code) => code !== 0 && reject(new Error(`nexus-record ended with ${code}`)));
    socket.on('data', (bytes) => {
      const lines = (replies + bytes.toString('latin1')).split('\r\n');
      replies = lines.pop();
      const refused = lines.find((line) => line !== '+OK');
      if (refused !== undefined) {
        reject(new Error(`Redis answered ${refused}`));
      }
      stored += lines.length;
      if (stored === count) {
        resolve();
      }
    });
  });
  sealer.stdout.pipe(socket, { end: false });
  try {
    await done;
  } finally {
    socket.destroy();
    sealer.kill();
  }
}

const digest = (...parts) => createHash('sha256').update(parts.join('\0')).digest('hex');

/** What identities and issuers are found by (docs/token-record.md). */
export const jwtHash = (issuer, subject) => digest('nexus:caller:jwt', issuer, subject);
export const mtlsHash = (san) => digest('nexus:caller:mtls', san);
export const peerHash = (uid) => digest('nexus:caller:peer', String(uid));
export const issuerHash = (issuer) => digest('nexus:caller:issuer', issuer);
export const identityKey = (hash) => `nexus:agent:{${hash}}`;
export const issuerKey = (issuer) => `nexus:issuer:{${issuerHash(issuer)}}`;

/** A sealed caller record of an identity (bytes), to be stored under identityKey(hash). */
export function sealIdentity(cacheKey, hash, fields) {
  return seal('seal-caller', cacheKey, {
    agent_id: randomUUID(), workspace_id: 'w1', name: 'test', key_id: 'identity01234567', key_sha256: hash,
    state: 'active', generation: 1, expires_at: 0, grants: ['token:use', 'token:read'],
    ...fields,
  });
}

/** A sealed issuer record (bytes), to be stored under issuerKey(fields.issuer). */
export function sealIssuer(cacheKey, fields) {
  return seal('seal-issuer', cacheKey, {
    workspace_id: 'w1', state: 'trusted', generation: 1, audiences: ['api://edge'], algorithms: ['RS256', 'ES256', 'EdDSA'],
    leeway_s: 5, ...fields,
  });
}

/** A sealed caller record (bytes), to be stored under callerKey(agentKey). */
export function sealCaller(cacheKey, agentKey, fields) {
  return seal('seal-caller', cacheKey, {
    agent_id: randomUUID(), workspace_id: 'w1', name: 'test', key_id: agentKey.split('_')[1], key_sha256: keyHash(agentKey),
    state: 'active', generation: 1, expires_at: 0, grants: ['token:use', 'token:read'],
    ...fields,
  });
}

/** Opens a record read from Redis; rejects where it does not belong to the key or was not sealed with `cacheKey`. */
export async function openRecord(cacheKey, redisKey, bytes) {
  return JSON.parse(await tool(['open', redisKey], cacheKey, bytes.toString('base64')));
}

async function seal(command, cacheKey, record) {
  return Buffer.from(await tool([command], cacheKey, JSON.stringify(record)), 'base64');
}

function tool(args, cacheKey, input) {
  return mustRun(built('tests/support/nexus-record'), args, { env: { CACHE_KEY: cacheKey }, input });
}
