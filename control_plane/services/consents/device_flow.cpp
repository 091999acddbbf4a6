// The device grant's second half (RFC 8628 sections 3.4 and 3.5): the provider is asked whenever the person's
// page comes back, at most once an interval by all processes together, and its answer ends the flow as a
// callback does.
#include <algorithm>

#include "control_plane/log/log.h"
#include "control_plane/oauth/code_verifier_box.h"
#include "control_plane/oauth/variables.h"
#include "control_plane/services/consents/callback_service.h"
#include "control_plane/store/flow_poll.h"
#include "control_plane/store/transition.h"

namespace nexus::control {

namespace {

constexpr UnixMs kTurnMs = 25 * 1000;  // longer than the HTTP client's time-outs of two tries
constexpr int64_t kSlowerByS = 5;      // slow_down
constexpr int64_t kMaxIntervalS = 300;

bool is_not_yet(const TokenResponse &response) {
    return is_passing(response.outcome);
}

// Transient errors but "not yet" are answered by asking less often (section 3.5).
int64_t next_interval(int64_t interval_s, const TokenResponse &response) {
    if (response.reason == "authorization_pending") {
        return interval_s;
    }
    const int64_t longer = response.reason == "slow_down" ? interval_s + kSlowerByS : interval_s * 2;
    return std::min(std::max(longer, response.retry_after_s), kMaxIntervalS);
}

std::string end_code(const TokenResponse &response) {
    const bool known = response.reason == "access_denied" || response.reason == "expired_token";
    return known ? response.reason : "token_exchange_failed";
}

}  // namespace

Result<std::optional<FlowEnd>> CallbackService::ask_device(const Caller &caller,
                                                           const store::Connection &connection,
                                                           const store::Provider &provider) {
    Result<Secret> box = open_code_verifier(vault_, connection);
    Result<DeviceAuthorization> device = box ? parse_device_authorization(box->view()) : fail(box.error());
    if (!device) {
        return fail(device.error());
    }
    const UnixMs asked_at = clock_();
    Result<std::optional<int64_t>> turn = store::connections::claim_flow_poll(
        database_, connection.id, connection.flow_id, asked_at, asked_at + kTurnMs);
    if (!turn || !*turn) {
        return turn ? Result<std::optional<FlowEnd>>{std::nullopt} : fail(turn.error());
    }
    Flow flow{connection, provider};
    Result<OAuthClient> client = client_of(flow, CallbackInput{});
    Result<void> ready = client ? use_dpop_key(*client, Secret{}) : fail(client.error());
    if (!ready) {
        return fail(ready.error());
    }
    TokenResponse response = endpoint_.poll_device(*client, device->device_code);
    if (!is_not_yet(response)) {
        return end_device(caller, std::move(flow), *client, std::move(response), asked_at);
    }
    const int64_t interval_s = next_interval(std::max(device->interval_s, **turn), response);
    log::debug("device_flow_pending", {{"connection_id", connection.id}, {"reason", response.reason}});
    Result<void> scheduled = store::connections::schedule_flow_poll(
        database_, connection.id, connection.flow_id, clock_() + interval_s * 1000, interval_s);
    return scheduled ? Result<std::optional<FlowEnd>>{std::nullopt} : fail(scheduled.error());
}

// Used up only now: until the provider says something final, the flow goes on.
Result<std::optional<FlowEnd>> CallbackService::end_device(const Caller &caller, Flow flow,
                                                           const OAuthClient &client, TokenResponse response,
                                                           UnixMs asked_at) {
    Result<store::Connection> taken = database_.transact([&](store::Transaction &sql) {
        return store::connections::take_flow(sql, flow.connection.id, flow.connection.flow_id, clock_());
    });
    if (!taken) {
        return fail(taken.error());
    }
    flow.connection = std::move(*taken);
    if (response.outcome != TokenOutcome::kTokens) {
        const std::string code = end_code(response);
        log::warn("device_flow_refused",
                  {{"connection_id", flow.connection.id}, {"reason", response.reason}});
        return std::optional{fail_flow(caller, flow, audit::kOauthError, code)};
    }
    Result<Grant> grant = grant_of(flow, client, {}, std::move(response), asked_at);
    Result<void> done = grant
                            ? store_if_same_account(caller, flow, client, CallbackInput{}, std::move(*grant))
                            : fail(grant.error());
    return std::optional{done ? succeeded(flow) : fail_with(caller, flow, done.error())};
}

}  // namespace nexus::control
