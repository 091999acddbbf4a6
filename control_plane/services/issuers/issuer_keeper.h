// Looks again and again whether issuers have changed the keys that they publish; what it finds goes to edges.
// Between looks the documents are refreshed by oidc/document_keeper.h, so that a look asks nobody outside.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "control_plane/services/issuers/issuer_service.h"

namespace nexus::control {

class IssuerKeeper {
public:
    explicit IssuerKeeper(IssuerService &issuers,
                          std::chrono::milliseconds interval = std::chrono::seconds{15});
    ~IssuerKeeper();  // stops
    IssuerKeeper(const IssuerKeeper &) = delete;
    IssuerKeeper &operator=(const IssuerKeeper &) = delete;

    void start();
    void stop();

private:
    void run() noexcept;

    IssuerService &issuers_;
    std::chrono::milliseconds interval_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool is_stopping_ = false;
    std::thread thread_;
};

}  // namespace nexus::control
