// Fresh keys for one test's installation. A test that looks for secrets in clear takes them from here.
import { randomBytes } from 'node:crypto';

export const newKey = () => randomBytes(32).toString('base64');

/** The keys of one installation, by the names nexusd's environment gives them. */
export function newKeys() {
  return {
    ENCRYPTION_KEY: newKey(), CACHE_KEY: newKey(), STATE_KEY: newKey(), API_KEY: newKey(), EDGE_KEY: newKey(),
  };
}
