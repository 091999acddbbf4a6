// Questions to Redis, and what becomes of the answers.
#include "ngx_module/limits/leases.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "ngx_module/conf.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/str.h"
#include "shared/crypto/digest.h"
#include "shared/encoding/hex.h"
#include "shared/redis/script_sha1.h"
#include "shared/redis/take_units.h"

namespace nexus::edge::limits {

namespace {

using nexus::redis::TakeUnits;
using ratelimit::Decision;
using ratelimit::LeaseSlot;
using ratelimit::LeaseTable;
using ratelimit::LeaseTerms;
using ratelimit::Limit;
using ratelimit::Micros;

constexpr size_t kMaxFlights = 65536;
constexpr Micros kAskingFor = ratelimit::kSecond;  // who has not come back by then has died
constexpr ngx_msec_t kSweepMs = 100;
constexpr size_t kSlotsOfSweep = 2048;
constexpr int kSentBackOfSweep = 64;

/// By what all edges know the key: 128 bits of a SHA-256, since it may be a secret, or long.
struct Id {
    uint64_t high = 0;
    uint64_t low = 0;

    static Id of(const Counted &counted) {
        const std::string text =
            std::string(to_view(counted.zone->key_text)).append(1, '\0').append(counted.key);
        const crypto::Sha256 digest = crypto::sha256(text);
        Id id;
        std::memcpy(&id.high, digest.data(), sizeof id.high);
        std::memcpy(&id.low, digest.data() + sizeof id.high, sizeof id.low);
        return id;
    }

    std::string redis_key(const Zone &zone) const {
        std::array<char, 16> bytes;
        std::memcpy(bytes.data(), &high, sizeof high);
        std::memcpy(bytes.data() + sizeof high, &low, sizeof low);
        return nexus::redis::limit_key(to_view(zone.name),
                                       encoding::hex_encode({bytes.data(), bytes.size()}));
    }
};

/// What callers are told, by what is owed at Redis and what is left here.
Decision decision_of(const Limit &limit, Micros owed, int64_t units) {
    Decision out;
    out.is_allowed = true;
    out.reset_after = owed;
    out.remaining = std::max<Micros>(limit.burst_tolerance + limit.emission_interval - owed, 0) /
                        limit.emission_interval +
                    units;
    return out;
}

Outcome allowed(const Limit &limit, Micros owed, int64_t units) {
    return {Verdict::kAllowed, decision_of(limit, std::max<Micros>(owed, 0), units)};
}

Outcome rejected(const Limit &limit, Micros arrival, Micros now, int64_t cost, Micros at_least) {
    Decision decision = ratelimit::decide(limit, arrival, now, cost);
    decision.is_allowed = false;
    decision.retry_after = std::max({decision.retry_after, at_least, Micros{1}});
    return {Verdict::kRejected, decision};
}

/// Units that have to be there for it: who takes none has to fit, too.
int64_t needed(int64_t cost) {
    return std::max<int64_t>(cost, 1);
}

bool is_possible(const Limit &limit, int64_t cost) {
    return cost <= std::min(ratelimit::kMaxCost, limit.burst_tolerance / limit.emission_interval + 1);
}

}  // namespace

/// What a flight is about.
struct FlightTarget {
    FlightTarget(const Counted &counted, const LeaseTerms &its_terms)
        : zone(counted.zone),
          id(Id::of(counted)),
          hash(counted.hash),
          tag(LeaseTable::tag_of(counted.hash)),
          limit(counted.limit),
          terms(its_terms),
          redis_key(id.redis_key(*zone)) {}

    const Zone *zone;
    Id id;
    uint64_t hash;
    uint64_t tag;
    Limit limit;
    LeaseTerms terms;
    std::string redis_key;
};

struct Flight {
    Flight(Leases &leases, FlightTarget what) : owner(leases), target(std::move(what)) {
        command.data = this;
        command.on_reply = [](redis::Command *self, const redis::Answer &answer) noexcept {
            auto *flight = static_cast<Flight *>(self->data);
            guarded_event(flight->owner.log_, "a global limit",
                          [&] { flight->owner.on_reply(*flight, answer); });
        };
    }

    /// Whoever still waits is told that there is no answer.
    ~Flight() { wake_all(); }
    Flight(const Flight &) = delete;
    Flight &operator=(const Flight &) = delete;

