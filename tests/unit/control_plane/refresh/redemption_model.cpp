// A model of redeeming refresh tokens: see redemption_model.h.
#include "tests/unit/control_plane/refresh/redemption_model.h"

#include <sstream>

namespace nexus::control::model {

std::optional<int> Provider::redeem(int token, UnixMs now) {
    if (is_reused) {
        return std::nullopt;
    }
    if (!rotates) {
        return token;
    }
    if (token == newest) {
        rotated_at = now;
        return ++newest;
    }
    if (token == newest - 1 && reuse.grace_s > 0 && now < rotated_at + reuse.grace_s * 1000) {
        return newest;
    }
    is_reused = reuse.use == RefreshReuse::Use::kSingleUse;
    return std::nullopt;
}

bool Store::claim(UnixMs now, int64_t lease_ms) {
    if (connection.state != connection::State::kActive || row.lease_until > now) {
        return false;
    }
    ++row.epoch;
    row.lease_until = row.due_at = now + lease_ms;
    return true;
}

bool Store::mark_sent(const store::Refresh &claimed, UnixMs now) {
    if (row.epoch != claimed.epoch || row.token_epoch != claimed.token_epoch || row.lease_until <= now) {
        return false;
    }
    row.sent_at = row.sent_at == 0 ? now : row.sent_at;
    return true;
}

bool Store::put(int64_t epoch, int new_token) {
    if (!may_store(row, connection, epoch)) {
        return false;
    }
    token = new_token;
    connection.state = connection::State::kActive;
    connection.attention_reason.clear();
    row.token_epoch = epoch;
    row.sent_at = row.attempts = 0;
    if (row.epoch == epoch) {
        row.lease_until = 0;
        row.due_at = kStart * 1000;  // far ahead
    }
    return true;
}

bool Store::give_up(const store::Refresh &claimed, const std::string &reason) {
    if (!may_give_up(row, connection, claimed)) {
        return false;
    }
    connection.state = connection::State::kAttention;
    connection.attention_reason = reason;
    row.due_at = row.sent_at = row.lease_until = 0;
    return true;
}

void Store::give_back(const store::Refresh &wanted) {
    if (row.epoch != wanted.epoch) {
        return;
    }
    row.sent_at = row.token_epoch == wanted.token_epoch ? wanted.sent_at : 0;
    row.due_at = wanted.due_at;
    row.attempts = wanted.attempts;
    row.lease_until = 0;
}

std::string World::key() const {
    std::ostringstream out;
    out << provider.newest << ' ' << provider.rotated_at << ' ' << provider.is_reused << ' ' << store.token
        << ' ' << store.row.epoch << ' ' << store.row.token_epoch << ' ' << store.row.sent_at << ' '
        << store.row.lease_until << ' ' << store.row.attempts << ' '
        << static_cast<int>(store.connection.state) << store.connection.attention_reason << ' ' << now << ' '
        << crashes_left << losses_left << jumps_left << is_ambiguous;
    for (const Process &process : processes) {
        out << '|' << static_cast<int>(process.at) << ' ' << process.attempts << ' ' << process.claimed.epoch
            << ' ' << process.claimed.token_epoch << ' ' << process.claimed.sent_at << ' ' << process.token
            << ' ' << process.sent_at << ' ' << (process.outcome ? static_cast<int>(*process.outcome) : -1)
            << ' ' << process.answer << process.has_newest;
    }
    return out.str();
}

namespace {

constexpr int kMostAttempts = 3;

void redeem(World &world, Process &process) {
    const std::optional<int> answer = world.provider.redeem(process.token, world.now);
    process.outcome = answer ? TokenOutcome::kTokens : TokenOutcome::kInvalidGrant;
    process.answer = answer.value_or(0);
    process.has_newest = answer && *answer == world.provider.newest;
}

void conclude(World &world, Process &process) {
    TokenResponse response;
    response.reason = process.outcome ? "invalid_grant" : "unreachable";
    response.outcome = process.outcome.value_or(TokenOutcome::kOutage);
    response.may_be_redeemed = !process.outcome;
    const Verdict verdict =
        judge_answer(process.claimed, process.sent_at, response, world.provider.reuse, world.now);
    switch (verdict.ending) {
        case Verdict::Ending::kStore:
            world.store.put(process.claimed.epoch, process.answer);
            break;
        case Verdict::Ending::kAttention:
            world.store.give_up(process.claimed, verdict.reason);
            break;
        default:
            world.store.give_back(verdict.row);
    }
    process.at = At::kIdle;
}

}  // namespace

bool step(World &world, size_t number) {
    Process &process = world.processes[number];
    const AttemptTimes times = attempt_times(world.provider.reuse);
    switch (process.at) {
        case At::kIdle:
            // What is done is done: only a token that is still the first one, or an open question, is
            // claimed.
            if (process.attempts >= kMostAttempts || world.store.row.due_at > world.now + times.lease_ms ||
                !world.store.claim(world.now, times.lease_ms)) {
                return false;
            }
            ++process.attempts;
            process.claimed = world.store.row;
            process.token = world.store.token;
            process.at = At::kClaimed;
            return true;
        case At::kClaimed:
            if (plan_redemption(process.claimed, world.provider.reuse, world.now) == Plan::kLost) {
                world.store.give_up(process.claimed, std::string{kLostRotation});
                process.at = At::kIdle;
                return true;
            }
            process.at = world.store.mark_sent(process.claimed, world.now) ? At::kIntended : At::kIdle;
            process.sent_at = world.now;
            process.outcome.reset();
            process.has_newest = false;
            return true;
        case At::kIntended:  // a process that was stopped meanwhile looks at the clock before it sends
            if (world.now >= send_until(process.claimed, world.provider.reuse,
                                        process.claimed.lease_until - times.lease_ms + times.deadline_ms)) {
                store::Refresh untouched = process.claimed;
                world.store.give_back(untouched);
                process.at = At::kIdle;
                return true;
            }
            process.at = At::kSent;
            return true;
        case At::kSent:  // the provider works on it, and its answer arrives, however late
            if (!process.outcome) {
                redeem(world, process);
            }
            process.at = At::kAnswered;
            return true;
        case At::kAnswered:
            conclude(world, process);
            return true;
        case At::kCrashed:
            return false;
    }
    return false;
}

bool lose_answer(World &world, size_t number) {
    Process &process = world.processes[number];
    if (process.at != At::kSent || world.losses_left == 0) {
        return false;
    }
    --world.losses_left;
    world.is_ambiguous = true;
    if (!process.outcome) {
        redeem(world, process);
    }
    process.has_newest = false;
    process.outcome.reset();
    process.at = At::kAnswered;
    return true;
}

bool lose_request(World &world, size_t number) {
    Process &process = world.processes[number];
    if (process.at != At::kSent || world.losses_left == 0) {
        return false;
    }
    --world.losses_left;
    world.is_ambiguous = true;
    process.outcome.reset();
    process.at = At::kAnswered;
    return true;
}

bool crash(World &world, size_t number) {
    Process &process = world.processes[number];
    if (world.crashes_left == 0 || process.at == At::kCrashed) {
        return false;
    }
    --world.crashes_left;
    world.is_ambiguous = world.is_ambiguous || process.at == At::kIntended || process.at == At::kSent ||
                         process.at == At::kAnswered;
    if (process.at == At::kSent && !process.outcome) {
        redeem(world, process);  // nobody hears the answer
    }
    process.at = At::kCrashed;
    process.has_newest = false;
    return true;
}

bool jump(World &world) {
    if (world.jumps_left == 0) {
        return false;
    }
    --world.jumps_left;
    // A request does not outlive its deadline on the way: the provider has had it by then.
    for (Process &process : world.processes) {
        if (process.at == At::kSent && !process.outcome) {
            redeem(world, process);
        }
        // Only a process that was stopped here knows that it has sent nothing.
        world.is_ambiguous = world.is_ambiguous || process.at == At::kIntended || process.at == At::kSent;
    }
    const UnixMs lease_end = world.store.row.lease_until;
    world.now = lease_end > world.now ? lease_end : world.now + (world.provider.reuse.grace_s + 1) * 1000;
    return true;
}

void settle(World &world) {
    world.crashes_left = 0;
    for (int rounds = 0; rounds < 20; ++rounds) {
        bool is_anything_done = false;
        for (size_t i = 0; i < kProcesses; ++i) {
            world.processes[i].attempts = 0;
            while (step(world, i)) {
                is_anything_done = true;
            }
        }
        if (!is_anything_done) {
            if (world.store.row.lease_until <= world.now) {
                return;
            }
            world.now = world.store.row.lease_until;
        }
    }
}

}  // namespace nexus::control::model
