// The engine's turns: steps of fetches first, then finished lookups, until there is nothing left.
#include "ngx_module/lookup/fetches.h"

#include <algorithm>
#include <utility>

#include "ngx_module/ngx/guarded.h"

namespace nexus::edge {
namespace {

// Wake-ups come by eventfd; this is for owners that die, and for nginx without eventfds.
constexpr ngx_msec_t kWatchMs = 100;
constexpr int kRequestsPerTurn = 64;  // then other connections have their turn

}  // namespace

Fetches::Fetches(const FetchTools &tools) noexcept
    : tools_(tools),
      turn_(tools.log, this, [](void *self) noexcept { static_cast<Fetches *>(self)->on_turn(); }),
      watch_timer_(tools.log, this, [](void *self) noexcept { static_cast<Fetches *>(self)->on_watch(); }) {
    ngx_queue_init(&done_);
}

Fetches::~Fetches() = default;

bool Fetches::join(Waiter &waiter, const FetchKey &key, cache::Freshness known) noexcept {
    return guarded_or<bool>(false, tools_.log, "a lookup", [&] {
        auto found = fetches_.find(key);
        if (found != fetches_.end()) {
            found->second->add(waiter);
            return true;
        }
        const Lookup &lookup = *waiter.lookup;
        FetchOrder order{.id = lookup.id, .refresh_above_generation = lookup.refresh_above_generation};
        order.known = known;
        order.server = core_srv_conf(lookup.request);
        Fetch &fetch = make(key, order);
        fetch.add(waiter);
        fetch.begin();
        return true;
    });
}

Fetch &Fetches::make(const FetchKey &key, const FetchOrder &order) {
    // Room for its end is made now, so that ending cannot fail.
    over_.reserve(fetches_.size() + over_.size() + 1);
    steps_.reserve(fetches_.size() + over_.size() + 1);
    auto made = std::make_unique<Fetch>(*this, key, order);
    Fetch &fetch = *made;
    fetches_.emplace(key, std::move(made));
    return fetch;
}

void Fetches::refresh_early(const cache::Key &key, const FetchOrder &order) noexcept {
    guarded_event(tools_.log, "an early refresh", [&] {
        const FetchKey fetch_key{key, cache::Purpose::kEarly};
        if (!fetches_.contains(fetch_key)) {
            make(fetch_key, order).begin();
        }
    });
}

void Fetches::leave(Waiter &waiter) noexcept {
    if (waiter.fetch != nullptr) {
        waiter.fetch->remove(waiter);
    }
    if (waiter.linked) {
        ngx_queue_remove(&waiter.link);
        waiter.linked = false;
    }
}

void Fetches::post_step(Fetch &fetch) noexcept {
    if (std::find(steps_.begin(), steps_.end(), &fetch) == steps_.end()) {
        steps_.push_back(&fetch);  // within what join() reserved
    }
    turn_.post();
}

void Fetches::post_done(Waiter &waiter) noexcept {
    ngx_queue_insert_tail(&done_, &waiter.link);
    waiter.linked = true;
    turn_.post();
}

void Fetches::forget(Fetch &fetch) noexcept {
    const auto found = fetches_.find(fetch.key());
    if (found == fetches_.end() || found->second.get() != &fetch) {
        return;
    }
    over_.push_back(std::move(found->second));  // within what join() reserved
    fetches_.erase(found);
    turn_.post();
}

void Fetches::on_turn() noexcept {
    for (int finished = 0;;) {
        if (!steps_.empty()) {
            Fetch *fetch = steps_.back();
            steps_.pop_back();
            fetch->step();
            continue;
        }
        if (ngx_queue_empty(&done_)) {
            break;
        }
        auto *waiter = ngx_queue_data(ngx_queue_head(&done_), Waiter, link);
        ngx_queue_remove(&waiter->link);
        waiter->linked = false;
        waiter->lookup->done(waiter->lookup);  // the request, and the waiter with it, may be gone afterwards
        if (++finished == kRequestsPerTurn) {
            watch_awaited();  // a worker that is asked to quit stays for those that are left
            turn_.post_next();
            return;
        }
    }
    over_.clear();
}

void Fetches::watch_awaited() noexcept {
    watch_timer_.set_cancelable(false);  // live requests wait
    if (!watch_timer_.is_armed()) {
        watch_timer_.arm(kWatchMs);
    }
}

void Fetches::look_at_awaited(bool thorough) noexcept {
    // Looking may end fetches and begin others, so the ones to look at are collected first.
    guarded_event(tools_.log, "waiting for another worker", [&] {
        std::vector<Fetch *> awaited;
        for (const auto &[key, fetch] : fetches_) {
            if (fetch->is_awaiting()) {
                awaited.push_back(fetch.get());
            }
        }
        for (Fetch *fetch : awaited) {
            if (fetch->is_awaiting()) {  // ended ones stay in over_ until the next turn
                fetch->look_again(thorough);
            }
        }
    });
}

void Fetches::on_wake() noexcept {
    look_at_awaited(false);
}

void Fetches::on_watch() noexcept {
    look_at_awaited(true);
    const bool waiting = std::any_of(fetches_.begin(), fetches_.end(),
                                     [](const auto &entry) { return entry.second->is_awaiting(); });
    if (waiting) {
        watch_awaited();
    }
}

void Fetches::abandon_all() noexcept {
    watch_timer_.cancel();
    while (!fetches_.empty()) {
        fetches_.begin()->second->abandon();  // which takes it out
    }
    turn_.cancel();
}

}  // namespace nexus::edge
