// The only file that knows prometheus-cpp. Families are made at the start, in the order of the manual; series
// without labels too, and those whose values are known: an alert that asks for the increase of a series that
// appears with its first event would miss that event.
#include "control_plane/metrics/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <algorithm>
#include <array>
#include <charconv>
#include <functional>

#include "control_plane/metrics/provider_names.h"
#include "control_plane/metrics/series.h"

namespace nexus::control {

namespace {

using prometheus::Counter;
using prometheus::Gauge;
using prometheus::Histogram;

const Histogram::BucketBoundaries kSeconds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                           0.25,  0.5,    1,     2.5,  5,     10};
/// For what usually takes well under a millisecond: one statement, one command.
const Histogram::BucketBoundaries kFineSeconds{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                               0.01,   0.025,   0.05,   0.1,   0.5,    2.5};

/// A method as a label: whatever a client may send, there are few.
std::string_view method_label(std::string_view method) {
    constexpr std::array<std::string_view, 7> kKnown{"GET",   "HEAD",   "POST",   "PUT",
                                                     "PATCH", "DELETE", "OPTIONS"};
    return std::find(kKnown.begin(), kKnown.end(), method) == kKnown.end() ? "other" : method;
}

/// Makes metrics and notes each in the catalogue.
class Maker {
public:
    using Labels = std::vector<std::string>;

    Series<Counter> counter(const char *name, Labels labels, const char *help) {
        note(name, "counter", labels, help);
        return Series<Counter>(prometheus::BuildCounter().Name(name).Help(help).Register(registry),
                               std::move(labels));
    }
    Series<Histogram> histogram(const char *name, Labels labels, const char *help,
                                const Histogram::BucketBoundaries &buckets = kSeconds) {
        note(name, "histogram", labels, help);
        return Series<Histogram>(prometheus::BuildHistogram().Name(name).Help(help).Register(registry),
                                 std::move(labels), buckets);
    }
    Counter &counter(const char *name, const char *help) {
        note(name, "counter", {}, help);
        return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
    }
    Histogram &histogram(const char *name, const char *help,
                         const Histogram::BucketBoundaries &buckets = kSeconds) {
        note(name, "histogram", {}, help);
        return prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add({}, buckets);
    }
    Series<Gauge> gauge(const char *name, Labels labels, const char *help) {
        note(name, "gauge", labels, help);
        return Series<Gauge>(prometheus::BuildGauge().Name(name).Help(help).Register(registry),
                             std::move(labels));
    }
    Gauge &gauge(const char *name, const char *help) {
        note(name, "gauge", {}, help);
        return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
    }

    prometheus::Registry registry;
    std::vector<MetricInfo> catalogue;

private:
    void note(const char *name, const char *type, const Labels &labels, const char *help) {
        catalogue.push_back({name, type, labels, help});
    }
};

}  // namespace

struct Metrics::Impl {
    Maker make;
    ProviderNames providers;

    Series<Counter> requests =
        make.counter("nexus_http_requests_total", {"route", "method", "status"}, "Requests answered");
    Series<Histogram> request_seconds = make.histogram("nexus_http_request_duration_seconds", {"route"},
                                                       "Time from a request's last byte to its answer");
    Gauge &in_flight =
        make.gauge("nexus_http_requests_in_flight", "Requests being worked on or waiting for a worker");
    Counter &overloaded =
        make.counter("nexus_http_overloaded_total", "Requests refused because the queue was full");
    Gauge &connections = make.gauge("nexus_http_connections", "Open connections of clients");
    Series<Counter> cuts = make.counter("nexus_http_connections_cut_total", {"reason"},
                                        "Connections closed on a client that kept them too long or had "
                                        "too many");

