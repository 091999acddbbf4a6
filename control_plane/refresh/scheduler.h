// Finds what is due and has the engine refresh it: one thread that sleeps until the next row of the queue is
// due, or something changes. A round costs a few steps of an index for each provider that has rows, however
// many there are. Several nexusd share the work without talking to each other: claims decide.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "control_plane/refresh/refresh_engine.h"

namespace nexus::control {

struct SchedulerOptions {
    std::chrono::milliseconds longest_sleep{1000};  // rows of other processes, and of new connections
    std::chrono::milliseconds pause{50};            // after some of a provider's were due
    std::chrono::milliseconds shortest_sleep{10};   // between rounds while there is more to do
    int64_t round = static_cast<int64_t>(store::refreshes::kMaxClaims);  // claims of a provider in one round
    int64_t slot_lead_ms = 150;  // from a claim to its request, with room
    int64_t slot_horizon_ms = 250;
};

class Scheduler {
public:
    Scheduler(store::Database &database, RefreshEngine &engine, Clock clock, Metrics *metrics = nullptr,
              SchedulerOptions options = {});
    ~Scheduler();  // stops; the engine must have ended what is in flight, or live no longer
    Scheduler(const Scheduler &) = delete;
    Scheduler &operator=(const Scheduler &) = delete;

    void start();
    /// Claims no more; what was claimed is the engine's to end.
    void stop();
    /// Something may be due that was not.
    void notify();
    /// One round. returns when the next one is worth it: Unix ms
    UnixMs run_once();

private:
    struct Round {
        UnixMs next_at = 0;
        bool has_more = false;
    };
    void run() noexcept;
    void serve(const std::string &provider_id, Round &round);
    void settle_open(const store::Provider &provider, const OAuthProfile &profile);
    size_t claim(const store::Provider &provider, const OAuthProfile &profile,
                 const std::vector<store::DueRow> &rows, const std::vector<int64_t> &slots_us);
    size_t begin_some(const store::Provider &provider, const OAuthProfile &profile,
                      const Admission &admission, UnixMs now);
    std::vector<store::DueRow> candidates(const std::string &provider_id, UnixMs now, size_t count);
    void report(const std::vector<store::DueProvider> &providers, UnixMs now);

    store::Database &database_;
    RefreshEngine &engine_;
    Clock clock_;
    Metrics *metrics_;
    const SchedulerOptions options_;
    size_t first_ = 0;   // whose turn it is to be served first
    double look_ = 0.5;  // of the time between the oldest due row and now, where to look as well
    std::mutex mutex_;
    std::condition_variable wake_;
    bool is_notified_ = false;
    bool is_stopping_ = false;
    std::thread thread_;
};

}  // namespace nexus::control
