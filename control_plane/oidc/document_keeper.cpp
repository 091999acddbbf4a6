// Documents kept fresh: see document_keeper.h.
#include "control_plane/oidc/document_keeper.h"

#include <random>

#include "control_plane/log/log.h"

namespace nexus::control {

DocumentKeeper::DocumentKeeper(Discovery &discovery, Sources sources, DocumentKeeperOptions options)
    : discovery_(discovery), sources_(std::move(sources)), options_(options) {}

DocumentKeeper::~DocumentKeeper() {
    stop();
}

void DocumentKeeper::start() {
    for (unsigned i = 0; i < options_.threads; ++i) {
        threads_.emplace_back([this, i] { run(i == 0); });
    }
}

void DocumentKeeper::stop() {
    {
        const std::scoped_lock lock(mutex_);
        is_stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread &thread : threads_) {
        thread.join();
    }
    threads_.clear();
}

void DocumentKeeper::run(bool is_first) noexcept {
    try {
        std::mt19937 random{std::random_device{}()};
        std::uniform_int_distribution<int64_t> jitter(0, options_.start_jitter.count());
        if (!sleep_for(std::chrono::milliseconds(jitter(random)))) {
            return;
        }
    } catch (const std::exception &) {
        // No jitter, then.
    }
    do {
        try {
            if (is_first) {
                keep_house();
            }
            while (!is_stopping() && discovery_.documents().refresh_one()) {
            }
        } catch (const std::exception &) {
            log::error("oidc_document_round_failed");
        }
    } while (sleep_for(options_.interval));
    if (is_first) {
        discovery_.documents().write_uses();
    }
}

void DocumentKeeper::keep_house() {
    warm_up();
    discovery_.documents().write_uses();
    forget_unused();
    discovery_.documents().report_ages();
}

// Who is away is asked again each round; the document's own backoff decides whether that reaches the
// provider.
void DocumentKeeper::warm_up() {
    if (!has_sources_) {
        Result<std::vector<IssuerSource>> sources = sources_();
        if (!sources) {
            return;
        }
        has_sources_ = true;
        to_warm_up_ = std::move(*sources);
    }
    std::erase_if(to_warm_up_, [this](const IssuerSource &source) {
        return !is_stopping() && discovery_.warm_up(source);
    });
}

void DocumentKeeper::forget_unused() {
    const auto now = std::chrono::steady_clock::now();
    if (forgot_at_ != std::chrono::steady_clock::time_point{} &&
        now - forgot_at_ < options_.forget_interval) {
        return;
    }
    forgot_at_ = now;
    if (const int64_t count = discovery_.documents().forget_unused(); count > 0) {
        log::info("oidc_documents_forgotten", {{"count", count}});
    }
}

bool DocumentKeeper::is_stopping() {
    const std::scoped_lock lock(mutex_);
    return is_stopping_;
}

bool DocumentKeeper::sleep_for(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    return !wake_.wait_for(lock, time, [this] { return is_stopping_; });
}

}  // namespace nexus::control