    Counter &consents = make.counter("oauth_consents_created_total", "Consents created");
    Counter &openid_consents =
        make.counter("oauth_consents_with_openid_total", "Consents that ask for openid");
    Series<Counter> exchanges =
        make.counter("oauth_token_exchanges_total", {"status"}, "Authorization code exchanges");
    Histogram &exchange_seconds =
        make.histogram("oauth_exchange_duration_seconds", "Duration of code exchanges");
    Counter &id_tokens = make.counter("oauth_id_tokens_returned_total", "Exchanges that gave an id_token");
    Series<Counter> token_gets =
        make.counter("oauth_token_get_total", {"provider", "has_id_token"}, "Token reads");
    Series<Counter> discoveries = make.counter("oidc_discovery_total", {"result"}, "OIDC discoveries");
    Histogram &discovery_seconds =
        make.histogram("oidc_discovery_duration_seconds", "Duration of OIDC discoveries");
    Series<Counter> jwks_fetches =
        make.counter("oidc_jwks_fetch_total", {"result"}, "Requests for a provider's keys");
    Series<Gauge> document_ages =
        make.gauge("oidc_document_age_seconds", {"kind"},
                   "Since the oldest document in use was last confirmed by its provider");
    Series<Counter> verifications =
        make.counter("oidc_verifications_total", {"result", "reason"}, "id_token verifications");
    Histogram &verification_seconds =
        make.histogram("oidc_verification_duration_seconds", "Duration of id_token verifications");
    Series<Counter> refreshes =
        make.counter("token_refresh_total", {"provider", "result"}, "Token refreshes");
    Series<Histogram> refresh_seconds = make.histogram("token_refresh_duration_seconds", {"provider"},
                                                       "Duration of requests that refresh a token");
    Histogram &lag = make.histogram("nexus_refresh_lag_seconds",
                                    "From when a token was due to be refreshed until the new one was stored");
    Gauge &overdue =
        make.gauge("nexus_refresh_overdue_seconds", "Age of the oldest row of the refresh queue that is due");
    Gauge &refreshes_in_flight = make.gauge("nexus_refreshes_in_flight", "Refreshes that have begun");
    Gauge &journal = make.gauge("nexus_refresh_journal_answers",
                                "Answers of providers that the database has not taken yet");
    Series<Counter> lane_blocks = make.counter("nexus_refresh_lane_blocks_total", {"reason"},
                                               "Times that a provider was left alone for a while");

    Series<Counter> cache_writes =
        make.counter("nexus_cache_writes_total", {"kind", "result"}, "Records sent to Redis");
    Gauge &outbox = make.gauge("nexus_cache_outbox_depth", "Records that Redis does not have yet");
    Series<Histogram> redis_seconds = make.histogram("nexus_redis_command_duration_seconds", {"result"},
                                                     "Duration of Redis commands", kFineSeconds);
    Gauge &redis_up = make.gauge("nexus_redis_up", "1 if the last Redis command got an answer");

    Series<Histogram> query_seconds = make.histogram("nexus_store_query_duration_seconds", {"outcome"},
                                                     "Duration of SQL statements and commits", kFineSeconds);
    Series<Counter> store_errors =
        make.counter("nexus_store_errors_total", {"kind"}, "Failures of the database");
    Gauge &pool_size = make.gauge("nexus_store_pool_size", "Most database connections open at once");
    Gauge &pool_in_use = make.gauge("nexus_store_pool_in_use", "Database connections in use");
    Gauge &pool_waiting =
        make.gauge("nexus_store_pool_waiting", "Threads that wait for a database connection");

    Series<Counter> audit_events =
        make.counter("nexus_audit_events_total", {"type"}, "Audit events of reads");
    Gauge &audit_queue = make.gauge("nexus_audit_queue_depth", "Audit events waiting to be written");
    Histogram &audit_seconds =
        make.histogram("nexus_audit_write_duration_seconds", "Duration of writing a batch of audit events");
    Counter &audit_lost =
        make.counter("nexus_audit_events_lost_total", "Audit events that could not be written");

