#include "control_plane/redis/master_finder.h"

#include "shared/resp/announcement.h"

namespace nexus::control {

namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::seconds kAskAgain{1};
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

Result<resp::HostPort> MasterFinder::ask() {
    Error last = redis_unavailable("there are no Sentinels").value();
    for (size_t i = 0; i < sentinels_.size(); ++i) {
        const size_t place = (current_ + i) % sentinels_.size();
        RedisConnection &sentinel = *sentinels_[place];
        Result<resp::Reply> reply =
            checked(sentinel.command({"SENTINEL", "get-master-addr-by-name", target_.master_name}));
        if (!reply) {
            last = std::move(reply.error());
            continue;
        }
        if (const std::optional<resp::HostPort> master = resp::parse_master(**reply)) {
            current_ = place;
            return *master;
        }
        last = redis_unavailable("Sentinel " + sentinel.server().host + " knows no master \"" +
                                 target_.master_name + "\"")
                   .value();
    }
    return fail(std::move(last));
}

}  // namespace nexus::control