    bool send() {
        const TakeUnits arguments(target.limit, wanted, least, returned);
        const std::string_view words[] = {is_whole ? "EVAL" : "EVALSHA",
                                          is_whole ? nexus::redis::kTakeUnitsScript : owner.sha1_,
                                          "1",
                                          target.redis_key,
                                          arguments.argument(0),
                                          arguments.argument(1),
                                          arguments.argument(2),
                                          arguments.argument(3),
                                          arguments.argument(4)};
        target.zone->memory->count(Tally::kRedisCalls);
        return owner.redis_.send(target.redis_key, words, &command);
    }

    /// Beside what is waited for: what may come next. Only one worker of this nginx does that at a time.
    void ask_for_more(LeaseSlot &slot) {
        const Micros time = now();
        is_asker = slot.begin_to_ask(time, time + kAskingFor);
        if (is_asker) {
            returned = slot.withdraw(target.tag, time);
            const int64_t room =
                target.terms.max_units > 1 ? target.terms.max_units - slot.units(target.tag, time) : 0;
            wanted += std::clamp<int64_t>(room, 0, slot.expected(target.terms, time));
        }
    }

    void add(Waiter &waiter, int64_t cost) {
        waiter.outcome = {};
        waiter.cost = cost;
        waiter.flight = this;
        waiter.next = nullptr;
        waiter.previous = last;
        (last != nullptr ? last->next : first) = &waiter;
        last = &waiter;
    }

    void remove(Waiter &waiter) noexcept {
        (waiter.previous != nullptr ? waiter.previous->next : first) = waiter.next;
        (waiter.next != nullptr ? waiter.next->previous : last) = waiter.previous;
        waiter.flight = nullptr;
    }

    LeaseSlot *slot() const { return target.zone->memory->leases().find(target.tag); }

    /// Runs the waiters that have an outcome. What they do may end other requests, and so other waiters.
    void wake_all() noexcept {
        while (first != nullptr) {
            Waiter *waiter = first;
            remove(*waiter);
            waiter->on_done(waiter);
        }
    }