    Counter &audit_trimmed =
        make.counter("nexus_audit_trimmed_total", "Audit rows removed by AUDIT_RETENTION_DAYS");
    Counter &audit_suppressed = make.counter("nexus_audit_refusals_suppressed_total",
                                             "Refusals counted instead of audited one by one");
    Series<Counter> resealed =
        make.counter("nexus_vault_resealed_total", {"kind"}, "Boxes sealed anew by a key rotation");
    Series<Counter> vault_refusals =
        make.counter("nexus_vault_refusals_total", {"reason"}, "Sealed credentials that were not believed");

    Series<Counter> egress =
        make.counter("nexus_egress_requests_total", {"provider", "result"}, "Outgoing HTTP requests");
    Series<Histogram> egress_seconds = make.histogram("nexus_egress_request_duration_seconds", {"provider"},
                                                      "Duration of outgoing HTTP requests");

    void show_known_series() {
        show(cuts, {{"too_many"}, {"slow_request"}, {"idle"}});
        show(exchanges, {{"success"}, {"error"}});
        show(discoveries, {{"success"}, {"error"}, {"cached"}, {"stale"}});
        show(jwks_fetches, {{"fetched"}, {"not_modified"}, {"error"}});
        show(verifications, {{"success", "none"}});
        for (const std::string_view kind : {"token", "agent", "issuer"}) {
            show(cache_writes, {{kind, "written"}, {kind, "refused"}, {kind, "error"}});
        }
        show(redis_seconds, {{"ok"}, {"error"}, {"unavailable"}});
        show(query_seconds, {{"ok"}, {"conflict"}, {"retry"}, {"timeout"}, {"lost"}, {"statement"}});
        show(store_errors, {{"connection"}, {"timeout"}, {"lost"}, {"retries"}, {"statement"}});
        show(resealed, {{"credentials"}, {"client_secret"}, {"code_verifier"}, {"installation"}});
        show(vault_refusals, {{"rolled_back"}, {"seal_broken"}, {"unknown_key"}, {"unreadable"}});
    }

private:
    using Values = std::initializer_list<std::string_view>;

