// nexusd's Prometheus metrics, by name and not by library: the reference implementation's names where they
// apply. Hides prometheus-cpp in one translation unit. Label values come from fixed sets or from provider
// names, whose number is bounded. docs/variables-and-metrics.md lists them, and a test holds it against
// `catalogue`.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nexus::control {

struct MetricInfo {
    std::string name;
    std::string type;  // counter, gauge, histogram
    std::vector<std::string> labels;
    std::string meaning;
};

class Metrics {
public:
    Metrics();
    ~Metrics();
    Metrics(const Metrics &) = delete;
    Metrics &operator=(const Metrics &) = delete;

    // nexus_http_requests_total{route,method,status}, nexus_http_request_duration_seconds{route}
    void http_request(std::string_view route, std::string_view method, int status, double seconds);
    void http_in_flight(int delta);    // nexus_http_requests_in_flight
    void http_overloaded();            // nexus_http_overloaded_total
    void http_connections(int delta);  // nexus_http_connections
    // nexus_http_connections_cut_total{reason}; reason: too_many, slow_request, idle
    void http_connection_cut(std::string_view reason);

    void consent_created(bool with_openid);  // oauth_consents_created_total, oauth_consents_with_openid_total
    // oauth_token_exchanges_total{status}, oauth_exchange_duration_seconds; status: success, error
    void token_exchange(std::string_view status, double seconds);
    void id_token_returned();  // oauth_id_tokens_returned_total
    void token_get(std::string_view provider,
                   bool has_id_token);  // oauth_token_get_total{provider,has_id_token}
    void oidc_discovery(std::string_view result,
                        double seconds);                  // oidc_discovery_total{result}, .._duration_seconds
    void oidc_discovery_served(std::string_view result);  // the same without a request: cached, stale
    void oidc_jwks_fetch(std::string_view result);        // oidc_jwks_fetch_total{result}
    void oidc_document_age(std::string_view kind, double seconds);  // oidc_document_age_seconds{kind}
    // oidc_verifications_total{result,reason}, oidc_verification_duration_seconds
    // reason: IdTokenRefusal's code, or none
    void oidc_verification(std::string_view result, std::string_view reason, double seconds);
    // token_refresh_total{provider,result}, token_refresh_duration_seconds{provider}
    void token_refresh(std::string_view provider, std::string_view result, double seconds);
    void refresh_lag(double seconds);          // nexus_refresh_lag_seconds: from when it was due until it was stored
    void refresh_overdue(double seconds);      // nexus_refresh_overdue_seconds: of the oldest row that is due
    void refreshes_in_flight(size_t count);    // nexus_refreshes_in_flight
    void refresh_journal(size_t answers);      // nexus_refresh_journal_answers: that the database has not taken yet
    void refresh_lane_blocked(std::string_view reason);  // nexus_refresh_lane_blocks_total{reason}

    // nexus_cache_writes_total{kind,result}; kind: token, agent; result: written, refused, error
    void cache_write(std::string_view kind, std::string_view result);
    void outbox_depth(int64_t rows);  // nexus_cache_outbox_depth
    // nexus_redis_command_duration_seconds{result}, nexus_redis_up. result: ok, error (Redis said so),
    // unavailable
    void redis_command(std::string_view result, double seconds);

    // nexus_store_query_duration_seconds{outcome}: ok, conflict, retry, timeout, lost, statement
    void store_query(std::string_view outcome, double seconds);
    void store_error(std::string_view kind);  // nexus_store_errors_total{kind}: connection, timeout, lost, ..
    void store_pool_size(unsigned size);      // nexus_store_pool_size
    void store_pool_in_use(int delta);        // nexus_store_pool_in_use
    void store_pool_waiting(int delta);       // nexus_store_pool_waiting

    void audit_event(std::string_view type);  // nexus_audit_events_total{type}
    void audit_queue_depth(size_t events);    // nexus_audit_queue_depth
    void audit_write(double seconds);         // nexus_audit_write_duration_seconds
    void audit_lost(size_t events);           // nexus_audit_events_lost_total
    void audit_trimmed(int64_t rows);         // nexus_audit_trimmed_total
    void audit_suppressed();                  // nexus_audit_refusals_suppressed_total

    // nexus_vault_resealed_total{kind}: credentials, client_secret, code_verifier, installation
    void vault_resealed(std::string_view kind, int64_t boxes);
    // nexus_vault_refusals_total{reason}: rolled_back, seal_broken, unknown_key, unreadable
    void vault_refusal(std::string_view reason);

    // nexus_egress_requests_total{provider,result}, nexus_egress_request_duration_seconds{provider}
    // provider: its name, "" where none is known; result: ok, denied, unavailable
    void egress_request(std::string_view provider, std::string_view result, double seconds);

    /// Every metric there is, with or without a sample.
    std::span<const MetricInfo> catalogue() const noexcept;
    /// Prometheus text format 0.0.4.
    std::string render() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace nexus::control
