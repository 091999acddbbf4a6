#include "ngx_module/redis/sentinel/master_watch.h"

#include <algorithm>
#include <utility>

#include "ngx_module/ngx/guarded.h"

namespace nexus::edge::redis {
namespace {

constexpr ngx_msec_t kElsewherePauseMs = 1000;

}  // namespace

MasterWatch::MasterWatch(const RedisConf &conf, ngx_log_t *log, Owner &owner)
    : log_(log), owner_(owner), lookup_(conf, log) {
    Sentinel::Owner &self = *this;
    sentinels_.reserve(conf.servers.size());
    for (const Address &address : conf.servers) {
        sentinels_.push_back(std::make_unique<Sentinel>(conf, address, log, self));
    }
}

void MasterWatch::start() noexcept {
    for (const auto &sentinel : sentinels_) {
        sentinel->start();
    }
}

void MasterWatch::doubt() noexcept {
    in_doubt_ = true;
    for (const auto &sentinel : sentinels_) {
        sentinel->ask();
    }
}

void MasterWatch::on_heard() noexcept {
    guarded_event(log_, "who the master is", [&] { judge(); });
}

/// Of several that are named by as many, or that a name has, some may be gone as well: one after the other,
/// with a pause.
bool MasterWatch::may_look_elsewhere() const noexcept {
    return in_doubt_ && ngx_current_msec - chosen_at_ >= kElsewherePauseMs;
}

/// Where they differ, some are cut off from the others: most of them are right. Of as many, the one that is
/// known, unless it is in doubt.
void MasterWatch::judge() {
    const bool prefers_known = !may_look_elsewhere();
    const Sentinel *best = nullptr;
    std::pair<ptrdiff_t, bool> most;
    for (const auto &sentinel : sentinels_) {
        if (!sentinel->master()) {
            continue;
        }
        const auto votes = std::count_if(sentinels_.begin(), sentinels_.end(), [&](const auto &other) {
            return other->master() == sentinel->master();
        });
        const std::pair weight(votes, (sentinel->master() == master_) == prefers_known);
        if (best == nullptr || weight > most) {
            best = sentinel.get();
            most = weight;
        }
    }
    if (best == nullptr) {
        return;
    }
    // The first one is not taken for the quickest to answer.
    const bool all_were_heard = std::all_of(sentinels_.begin(), sentinels_.end(),
                                            [](const auto &sentinel) { return sentinel->was_heard(); });
    if (!master_ && !all_were_heard && static_cast<size_t>(most.first) * 2 <= sentinels_.size()) {
        return;
    }
    if (master_ != best->master()) {
        master_ = best->master();
        chosen_at_ = ngx_current_msec;
        in_doubt_ = false;
    }
    lookup_.start(
        *master_,
        [this](std::optional<Address> address) {
            if (address) {
                use(*address);
            }
        },
        prefers_known && address_ ? &*address_ : nullptr);
}

void MasterWatch::use(const Address &address) noexcept {
    guarded_event(log_, "a master's address", [&] {
        if (address_ != address) {
            address_ = address;
            chosen_at_ = ngx_current_msec;
            in_doubt_ = false;
        }
        owner_.on_master(address);
    });
}

}  // namespace nexus::edge::redis
