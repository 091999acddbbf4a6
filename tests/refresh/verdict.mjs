// What a run showed, by the provider's ledger and the proxy's log: pure functions. The definitions are those of
// docs/refresh-correctness.md; getting the records is the driver's.
import { isGood, Outcome } from './families.mjs';

const LOSES_COMMITTED = new Set(['cut_after', 'hang_after', 'slow']);
const OF_OWNERS = new Set(['kill', 'pause']);
const OF_THE_WAY = new Set(['kill', 'pause', 'refuse', 'slow', 'database_restart']);
/** An answer that came so shortly before its owner was killed may not have been stored, ms. */
const STORING_MS = 1000;
/** From a dead owner's last act another takes over within the lease and so much more, ms. */
const TAKING_OVER_MS = 5000;
/** A flag that comes later than this is told about, ms. */
const SLOW_FLAG_MS = 3000;
/** A door that closes cuts requests that nobody has seen yet, ms. */
const CLOSING_MS = 500;

/**
 * ledger, exchanges  arrays of provider.mjs and fault-proxy.mjs
 * outages            [{name, from, to}]: what the driver did
 * connections        [{family, class, state, reason, since, good}], good: it has refreshed after everything was over
 * classes            families.mjs; limits: {leaseMs, sendMs} of the broker
 */
export function judge({ ledger, exchanges, outages, connections, classes, limits }) {
  const context = {
    owners: outages.filter(({ name }) => OF_OWNERS.has(name)), way: outages.filter(({ name }) => OF_THE_WAY.has(name)),
    closings: outages.filter(({ name }) => name === 'refuse').map(({ from }) => ({ from, to: from + CLOSING_MS })), limits,
  };
  const redemptions = byFamily(ledger);
  const sends = byFamily(exchanges);
  const verdicts = connections.map((connection) => {
    const own = {
      sends: sends.get(connection.family) ?? [], redemptions: redemptions.get(connection.family) ?? [], rules: classes[connection.class],
    };
    const judged = judgeConnection(connection, own, context);
    // What ought not to be has to be explained: with everything that is known of it.
    const isOdd = judged.verdict === 'lost' || judged.flaggedAfter > SLOW_FLAG_MS || own.redemptions.some(({ outcome }) => outcome === Outcome.reuse);
    return { ...connection, ...judged, ...(isOdd ? { sends: own.sends, redemptions: own.redemptions } : {}) };
  });
  const count = (verdict) => verdicts.filter((one) => one.verdict === verdict).length;
  const strict = verdicts.filter((one) => isStrict(classes[one.class]));
  const certain = strict.filter((one) => one.lostAt !== undefined);
  const flaggedAfter = strict.filter(({ verdict }) => verdict === 'flagged' || verdict === 'flagged_unseen').map((one) => one.flaggedAfter);
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
      flagged_unseen: count('flagged_unseen'),
      grace_missed: count('grace_missed'),
    },
    counts: {
      connections: connections.length, lost_answers_with_grace: healing.length, certain_losses: certain.length, outcomes,
      faults: countBy(exchanges, 'fault'), outages: countBy(outages, 'name'),
    },
    verdicts,
  };
}

/**
 * verdict: healthy; flagged (strict, and an exchange of it ended unknown); flagged_unseen (the same, but all that is known is
 * that an owner died then, or the door was closed in a request's face); grace_missed (with grace, and something stood in the
 * way while it lasted); else lost.
 */
function judgeConnection(connection, { sends, redemptions, rules }, context) {
  const unknown = sends.filter(({ answered }) => answered === null);
  const last = unknown.at(-1);
  const graced = rules.rotates && rules.grace_s > 0;
  const disturbed = (send) => isDisturbed(send, sends, rules, context);
  const lostAt = isStrict(rules) && last ? certainSince(last, context) : undefined;
  const newest = sends.at(-1);
  // Answered, but its owner died before that was stored.
  const isUnstored = newest !== undefined && newest.answered !== null && overlaps(context.owners, newest.received, newest.answered);
  return {
    lostAt,
    flaggedAfter: Math.max(0, connection.since - (lostAt ?? (isUnstored ? newest.received + context.limits.leaseMs : connection.since))),
    verdict: verdictOf(connection, { rules, last, isUnstored, isExcused: graced && last !== undefined && disturbed(firstOf(unknown, last.seq)), context }),
    // The newest token was never redeemed: the provider would still have taken it.
    unspent: last !== undefined && !redemptions.some(({ seq, outcome }) => seq === last.seq && isGood(outcome)),
    resends: sends.filter((send, i) => sends.slice(0, i).some((before) => before.seq === send.seq && before.answered === null)).length,
    healing: graced ? healingOf(unknown, redemptions, disturbed) : [],
  };
}

function verdictOf(connection, { rules, last, isUnstored, isExcused, context: { owners, closings, limits } }) {
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
  const since = connection.since - limits.leaseMs - TAKING_OVER_MS;
  const isOwnersEnd = isUnstored || owners.some(({ from, to }) => to >= since && from <= connection.since);
  if (isStrict(rules)) {
    return isOwnersEnd || closings.some(({ from, to }) => connection.since >= from && connection.since <= to) ? 'flagged_unseen' : 'lost';
  }
  return (last && last.received >= since ? isExcused : isOwnersEnd) ? 'grace_missed' : 'lost';
}

const firstOf = (unknown, seq) => unknown.find((send) => send.seq === seq);

/** Did something else stand in the way while the grace of a send lasted: an outage, or a fault of its repetition? */
function isDisturbed({ seq, received }, sends, rules, { way }) {
  const end = received + rules.grace_s * 1000;
  return overlaps(way, received, end)
    || sends.some((send) => send.seq === seq && send.received > received && send.received <= end && !['none', 'delay'].includes(send.fault));
}

/** From when on it is certain that the answer will not come: the cut, the sender's giving up, the end of a dead owner's lease. */
function certainSince({ received, cut, gone }, { owners, limits: { leaseMs, sendMs } }) {
  const end = cut ?? gone ?? received + sendMs;
  return overlaps(owners, received, end) ? Math.max(end, received + leaseMs) : end;
}

/** One boolean for each answer that was lost behind the commit; where it is not healed, and was not to be, none. */
function healingOf(unknown, redemptions, disturbed) {
  return unknown.filter(({ fault }) => LOSES_COMMITTED.has(fault)).map((send) => isHealed(send, redemptions) || (disturbed(send) ? undefined : false))
    .filter((healed) => healed !== undefined);
}

/** Did the broker get a later answer? */
const isHealed = ({ seq, received }, redemptions) => redemptions.some((one) =>
  one.received > received && (one.seq > seq || (one.seq === seq && one.outcome === Outcome.replayed)) && isGood(one.outcome));

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