    Leases &owner;
    const FlightTarget target;
    redis::Command command;
    Waiter *first = nullptr;
    Waiter *last = nullptr;
    int64_t wanted = 0;
    int64_t least = 0;
    int64_t returned = 0;
    bool is_asker = false;  // for all of this nginx
    bool is_exact = false;
    bool is_whole = false;  // sent with the text of the script
    uint64_t number = 0;    // in its map
};

Leases::Leases(const MainConf &conf, redis::Client &redis, ngx_log_t *log)
    : conf_(conf),
      redis_(redis),
      log_(log),
      sha1_(nexus::redis::script_sha1(nexus::redis::kTakeUnitsScript)),
      sweep_timer_(log, this, [](void *self) noexcept { static_cast<Leases *>(self)->sweep(); }) {
    sweep_timer_.set_cancelable(true);
}

Leases::~Leases() {
    for (Flights *flights : {&joined_, &exact_}) {
        for (auto &[number, flight] : *flights) {
            redis_.cancel(&flight->command);
            while (flight->first != nullptr) {
                flight->remove(*flight->first);
            }
            if (LeaseSlot *slot = flight->is_asker ? flight->slot() : nullptr) {
                slot->end_to_ask();
            }
        }
    }
}

void Leases::start() noexcept {
    const ngx_array_t *zones = conf_.limit_zones;
    for (ngx_uint_t i = 0; zones != nullptr && i < zones->nelts; ++i) {
        if (static_cast<Zone *const *>(zones->elts)[i]->is_global) {
            sweep_timer_.arm(kSweepMs);
            return;
        }
    }
}

Outcome Leases::ask(const Counted &counted, int64_t cost, Waiter &waiter) noexcept {
    if (!is_possible(counted.limit, cost)) {
        Outcome out = rejected(counted.limit, 0, 0, cost, 0);
        out.decision.retry_after = 0;  // never
        return out;
    }
    return guarded_or<Outcome>(Outcome{}, log_, "a global limit", [&] {
        return counted.zone->lease != 0 ? ask_slot(counted, cost, waiter)
                                        : ask_redis(counted, cost, waiter, nullptr, {});
    });
}

Outcome Leases::ask_slot(const Counted &counted, int64_t cost, Waiter &waiter) {
    const Micros time = now();
    const uint64_t tag = LeaseTable::tag_of(counted.hash);
    const LeaseTerms terms = LeaseTerms::of(counted.limit, counted.zone->lease);
    LeaseSlot *slot = counted.zone->memory->leases().find_or_claim(tag, time);
    const LeaseSlot::Take take = slot != nullptr ? slot->take(tag, cost, time) : LeaseSlot::Take{};
    Outcome out;
    switch (take.outcome) {
        case LeaseSlot::Outcome::kTaken:
            if (!take.is_over) {
                ask_ahead(counted, terms, *slot, take.units);
            }
            out = allowed(counted.limit, slot->arrival() - time, take.units);
            break;
        case LeaseSlot::Outcome::kOver:
            out = rejected(counted.limit, slot->arrival(), time, cost, take.until - time);
            break;
        case LeaseSlot::Outcome::kUnknown:
            out = ask_redis(counted, cost, waiter, slot, terms);
            break;
    }
    if (slot != nullptr) {
        slot->note_demand(cost);  // after it was asked how many came before
    }
    return out;
}

/// slot: nullptr where nothing is leased
Outcome Leases::ask_redis(const Counted &counted, int64_t cost, Waiter &waiter, LeaseSlot *slot,
                          const LeaseTerms &terms) {
    const bool is_exact = counted.zone->lease == 0;
    if (!is_exact) {
        if (const auto known = joined_.find(counted.hash); known != joined_.end()) {
            known->second->add(waiter, cost);
            return {Verdict::kWaiting, {}};
        }
    }
    if (joined_.size() + exact_.size() >= kMaxFlights) {
        return {};
    }

    auto flight = std::make_unique<Flight>(*this, FlightTarget(counted, terms));
    flight->is_exact = is_exact;
    flight->wanted = cost;
    flight->least = needed(cost);
    if (slot != nullptr) {
        flight->ask_for_more(*slot);
    }
    Flight *sent = take_off(std::move(flight));
    if (sent == nullptr) {
        return {};
    }
    sent->add(waiter, cost);
    return {Verdict::kWaiting, {}};
}

/// Before the last units are spent, so that few requests have to wait.
void Leases::ask_ahead(const Counted &counted, const LeaseTerms &terms, LeaseSlot &slot, int64_t units) {
    if (terms.max_units <= 1 || units * 4 > terms.max_units) {
        return;
    }
    const Micros time = now();
    const int64_t expected = std::min(slot.expected(terms, time), terms.max_units - units);
    if (units * 4 > expected || expected <= 0 || joined_.contains(counted.hash) ||
        joined_.size() + exact_.size() >= kMaxFlights || !slot.begin_to_ask(time, time + kAskingFor)) {
        return;
    }
    auto flight = std::make_unique<Flight>(*this, FlightTarget(counted, terms));
    flight->is_asker = true;
    flight->wanted = expected;
    flight->least = 1;
    take_off(std::move(flight));
}

/// returns nullptr: it could not be sent
Flight *Leases::take_off(std::unique_ptr<Flight> flight) {
    Flights &flights = flight->is_exact ? exact_ : joined_;
    flight->number = flight->is_exact ? ++last_number_ : flight->target.hash;
    const auto place = flights.emplace(flight->number, std::move(flight)).first;
    Flight *sent = place->second.get();
    if (sent->send()) {
        return sent;
    }
    if (LeaseSlot *slot = sent->is_asker ? sent->slot() : nullptr) {
        slot->end_to_ask();
    }
    flights.erase(place);
    return nullptr;
}

void Leases::on_reply(Flight &flight, const redis::Answer &answer) {
    if (answer.status == redis::ReplyStatus::kError && answer.text == "NOSCRIPT" && !flight.is_whole) {
        flight.is_whole = true;
        if (flight.send()) {
            return;
        }
    }

    // Out of its map first: whoever is told may ask again.
    Flights &flights = flight.is_exact ? exact_ : joined_;
    const std::unique_ptr<Flight> own = std::move(flights.find(flight.number)->second);
    flights.erase(flight.number);
    if (LeaseSlot *slot = flight.is_asker ? flight.slot() : nullptr) {
        slot->end_to_ask();
    }

    const redisReply *reply = answer.status == redis::ReplyStatus::kArray ? answer.raw : nullptr;
    if (reply != nullptr && reply->elements >= 3 &&
        std::all_of(reply->element, reply->element + 3,
                    [](const redisReply *element) { return element->type == REDIS_REPLY_INTEGER; })) {
        settle(flight, reply->element[0]->integer, reply->element[1]->integer, reply->element[2]->integer);
    }
    flight.wake_all();
}

void Leases::settle(Flight &flight, int64_t taken, Micros wait, Micros owed) {
    const FlightTarget &target = flight.target;
    const Micros time = now();
    const bool is_spent = owed > target.limit.burst_tolerance;
    const bool is_over = taken < flight.wanted || (flight.wanted == 0 && is_spent);
    // What was too little for the request that was asked for may be enough for a cheaper one: it must ask.
    const auto is_answered_for = [&](const Waiter &waiter) {
        return is_over && (taken > 0 || is_spent || waiter.cost >= flight.least);
    };
    const Micros pause = flight.is_exact ? 0 : target.terms.pause;
    int64_t left = taken;
    const auto fits = [&](const Waiter &waiter) {
        return needed(waiter.cost) <= left || (waiter.cost == 0 && !is_spent);
    };
    std::vector<Waiter *> again;
    for (Waiter *waiter = flight.first; waiter != nullptr; waiter = waiter->next) {
        if (fits(*waiter)) {
            left -= waiter->cost;
            waiter->outcome = allowed(target.limit, owed, left);
        } else if (is_answered_for(*waiter)) {
            waiter->outcome = rejected(target.limit, time + owed, time, waiter->cost, std::max(wait, pause));
        } else {
            again.push_back(waiter);  // came after the question was sent, or is cheaper
        }
    }

    LeaseSlot *slot =
        flight.is_exact ? nullptr : target.zone->memory->leases().find_or_claim(target.tag, time);
    if (slot != nullptr) {
        slot->set_id(target.id.high, target.id.low);
        slot->set_arrival(time + owed);
        if (!is_over) {
            slot->put(target.tag, left, time + target.terms.lifetime, false, time);
        } else if (is_spent) {
            slot->put(target.tag, left, time + std::max(wait, pause), true, time);
        }
    }
    if (!again.empty()) {
        ask_again(flight, again, slot);
    }
}

void Leases::ask_again(Flight &flight, const std::vector<Waiter *> &waiters, LeaseSlot *slot) {
    auto next = std::make_unique<Flight>(*this, flight.target);
    next->least = needed(waiters.front()->cost);
    for (const Waiter *waiter : waiters) {
        next->wanted += waiter->cost;
    }
    if (slot != nullptr) {
        next->ask_for_more(*slot);
    }
    Flight *sent = take_off(std::move(next));
    for (Waiter *waiter : waiters) {
        waiter->outcome = {};
        if (sent != nullptr) {
            flight.remove(*waiter);
            sent->add(*waiter, waiter->cost);
        }
    }
}

void Leases::leave(Waiter &waiter) noexcept {
    if (waiter.flight != nullptr) {
        waiter.flight->remove(waiter);
    }
}

void Leases::give_back(const Counted &counted, int64_t cost) noexcept {
    if (counted.zone->lease == 0) {
        guarded_event(log_, "a global limit", [&] {
            send_back(*counted.zone, Id::of(counted).redis_key(*counted.zone), counted.limit, cost);
        });
        return;
    }
    const uint64_t tag = LeaseTable::tag_of(counted.hash);
    if (LeaseSlot *slot = counted.zone->memory->leases().find(tag)) {
        slot->give_back(tag, cost, now());
    }
}

void Leases::send_back(const Zone &zone, const std::string &redis_key, const Limit &limit, int64_t units) {
    const TakeUnits arguments(limit, 0, 0, units);
    const std::string_view words[] = {"EVALSHA",
                                      sha1_,
                                      "1",
                                      redis_key,
                                      arguments.argument(0),
                                      arguments.argument(1),
                                      arguments.argument(2),
                                      arguments.argument(3),
                                      arguments.argument(4)};
    zone.memory->count(Tally::kRedisCalls);
    redis_.send(redis_key, words, nullptr);  // if it is lost, these units are not spent
}

void Leases::sweep() noexcept {
    guarded_event(log_, "leases that have ended", [&] {
        const ngx_array_t *zones = conf_.limit_zones;
        for (ngx_uint_t i = 0; i < zones->nelts; ++i) {
            const Zone &zone = *static_cast<Zone *const *>(zones->elts)[i];
            if (zone.is_global && zone.rate_value == nullptr && zone.burst_value == nullptr) {
                sweep(zone);
            }
        }
    });
    sweep_timer_.arm(kSweepMs);
}

void Leases::sweep(const Zone &zone) {
    const Micros time = now();
    int sent = 0;
    for (LeaseSlot &slot : zone.memory->begin_sweep(time, kSweepMs * 1000 / 2, kSlotsOfSweep)) {
        const uint64_t tag = slot.tag();
        const Id id{slot.id_high(), slot.id_low()};
        const int64_t units = tag != 0 ? slot.withdraw(tag, time) : 0;
        if (units == 0 || slot.tag() != tag) {
            continue;
        }
        send_back(zone, id.redis_key(zone), zone.limit, units);
        if (++sent == kSentBackOfSweep) {
            return;
        }
    }
}

}  // namespace nexus::edge::limits
