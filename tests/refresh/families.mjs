// The rules of an authorization server's refresh tokens, without HTTP: families, rotation, grace, revocation on reuse
// (RFC 9700 section 4.14.2). A token is "family.seq.secret", so that it is found without a table of all tokens.
import { randomBytes } from 'node:crypto';

/** What the provider made of a token; the ledger has one for each redemption. */
export const Outcome = {
  rotated: 'rotated',     // it was the newest: a successor is given
  replayed: 'replayed',   // the one before the newest, within its grace: the same successor again
  kept: 'kept',           // the class does not rotate
  reuse: 'reuse',         // consumed, and outside of its grace: the family is revoked
  revoked: 'revoked',     // of a family that is revoked already
  unknown: 'unknown',     // none of ours
};

const GOOD = new Set([Outcome.rotated, Outcome.replayed, Outcome.kept]);
export const isGood = (outcome) => GOOD.has(outcome);

export class Families {
  /**
   * classes  {name: {rotates, grace_s, expires_in}}: grace_s 0 is strict rotation; expires_in is seconds, or [least, most]
   * random   next number in [0, 1), for lifetimes
   */
  constructor(classes, random = Math.random) {
    this.classes = classes;
    this.random = random;
    this.all = [];
  }

  /** So many new families of a class: [{family, refresh_token}]. */
  create(className, count) {
    const rules = this.classes[className];
    if (!rules) {
      throw new Error(`no class is called ${className}`);
    }
    return Array.from({ length: count }, () => {
      const family = {
        id: this.all.length, className, rules, secret: randomBytes(9).toString('base64url'),
        seq: 1, rotatedAt: 0, revokedAt: 0, lastGoodAt: 0,
      };
      this.all.push(family);
      return { family: family.id, refresh_token: tokenOf(family, 1) };
    });
  }

  /** Redeems a token at `now` (Unix ms): {outcome, family?, seq?, answer?}; the answer is RFC 6749's, for 200. */
  redeem(token, now) {
    const { id, seq, secret } = readToken(token);
    const family = this.all[id];
    if (!family || family.secret !== secret || !(seq >= 1 && seq <= family.seq)) {
      return { outcome: Outcome.unknown };
    }
    const outcome = judge(family, seq, now);
    if (outcome === Outcome.reuse) {
      family.revokedAt = now;
    } else if (outcome === Outcome.rotated) {
      family.seq += 1;
      family.rotatedAt = now;
    }
    return { outcome, family, seq, answer: isGood(outcome) ? this.#answer(family) : undefined };
  }

  #answer(family) {
    const { rotates, expires_in: lifetime } = family.rules;
    const [least, most] = [lifetime].flat();
    return {
      access_token: `at.${family.id}.${family.seq}.${family.secret}`,
      token_type: 'Bearer',
      expires_in: most === undefined ? least : Math.floor(least + this.random() * (most - least + 1)),
      ...(rotates ? { refresh_token: tokenOf(family, family.seq) } : {}),
    };
  }
}

function judge(family, seq, now) {
  const { rotates, grace_s: grace = 0 } = family.rules;
  if (family.revokedAt !== 0) {
    return Outcome.revoked;
  }
  if (!rotates) {
    return Outcome.kept;
  }
  if (seq === family.seq) {
    return Outcome.rotated;
  }
  // The window runs from the first redemption: asking again does not prolong it.
  return seq === family.seq - 1 && now - family.rotatedAt < grace * 1000 ? Outcome.replayed : Outcome.reuse;
}

const tokenOf = (family, seq) => `${family.id}.${seq}.${family.secret}`;

/** {id, seq, secret} of a token; what is not one has NaN for numbers. The proxy reads tokens too. */
export function readToken(token) {
  const [id, seq, secret] = (token ?? '').split('.');
  return { id: Number.parseInt(id, 10), seq: Number.parseInt(seq, 10), secret };
}
