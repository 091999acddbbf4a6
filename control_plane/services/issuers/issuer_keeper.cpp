// Issuers' keys kept current: see issuer_keeper.h.
#include "control_plane/services/issuers/issuer_keeper.h"

#include "control_plane/log/log.h"

namespace nexus::control {

IssuerKeeper::IssuerKeeper(IssuerService &issuers, std::chrono::milliseconds interval)
    : issuers_(issuers), interval_(interval) {}

IssuerKeeper::~IssuerKeeper() {
    stop();
}

void IssuerKeeper::start() {
    thread_ = std::thread([this] { run(); });
}

void IssuerKeeper::stop() {
    {
        const std::scoped_lock lock(mutex_);
        is_stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) {
        thread_.join();
    }
}

void IssuerKeeper::run() noexcept {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, interval_, [this] { return is_stopping_; })) {
        lock.unlock();
        try {
            issuers_.renew_all();
        } catch (const std::exception &) {
            log::error("issuer_round_failed");
        }
        lock.lock();
    }
}

}  // namespace nexus::control
