// Which fault an exchange meets: drawn from a seeded stream, so that a plan can be run again. Doing it is the proxy's.
import { between, draw, seededRandom } from './random.mjs';

/** Share of the exchanges that meet each fault; the rest meets none. */
export const SHARES = {
  delay: 0.10,         // answered, up to a second late
  cut_before: 0.004,   // nothing is forwarded, the connection is cut
  cut_after: 0.01,     // forwarded and committed, the answer is thrown away, the connection is cut
  hang_before: 0.003,  // nothing is forwarded, and never answered
  hang_after: 0.004,   // forwarded and committed, never answered
  slow: 0.002,         // forwarded at once, answered when the asker's lease is over
  late: 0.002,         // forwarded only when the asker's lease is over
  throttle: 0.01,      // 429 with Retry-After
  unavailable: 0.02,   // 503
};

// A request that the provider gets long after it was sent may come behind its own repetition. Whoever repeats within a
// grace takes that risk by the provider's own rules, so no broker could be blamed for what comes of it.
const NOT_WITH_GRACE = new Set(['late']);

export class FaultPlan {
  /** seed; shares: over SHARES (scale multiplies those that lose an answer); leaseMs: what `slow` and `late` outlast. */
  constructor({ seed = 1, shares = {}, scale = 1, leaseMs = 20000 }) {
    this.random = seededRandom(seed);
    this.leaseMs = leaseMs;
    this.shares = { ...SHARES, ...shares };
    for (const name of ['cut_before', 'cut_after', 'hang_before', 'hang_after', 'slow', 'late']) {
      this.shares[name] *= scale;
    }
  }

  /** graced: the provider answers a consumed token again for a while. returns {fault, ms?}; fault "none" is none. */
  next({ graced }) {
    const fault = draw(this.random, this.shares) ?? 'none';
    if (graced && NOT_WITH_GRACE.has(fault)) {
      return { fault: 'none' };
    }
    switch (fault) {
      case 'delay':
        return { fault, ms: between(this.random, [50, 1000]) };
      case 'slow':
      case 'late':
        return { fault, ms: this.leaseMs + between(this.random, [500, 3000]) };
      case 'throttle':
        return { fault, retryAfterS: Math.ceil(between(this.random, [0, 3])) };
      default:
        return { fault };
    }
  }
}