    template <typename Metric>
    static void show(Series<Metric> &series, std::initializer_list<Values> all) {
        for (const Values &values : all) {
            series.at(values);
        }
    }
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {
    impl_->show_known_series();
}
Metrics::~Metrics() = default;

void Metrics::http_request(std::string_view route, std::string_view method, int status, double seconds) {
    const std::string_view template_ = route.empty() ? "none" : route;
    char digits[12];
    const char *end = std::to_chars(digits, digits + sizeof digits, status).ptr;
    impl_->requests.at({template_, method_label(method), {digits, static_cast<size_t>(end - digits)}})
        .Increment();
    impl_->request_seconds.at({template_}).Observe(seconds);
}

void Metrics::http_in_flight(int delta) {
    impl_->in_flight.Increment(delta);
}
void Metrics::http_overloaded() {
    impl_->overloaded.Increment();
}
void Metrics::http_connections(int delta) {
    impl_->connections.Increment(delta);
}
void Metrics::http_connection_cut(std::string_view reason) {
    impl_->cuts.at({reason}).Increment();
}

void Metrics::consent_created(bool with_openid) {
    impl_->consents.Increment();
    if (with_openid) {
        impl_->openid_consents.Increment();
    }
}

void Metrics::token_exchange(std::string_view status, double seconds) {
    impl_->exchanges.at({status}).Increment();
    impl_->exchange_seconds.Observe(seconds);
}

void Metrics::id_token_returned() {
    impl_->id_tokens.Increment();
}

void Metrics::token_get(std::string_view provider, bool has_id_token) {
    impl_->token_gets.at({impl_->providers.label(provider), has_id_token ? "true" : "false"}).Increment();
}

void Metrics::oidc_discovery(std::string_view result, double seconds) {
    impl_->discoveries.at({result}).Increment();
    impl_->discovery_seconds.Observe(seconds);
}

void Metrics::oidc_discovery_served(std::string_view result) {
    impl_->discoveries.at({result}).Increment();
}

void Metrics::oidc_jwks_fetch(std::string_view result) {
    impl_->jwks_fetches.at({result}).Increment();
}

void Metrics::oidc_document_age(std::string_view kind, double seconds) {
    impl_->document_ages.at({kind}).Set(seconds);
}

void Metrics::oidc_verification(std::string_view result, std::string_view reason, double seconds) {
    impl_->verifications.at({result, reason}).Increment();
    impl_->verification_seconds.Observe(seconds);
}

void Metrics::token_refresh(std::string_view provider, std::string_view result, double seconds) {
    const std::string_view name = impl_->providers.label(provider);
    impl_->refreshes.at({name, result}).Increment();
    impl_->refresh_seconds.at({name}).Observe(seconds);
}

void Metrics::refresh_lag(double seconds) {
    impl_->lag.Observe(seconds);
}
void Metrics::refresh_overdue(double seconds) {
    impl_->overdue.Set(seconds);
}
void Metrics::refreshes_in_flight(size_t count) {
    impl_->refreshes_in_flight.Set(static_cast<double>(count));
}
void Metrics::refresh_journal(size_t answers) {
    impl_->journal.Set(static_cast<double>(answers));
}
void Metrics::refresh_lane_blocked(std::string_view reason) {
    impl_->lane_blocks.at({reason}).Increment();
}

void Metrics::cache_write(std::string_view kind, std::string_view result) {
    impl_->cache_writes.at({kind, result}).Increment();
}
void Metrics::outbox_depth(int64_t rows) {
    impl_->outbox.Set(static_cast<double>(rows));
}
void Metrics::redis_command(std::string_view result, double seconds) {
    impl_->redis_seconds.at({result}).Observe(seconds);
    impl_->redis_up.Set(result == "unavailable" ? 0 : 1);
}

void Metrics::store_query(std::string_view outcome, double seconds) {
    impl_->query_seconds.at({outcome}).Observe(seconds);
}
void Metrics::store_error(std::string_view kind) {
    impl_->store_errors.at({kind}).Increment();
}
void Metrics::store_pool_size(unsigned size) {
    impl_->pool_size.Set(size);
}
void Metrics::store_pool_in_use(int delta) {
    impl_->pool_in_use.Increment(delta);
}
void Metrics::store_pool_waiting(int delta) {
    impl_->pool_waiting.Increment(delta);
}

void Metrics::audit_event(std::string_view type) {
    impl_->audit_events.at({type}).Increment();
}
void Metrics::audit_queue_depth(size_t events) {
    impl_->audit_queue.Set(static_cast<double>(events));
}
void Metrics::audit_write(double seconds) {
    impl_->audit_seconds.Observe(seconds);
}
void Metrics::audit_lost(size_t events) {
    impl_->audit_lost.Increment(static_cast<double>(events));
}
void Metrics::audit_trimmed(int64_t rows) {
    impl_->audit_trimmed.Increment(static_cast<double>(rows));
}
void Metrics::audit_suppressed() {
    impl_->audit_suppressed.Increment();
}
void Metrics::vault_resealed(std::string_view kind, int64_t boxes) {
    impl_->resealed.at({kind}).Increment(static_cast<double>(boxes));
}
void Metrics::vault_refusal(std::string_view reason) {
    impl_->vault_refusals.at({reason}).Increment();
}

void Metrics::egress_request(std::string_view provider, std::string_view result, double seconds) {
    const std::string_view name = impl_->providers.label(provider);
    impl_->egress.at({name, result}).Increment();
    impl_->egress_seconds.at({name}).Observe(seconds);
}

std::span<const MetricInfo> Metrics::catalogue() const noexcept {
    return impl_->make.catalogue;
}

std::string Metrics::render() const {
    return prometheus::TextSerializer().Serialize(impl_->make.registry.Collect());
}

}  // namespace nexus::control
