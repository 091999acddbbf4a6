// What a run showed, by the provider's ledger and the proxy's log: pure functions. The definitions are those of
// docs/refresh-correctness.md; getting the records is the driver's.
import { isGood, Outcome } from './families.mjs';

const LOSES_COMMITTED = new Set(['cut_after', 'hang_after', 'slow']);
/** An answer that came so shortly before its owner was killed may not have been stored, ms. */
const STORING_MS = 1000;

/**
 * ledger, exchanges  arrays of provider.mjs and fault-proxy.mjs
 * outages            [{name, from, to}]: what the driver did; "kill" and "pause" are of owners of exchanges
 * connections        [{family, class, state, reason, since, good}], good: it has refreshed after everything was over
 * classes            families.mjs; limits: {leaseMs, sendMs} of the broker
 */
export function judge({ ledger, exchanges, outages, connections, classes, limits }) {
  const owners = outages.filter(({ name }) => name === 'kill' || name === 'pause');
  const redemptions = byFamily(ledger);
  const sends = byFamily(exchanges);
  const verdicts = connections.map((connection) => {
    const own = {
      sends: sends.get(connection.family) ?? [], redemptions: redemptions.get(connection.family) ?? [], rules: classes[connection.class],
    };
    return { ...connection, ...judgeConnection(connection, own, owners, limits) };
  });
  const count = (verdict) => verdicts.filter((one) => one.verdict === verdict).length;
  const strict = verdicts.filter((one) => isStrict(classes[one.class]));
  const certain = strict.filter((one) => one.lostAt !== undefined);
  const flaggedAfter = certain.filter((one) => one.verdict === 'flagged').map((one) => Math.max(0, one.since - one.lostAt));
  const healing = verdicts.flatMap((one) => one.healing);
  const outcomes = countBy(ledger, 'outcome');
  return {
    figures: {
      refreshes: ledger.filter(({ outcome }) => isGood(outcome)).length,
      redemptions_per_connection: ledger.length / connections.length,
      double_redemptions: outcomes[Outcome.reuse] ?? 0,
      families_revoked: new Set(ledger.filter(({ outcome }) => outcome === Outcome.reuse).map(({ family }) => family)).size,
      strict_resends: strict.reduce((sum, one) => sum + one.resends, 0),
      lost: count('lost'),
      healed_share: share(healing.filter(Boolean).length, healing.length),
      flagged_share: share(certain.filter((one) => one.verdict === 'flagged').length, certain.length),
      flagged_within_ms: flaggedAfter.length ? Math.max(...flaggedAfter) : null,
      flagged_unspent: verdicts.filter((one) => one.verdict === 'flagged' && one.unspent).length,
      flagged_by_kill: count('flagged_by_kill'),
      grace_missed: count('grace_missed'),
    },
    counts: { connections: connections.length, lost_answers_with_grace: healing.length, certain_losses: certain.length, outcomes, faults: countBy(exchanges, 'fault') },
    verdicts,
  };
}

/**
 * verdict: healthy; flagged (single use, and an exchange of it ended unknown); flagged_by_kill (the same, but what is known is
 * only that an owner died then); grace_missed (the grace was over before anybody could know); else lost.
 */
function judgeConnection(connection, { sends, redemptions, rules }, owners, limits) {
  const unknown = sends.filter(({ answered }) => answered === null);
  const last = unknown.at(-1);
  const healing = rules.rotates && rules.grace_s > 0 ? healed(unknown, redemptions, owners, rules) : [];
  const lostAt = isStrict(rules) && last ? certainSince(last, owners, limits) : undefined;
  const resends = sends.filter((send, i) => sends.slice(0, i).some((before) => before.seq === send.seq && before.answered === null)).length;
  // The newest token was never redeemed: the provider would still have taken it.
  const unspent = last !== undefined && !redemptions.some(({ seq, outcome }) => seq === last.seq && isGood(outcome));
  return { verdict: verdictOf(connection, { rules, last, owners, limits }), lostAt, unspent, resends, healing };
}

function verdictOf(connection, { rules, last, owners, limits }) {
  if (connection.good && connection.state === 'active') {
    return 'healthy';
  }
  if (!rules.rotates || connection.reason !== 'lost_rotation') {
    return 'lost';
  }
  if (isStrict(rules) && last && last.received <= connection.since) {
    return 'flagged';
  }
  // An intent is written before the request is sent, and an answer is stored after it came: a kill leaves both unknown.
  const since = connection.since - 2 * limits.leaseMs;
  if (!owners.some(({ from, to }) => to >= since && from <= connection.since)) {
    return 'lost';
  }
  return isStrict(rules) ? 'flagged_by_kill' : 'grace_missed';
}

/** From when on it is certain that the answer will not come: the cut, the sender's giving up, the end of a dead owner's lease. */
function certainSince({ received, cut, gone }, owners, { leaseMs, sendMs }) {
  const end = cut ?? gone ?? received + sendMs;
  return overlaps(owners, received, end) ? Math.max(end, received + leaseMs) : end;
}

/** For each answer that was lost after the commit, at a provider with grace: did the broker get a later one? */
function healed(unknown, redemptions, owners, rules) {
  return unknown.filter(({ fault, received }) => LOSES_COMMITTED.has(fault) && !overlaps(owners, received, received + rules.grace_s * 1000))
    .map(({ seq, received }) => redemptions.some((one) =>
      one.received > received && (one.seq > seq || (one.seq === seq && one.outcome === Outcome.replayed)) && isGood(one.outcome)));
}

const overlaps = (owners, from, to) => owners.some((owner) => owner.to >= from && owner.from <= to + STORING_MS);
const isStrict = (rules) => rules.rotates && !(rules.grace_s > 0);
const share = (part, whole) => (whole === 0 ? null : part / whole);

function byFamily(records) {
  const all = new Map();
  for (const record of records) {
    const list = all.get(record.family);
    if (list) {
      list.push(record);
    } else {
      all.set(record.family, [record]);
    }
  }
  for (const list of all.values()) {
    list.sort((a, b) => a.received - b.received);
  }
  return all;
}

function countBy(records, member) {
  const counts = {};
  for (const record of records) {
    counts[record[member]] = (counts[record[member]] ?? 0) + 1;
  }
  return counts;
}
