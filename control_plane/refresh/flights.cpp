// One refresh per connection in this process: see flights.h.
#include "control_plane/refresh/flights.h"

#include "control_plane/workers/worker_pool.h"

namespace nexus::control {

std::pair<std::shared_ptr<Flight>, bool> Flights::join(const std::string &connection_id) {
    const std::scoped_lock lock(mutex_);
    auto [found, is_new] = flights_.try_emplace(connection_id);
    if (is_new) {
        found->second = std::make_shared<Flight>();
        found->second->connection_id = connection_id;
    }
    return {found->second, is_new};
}

void Flights::land(const std::shared_ptr<Flight> &flight, RefreshOutcome outcome) {
    {
        const std::scoped_lock lock(mutex_);
        if (!flight->outcome) {
            flight->outcome = std::move(outcome);
        }
        const auto found = flights_.find(flight->connection_id);
        if (found != flights_.end() && found->second == flight) {
            flights_.erase(found);
        }
    }
    landed_.notify_all();
}

RefreshOutcome Flights::wait(const std::shared_ptr<Flight> &flight, std::chrono::milliseconds max_wait) {
    const WaitingElsewhere waiting;
    std::unique_lock lock(mutex_);
    if (!landed_.wait_for(lock, max_wait, [&] { return flight->outcome.has_value(); })) {
        Error error{Errc::kTokenUnavailable, "a refresh of this connection takes too long", {}, 1};
        return fail(std::move(error));
    }
    return *flight->outcome;
}

size_t Flights::size() const {
    const std::scoped_lock lock(mutex_);
    return flights_.size();
}

}  // namespace nexus::control
