// The label "provider": names of registered providers, as many as a time series database should be asked to
// keep.
#pragma once

#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>

namespace nexus::control {

class ProviderNames {
public:
    static constexpr size_t kMaxNames = 100;

    /// "" is "none"; a name beyond the first kMaxNames is "other".
    std::string_view label(std::string_view name) {
        if (name.empty()) {
            return "none";
        }
        {
            const std::shared_lock lock(mutex_);
            if (const auto known = names_.find(name); known != names_.end()) {
                return *known;
            }
        }
        const std::unique_lock lock(mutex_);
        if (names_.size() >= kMaxNames && !names_.contains(name)) {
            return "other";
        }
        return *names_.emplace(name).first;
    }

private:
    std::shared_mutex mutex_;
    std::set<std::string, std::less<>> names_;
};

}  // namespace nexus::control
