// One attempt to refresh one connection, from its claim to its end.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "control_plane/oauth/stored_credentials.h"
#include "control_plane/oauth/token_exchange.h"
#include "control_plane/refresh/answer.h"
#include "control_plane/refresh/decision.h"
#include "control_plane/refresh/flights.h"
#include "control_plane/store/provider_repository.h"
#include "control_plane/store/refresh_repository.h"

namespace nexus::control {

struct Attempt {
    store::Refresh claimed;  // as it was claimed, before the intent
    RefreshWish wish;        // of whoever asked; the scheduler's own: what is due
    bool is_scheduled = false;
    RefreshReuse reuse;
    UnixMs deadline_at = 0;  // for the provider's answer
    int64_t send_at_us = 0;  // the slot that the provider's limits give
    std::shared_ptr<Flight> flight;

    // From `prepare`.
    store::Connection connection;
    store::Provider provider;
    StoredCredentials credentials;
    std::shared_ptr<const OAuthClient> client;
    std::optional<TokenExchange> exchange;
    std::optional<HttpRequest> request;  // the next to send
    UnixMs rate_at = 0;

    // From the intent on.
    UnixMs sent_at = 0;
    std::chrono::steady_clock::time_point started;
    std::atomic<bool> is_judged = false;  // by its answer, or by its deadline; an answer after that is late
    TokenResponse response;
    std::shared_ptr<const Answer> answer;
    int stores_tried = 0;
    bool has_tokens = false;  // the provider gave some, and its lane has not been told yet

    // Where nothing is stored.
    store::Refresh back;  // as it is given back
    std::string why;      // for the audit; "" = it is no failure
    RefreshOutcome outcome = fail(Errc::kInternal, "the refresh did not finish");
    int backs_tried = 0;
};

using AttemptPtr = std::shared_ptr<Attempt>;

inline AttemptPtr make_attempt(store::Refresh claimed, store::Provider provider, const RefreshReuse &reuse,
                               UnixMs deadline_at) {
    auto attempt = std::make_shared<Attempt>();
    attempt->claimed = std::move(claimed);
    attempt->provider = std::move(provider);
    attempt->reuse = reuse;
    attempt->deadline_at = deadline_at;
    return attempt;
}

}  // namespace nexus::control
