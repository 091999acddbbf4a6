// Keeps providers' documents fresh in the background: loads those of living providers at the start, refreshes
// what is in use before it expires, writes down what was used, and forgets what nobody uses. With several
// nexusd, the claim in the row makes one of them do each fetch.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "control_plane/oidc/discovery.h"

namespace nexus::control {

struct DocumentKeeperOptions {
    unsigned threads = 2;  // a provider that hangs holds up one
    std::chrono::milliseconds interval{5000};
    std::chrono::milliseconds forget_interval{std::chrono::hours(1)};
    std::chrono::milliseconds start_jitter{1000};  // nexusd are often started together
};

class DocumentKeeper {
public:
    /// The issuers to warm up. errors: it is asked again later
    using Sources = std::function<Result<std::vector<IssuerSource>>()>;

    DocumentKeeper(Discovery &discovery, Sources sources, DocumentKeeperOptions options = {});
    ~DocumentKeeper();  // stops
    DocumentKeeper(const DocumentKeeper &) = delete;
    DocumentKeeper &operator=(const DocumentKeeper &) = delete;

    void start();
    /// A request to a provider that is under way is waited for.
    void stop();

private:
    void run(bool is_first) noexcept;
    void keep_house();
    void warm_up();
    void forget_unused();
    bool is_stopping();
    bool sleep_for(std::chrono::milliseconds time);  // returns false when stopped

    Discovery &discovery_;
    Sources sources_;
    DocumentKeeperOptions options_;
    // Of the first thread.
    bool has_sources_ = false;
    std::vector<IssuerSource> to_warm_up_;
    std::chrono::steady_clock::time_point forgot_at_{};

    std::mutex mutex_;
    std::condition_variable wake_;
    bool is_stopping_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace nexus::control
