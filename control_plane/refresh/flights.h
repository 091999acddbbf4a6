// One refresh per connection in this process: whoever finds one in flight waits for its end. No thread
// belongs to a flight; those that wait sleep.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "control_plane/store/connection_repository.h"
#include "shared/result.h"

namespace nexus::control {

using RefreshOutcome = Result<store::Connection>;

struct Flight {
    std::string connection_id;
    std::optional<RefreshOutcome> outcome;  // by Flights' lock
};

class Flights {
public:
    /// returns the flight of this connection, and whether the caller has begun it and must see to its end
    std::pair<std::shared_ptr<Flight>, bool> join(const std::string &connection_id);
    /// Wakes all that wait; the next `join` begins anew. A second outcome counts for nothing.
    void land(const std::shared_ptr<Flight> &flight, RefreshOutcome outcome);
    /// errors kTokenUnavailable: it took longer than max_wait
    RefreshOutcome wait(const std::shared_ptr<Flight> &flight, std::chrono::milliseconds max_wait);
    size_t size() const;

private:
    mutable std::mutex mutex_;
    std::condition_variable landed_;
    std::map<std::string, std::shared_ptr<Flight>> flights_;
};

}  // namespace nexus::control
