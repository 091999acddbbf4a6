// The only file that knows prometheus-cpp. Every family is made at the start, so that a scrape shows all
// names.
#include "control_plane/metrics/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <algorithm>
#include <array>

namespace nexus::control {

namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;
using prometheus::Registry;

const Histogram::BucketBoundaries kSeconds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                           0.25,  0.5,    1,     2.5,  5,     10};

Family<Counter> &counter(Registry &registry, const char *name, const char *help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

Family<Histogram> &histogram(Registry &registry, const char *name, const char *help) {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
}

/// A method as a label: whatever a client may send, there are few.
std::string method_label(std::string_view method) {
    constexpr std::array<std::string_view, 7> kKnown{"GET",   "HEAD",   "POST",   "PUT",
                                                     "PATCH", "DELETE", "OPTIONS"};
    return std::find(kKnown.begin(), kKnown.end(), method) == kKnown.end() ? "other" : std::string(method);
}

}  // namespace

struct Metrics::Impl {
    Registry registry;
    Family<Counter> &requests = counter(registry, "nexus_http_requests_total", "Requests answered");
    Family<Histogram> &request_seconds =
        histogram(registry, "nexus_http_request_duration_seconds", "Time from request to answer");
    Gauge &in_flight = prometheus::BuildGauge()
                           .Name("nexus_http_requests_in_flight")
                           .Help("Requests being worked on or waiting for a worker")
                           .Register(registry)
                           .Add({});
    Counter &overloaded =
        counter(registry, "nexus_http_overloaded_total", "Requests refused because the queue was full")
            .Add({});

    Counter &consents = counter(registry, "oauth_consents_created_total", "Consents created").Add({});
    Counter &openid_consents =
        counter(registry, "oauth_consents_with_openid_total", "Consents that ask for openid").Add({});
    Family<Counter> &exchanges =
        counter(registry, "oauth_token_exchanges_total", "Authorization code exchanges");
    Histogram &exchange_seconds =
        histogram(registry, "oauth_exchange_duration_seconds", "Duration of code exchanges")
            .Add({}, kSeconds);
    Counter &id_tokens =
        counter(registry, "oauth_id_tokens_returned_total", "Exchanges that gave an id_token").Add({});
    Family<Counter> &token_gets = counter(registry, "oauth_token_get_total", "Token reads");
    Family<Counter> &discoveries = counter(registry, "oidc_discovery_total", "OIDC discoveries");
    Histogram &discovery_seconds =
        histogram(registry, "oidc_discovery_duration_seconds", "Duration of OIDC discoveries")
            .Add({}, kSeconds);
    Family<Counter> &verifications = counter(registry, "oidc_verifications_total", "id_token verifications");
    Histogram &verification_seconds =
        histogram(registry, "oidc_verification_duration_seconds", "Duration of id_token verifications")
            .Add({}, kSeconds);
    Family<Counter> &refreshes = counter(registry, "token_refresh_total", "Token refreshes");
    Family<Histogram> &refresh_seconds =
        histogram(registry, "token_refresh_duration_seconds", "Duration of token refreshes");

    Family<Counter> &cache_writes = counter(registry, "nexus_cache_writes_total", "Records sent to Redis");
    Gauge &outbox = prometheus::BuildGauge()
                        .Name("nexus_cache_outbox_depth")
                        .Help("Records that Redis does not have yet")
                        .Register(registry)
                        .Add({});
    Family<Counter> &store_errors = counter(registry, "nexus_store_errors_total", "Failures of the database");
    Family<Counter> &audit_events = counter(registry, "nexus_audit_events_total", "Audit events written");
    Family<Counter> &egress = counter(registry, "nexus_egress_requests_total", "Outgoing HTTP requests");
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

void Metrics::http_request(std::string_view route, std::string_view method, int status, double seconds) {
    const std::string template_(route.empty() ? "none" : route);
    impl_->requests
        .Add({{"route", template_}, {"method", method_label(method)}, {"status", std::to_string(status)}})
        .Increment();
    impl_->request_seconds.Add({{"route", template_}}, kSeconds).Observe(seconds);
}

void Metrics::http_in_flight(int delta) {
    impl_->in_flight.Increment(delta);
}
void Metrics::http_overloaded() {
    impl_->overloaded.Increment();
}

void Metrics::consent_created(bool with_openid) {
    impl_->consents.Increment();
    if (with_openid) {
        impl_->openid_consents.Increment();
    }
}

void Metrics::token_exchange(std::string_view status, double seconds) {
    impl_->exchanges.Add({{"status", std::string(status)}}).Increment();
    impl_->exchange_seconds.Observe(seconds);
}

void Metrics::id_token_returned() {
    impl_->id_tokens.Increment();
}

void Metrics::token_get(std::string_view provider, bool has_id_token) {
    impl_->token_gets
        .Add({{"provider", std::string(provider)}, {"has_id_token", has_id_token ? "true" : "false"}})
        .Increment();
}

void Metrics::oidc_discovery(std::string_view result, double seconds) {
    impl_->discoveries.Add({{"result", std::string(result)}}).Increment();
    impl_->discovery_seconds.Observe(seconds);
}

void Metrics::oidc_verification(std::string_view result, double seconds) {
    impl_->verifications.Add({{"result", std::string(result)}}).Increment();
    impl_->verification_seconds.Observe(seconds);
}

void Metrics::token_refresh(std::string_view provider, std::string_view result, double seconds) {
    impl_->refreshes.Add({{"provider", std::string(provider)}, {"result", std::string(result)}}).Increment();
    impl_->refresh_seconds.Add({{"provider", std::string(provider)}}, kSeconds).Observe(seconds);
}

void Metrics::cache_write(std::string_view kind, std::string_view result) {
    impl_->cache_writes.Add({{"kind", std::string(kind)}, {"result", std::string(result)}}).Increment();
}

void Metrics::outbox_depth(int64_t rows) {
    impl_->outbox.Set(static_cast<double>(rows));
}
void Metrics::store_error(std::string_view kind) {
    impl_->store_errors.Add({{"kind", std::string(kind)}}).Increment();
}
void Metrics::audit_event(std::string_view type) {
    impl_->audit_events.Add({{"type", std::string(type)}}).Increment();
}
void Metrics::egress_request(std::string_view result) {
    impl_->egress.Add({{"result", std::string(result)}}).Increment();
}

std::string Metrics::render() const {
    return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace nexus::control
