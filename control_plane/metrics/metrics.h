// nexusd's Prometheus metrics, by name and not by library: the reference implementation's names where they
// apply. Hides prometheus-cpp in one translation unit. Label values come from fixed sets or from provider
// names.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace nexus::control {

class Metrics {
public:
    Metrics();
    ~Metrics();
    Metrics(const Metrics &) = delete;
    Metrics &operator=(const Metrics &) = delete;

    // nexus_http_requests_total{route,method,status}, nexus_http_request_duration_seconds{route}
    void http_request(std::string_view route, std::string_view method, int status, double seconds);
    void http_in_flight(int delta);  // nexus_http_requests_in_flight
    void http_overloaded();          // nexus_http_overloaded_total

    void consent_created(bool with_openid);  // oauth_consents_created_total, oauth_consents_with_openid_total
    // oauth_token_exchanges_total{status}, oauth_exchange_duration_seconds; status: success, error
    void token_exchange(std::string_view status, double seconds);
    void id_token_returned();  // oauth_id_tokens_returned_total
    void token_get(std::string_view provider,
                   bool has_id_token);  // oauth_token_get_total{provider,has_id_token}
    void oidc_discovery(std::string_view result,
                        double seconds);  // oidc_discovery_total{result}, .._duration_seconds
    void oidc_verification(std::string_view result, double seconds);  // oidc_verifications_total{result}, ..
    // token_refresh_total{provider,result}, token_refresh_duration_seconds{provider}
    void token_refresh(std::string_view provider, std::string_view result, double seconds);

    // nexus_cache_writes_total{kind,result}; kind: token, agent; result: written, refused, error
    void cache_write(std::string_view kind, std::string_view result);
    void outbox_depth(int64_t rows);          // nexus_cache_outbox_depth
    void store_error(std::string_view kind);  // nexus_store_errors_total{kind}: connection, timeout, lost, ..
    void audit_event(std::string_view type);  // nexus_audit_events_total{type}
    void egress_request(
        std::string_view result);  // nexus_egress_requests_total{result}: ok, denied, unavailable

    /// Prometheus text format 0.0.4.
    std::string render() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace nexus::control
