// A Nexus Framework database as its 14 SQL files leave it, with rows sealed the way its broker seals them. For tests of
// moving away from it.
import { createCipheriv, randomBytes, randomUUID } from 'node:crypto';

const SCHEMA = `
CREATE TABLE provider_profiles (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name varchar(255) NOT NULL, auth_type text NOT NULL DEFAULT 'oauth2',
  auth_header text, client_id varchar(255), client_secret text, auth_url text, token_url text, issuer text,
  enable_discovery boolean DEFAULT false, scopes text[], api_base_url text, user_info_endpoint text, params jsonb,
  description text, category varchar(100), created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(), deleted_at timestamptz);
CREATE UNIQUE INDEX provider_profiles_name ON provider_profiles (name) WHERE deleted_at IS NULL;
CREATE TABLE connections (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), workspace_id varchar(255) NOT NULL,
  provider_id uuid NOT NULL REFERENCES provider_profiles (id), status varchar(50) NOT NULL DEFAULT 'pending',
  code_verifier text, scopes text[], return_url text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL DEFAULT now() + interval '10 minutes', updated_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX connections_workspace ON connections (workspace_id, provider_id);
CREATE INDEX connections_status ON connections (status, expires_at);
CREATE TABLE tokens (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  connection_id uuid NOT NULL UNIQUE REFERENCES connections (id) ON DELETE CASCADE, encrypted_data text NOT NULL,
  expires_at timestamptz, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE audit_events (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), connection_id uuid REFERENCES connections (id), event_type varchar(100) NOT NULL,
  event_data jsonb, ip_address inet, user_agent text, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE provider_aliases (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), provider_id uuid NOT NULL REFERENCES provider_profiles (id),
  alias text NOT NULL, alias_norm text NOT NULL UNIQUE);`;

/** SQL text of a value: null, booleans, numbers, arrays of texts, objects as JSON, and texts. */
function literal(value) {
  if (value === null || value === undefined) {
    return 'NULL';
  }
  if (Array.isArray(value)) {
    return `ARRAY[${value.map(literal).join(',')}]::text[]`;
  }
  return ['boolean', 'number'].includes(typeof value) ? String(value)
    : `'${(typeof value === 'object' ? JSON.stringify(value) : value).replaceAll("'", "''")}'`;
}

/** Creates the database `name` beside whatever the server holds. */
export async function createReferenceDatabase(postgres, name = 'reference') {
  await postgres.sql(`CREATE DATABASE ${name}`, 'postgres');
  await postgres.sql(SCHEMA, name);
  return new ReferenceDatabase(postgres, name);
}

class ReferenceDatabase {
  constructor(postgres, name) {
    this.postgres = postgres;
    this.name = name;
    this.url = postgres.url.replace(/[^/]*$/, name);
    this.key = randomBytes(32);
    this.pending = [];   // statements that one psql will run
  }

  get encryptionKey() {
    return this.key.toString('base64');
  }

  sql(text) {
    return this.postgres.sql([...this.pending.splice(0), text].join(';\n'), this.name);
  }

  #insert(table, row) {
    const names = Object.keys(row);
    this.pending.push(`INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map((column) => literal(row[column])).join(', ')})`);
  }

  /** Returns the provider's id. Rows are there once the next sql() is. */
  provider(row) {
    const id = row.id ?? randomUUID();
    this.#insert('provider_profiles', { id, ...row });
    return id;
  }

  /** base64 of nonce || ciphertext || tag, of the JSON text. */
  seal(value, key = this.key) {
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', key, nonce);
    const text = cipher.update(typeof value === 'string' ? value : JSON.stringify(value), 'utf8');
    return Buffer.concat([nonce, text, cipher.final(), cipher.getAuthTag()]).toString('base64');
  }

  /** A connection, and its token row where `token` (sealed here) or `sealed` is given. Returns its id. */
  connection({ provider, token, sealed, expiresAt = null, ...row }) {
    const id = row.id ?? randomUUID();
    this.#insert('connections', {
      id, workspace_id: 'alice', provider_id: provider, status: 'active', return_url: 'https://app.example/done',
      code_verifier: 'left-behind-verifier', ...row,
    });
    if (token !== undefined || sealed !== undefined) {
      this.#insert('tokens', { connection_id: id, encrypted_data: sealed ?? this.seal(token), expires_at: expiresAt });
    }
    return id;
  }

  /** Everything in it, to see that nothing was changed. */
  async fingerprint() {
    const tables = ['provider_profiles', 'connections', 'tokens', 'audit_events'];
    return this.sql(tables.map((table) => `SELECT md5(coalesce(string_agg(r::text, '|' ORDER BY r::text), '')) FROM ${table} r`).join(' UNION ALL '));
  }
}
