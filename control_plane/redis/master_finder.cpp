#include "control_plane/redis/master_finder.h"

#include <algorithm>
#include <utility>

#include "shared/resp/announcement.h"

namespace nexus::control {

namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::seconds kAskAgain{1};
constexpr std::chrono::seconds kAskAnother{10};
constexpr std::chrono::seconds kAskThemAgain{10};  // when none has answered, which may have taken its time

}  // namespace

MasterFinder::MasterFinder(const RedisTarget &target, const RedisOptions &options, Metrics *metrics)
    : target_(target) {
    for (const resp::HostPort &server : target.servers) {
        sentinels_.push_back(std::make_unique<RedisConnection>(
            target, server, RedisConnection::Role::kSentinel, options, metrics));
    }
}

Result<resp::HostPort> MasterFinder::master() {
    if (is_known_ && SteadyClock::now() < ask_again_at_) {
        return *master_;
    }
    if (SteadyClock::now() >= ask_another_at_) {
        ask_another_at_ = SteadyClock::now() + kAskAnother;
        current_ = (current_ + 1) % sentinels_.size();
    }
    Result<resp::HostPort> named = ask();
    if (named) {
        master_ = *named;
        is_known_ = true;
    } else if (!is_known_) {
        return named;
    }
    ask_again_at_ = SteadyClock::now() + (named ? kAskAgain : kAskThemAgain);
    return *master_;
}

Result<resp::HostPort> MasterFinder::ask_one(size_t place) {
    RedisConnection &sentinel = *sentinels_[place];
    Result<resp::Reply> reply =
        checked(sentinel.command({"SENTINEL", "get-master-addr-by-name", target_.master_name}));
    if (!reply) {
        return fail(std::move(reply.error()));
    }
    if (std::optional<resp::HostPort> master = resp::parse_master(**reply)) {
        return std::move(*master);
    }
    return redis_unavailable("Sentinel " + sentinel.server().host + " knows no master \"" +
                             target_.master_name + "\"");
}

/// What is known already, one of them may confirm.
Result<resp::HostPort> MasterFinder::ask() {
    if (is_known_) {
        Result<resp::HostPort> named = ask_one(current_);
        if (named && *named == *master_) {
            return named;
        }
    }
    return ask_all();
}

/// Where they differ, some are cut off from the others: most of them are right. Of as many, the one that is
/// known, unless it is in doubt.
Result<resp::HostPort> MasterFinder::ask_all() {
    struct Named {
        resp::HostPort master;
        size_t by;
        size_t votes = 0;
    };
    std::vector<Named> all;
    Error last = redis_unavailable("there are no Sentinels").value();
    const Named *most = nullptr;
    all.reserve(sentinels_.size());  // `most` points into it
    for (size_t i = 0; i < sentinels_.size() && (most == nullptr || most->votes * 2 <= sentinels_.size());
         ++i) {
        const size_t place = (current_ + i) % sentinels_.size();
        Result<resp::HostPort> named = ask_one(place);
        if (!named) {
            last = std::move(named.error());
            continue;
        }
        auto found = std::ranges::find(all, *named, &Named::master);
        if (found == all.end()) {
            found = all.insert(found, Named{std::move(*named), place});
        }
        ++found->votes;
        const auto weight = [&](const Named &one) {
            return std::pair(one.votes, (one.master == master_) == is_known_);
        };
        most = most == nullptr || weight(*found) > weight(*most) ? &*found : most;
    }
    if (most == nullptr) {
        return fail(std::move(last));
    }
    current_ = most->by;
    return most->master;
}

}  // namespace nexus::control
