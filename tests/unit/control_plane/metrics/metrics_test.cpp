// What is counted is rendered, and no client or operator can make the number of series grow without end.
#include "control_plane/metrics/metrics.h"

#include <gtest/gtest.h>
#include <set>
#include <sstream>
#include <thread>

namespace nexus::control {
namespace {

size_t count_lines(const std::string &text, std::string_view start) {
    std::istringstream lines(text);
    size_t count = 0;
    for (std::string line; std::getline(lines, line);) {
        count += line.starts_with(start) ? 1 : 0;
    }
    return count;
}

TEST(Metrics, RendersWhatHappened) {
    Metrics metrics;
    metrics.http_request("/connections/{id}/token", "GET", 200, 0.002);
    metrics.http_request("", "BREW", 404, 0.001);
    metrics.http_connections(2);
    metrics.http_connection_cut("idle");
    metrics.token_refresh("google", "success", 0.2);
    metrics.token_get("google", true);
    metrics.outbox_depth(3);
    metrics.cache_write("token", "written");
    metrics.redis_command("ok", 0.0002);
    metrics.store_query("ok", 0.0004);
    metrics.store_pool_size(8);
    metrics.store_pool_in_use(1);
    metrics.egress_request("", "denied", 0);
    metrics.egress_request("google", "ok", 0.3);
    metrics.audit_queue_depth(7);
    const std::string text = metrics.render();
    for (const char *line :
         {"nexus_http_requests_total{method=\"GET\",route=\"/connections/{id}/token\",status=\"200\"} 1",
          "nexus_http_requests_total{method=\"other\",route=\"none\",status=\"404\"} 1",
          "nexus_http_connections 2",
          "nexus_http_connections_cut_total{reason=\"idle\"} 1",
          "token_refresh_total{provider=\"google\",result=\"success\"} 1",
          "token_refresh_duration_seconds_count{provider=\"google\"} 1",
          "oauth_token_get_total{has_id_token=\"true\",provider=\"google\"} 1",
          "nexus_cache_outbox_depth 3",
          "nexus_cache_writes_total{kind=\"token\",result=\"written\"} 1",
          "nexus_redis_command_duration_seconds_count{result=\"ok\"} 1",
          "nexus_redis_up 1",
          "nexus_store_query_duration_seconds_count{outcome=\"ok\"} 1",
          "nexus_store_pool_size 8",
          "nexus_store_pool_in_use 1",
          "nexus_store_pool_waiting 0",
          "nexus_egress_requests_total{provider=\"none\",result=\"denied\"} 1",
          "nexus_egress_request_duration_seconds_count{provider=\"google\"} 1",
          "nexus_audit_queue_depth 7",
          "nexus_audit_events_lost_total 0",
          "oauth_consents_created_total 0"}) {
        EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
    }
}

TEST(Metrics, SeriesOfKnownValuesAreThereBeforeTheirFirstEvent) {
    const std::string text = Metrics().render();
    for (const char *line :
         {"nexus_http_connections_cut_total{reason=\"slow_request\"} 0",
          "oauth_token_exchanges_total{status=\"error\"} 0", "oidc_discovery_total{result=\"stale\"} 0",
          "oidc_jwks_fetch_total{result=\"error\"} 0",
          "nexus_cache_writes_total{kind=\"issuer\",result=\"error\"} 0",
          "nexus_redis_command_duration_seconds_count{result=\"unavailable\"} 0",
          "nexus_store_query_duration_seconds_count{outcome=\"lost\"} 0",
          "nexus_store_errors_total{kind=\"connection\"} 0",
          "nexus_vault_resealed_total{kind=\"installation\"} 0",
          "nexus_vault_refusals_total{reason=\"rolled_back\"} 0"}) {
        EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
    }
}

TEST(Metrics, RedisIsDownWhenItDoesNotAnswer) {
    Metrics metrics;
    metrics.redis_command("ok", 0.001);
    metrics.redis_command("unavailable", 0.5);
    EXPECT_NE(metrics.render().find("nexus_redis_up 0"), std::string::npos);
}

TEST(Metrics, KeepsAHundredProvidersAndCallsTheRestOther) {
    Metrics metrics;
    for (int i = 0; i < 150; ++i) {
        metrics.token_get("provider-" + std::to_string(i), false);
    }
    metrics.token_refresh("provider-120", "success", 0.1);  // the bound is one for all metrics
    metrics.token_refresh("provider-7", "success", 0.1);
    const std::string text = metrics.render();
    EXPECT_EQ(count_lines(text, "oauth_token_get_total{"), 101u);
    EXPECT_NE(text.find("oauth_token_get_total{has_id_token=\"false\",provider=\"other\"} 50"),
              std::string::npos);
    EXPECT_NE(text.find("token_refresh_total{provider=\"other\",result=\"success\"} 1"), std::string::npos);
    EXPECT_NE(text.find("token_refresh_total{provider=\"provider-7\",result=\"success\"} 1"),
              std::string::npos);
}

TEST(Metrics, TheNumberOfSeriesIsBounded) {
    Metrics metrics;
    for (int i = 0; i < 3000; ++i) {
        metrics.audit_event("type-" + std::to_string(i));
    }
    const std::string text = metrics.render();
    EXPECT_EQ(count_lines(text, "nexus_audit_events_total{"), 2001u);
    EXPECT_NE(text.find("nexus_audit_events_total{type=\"other\"} 1000"), std::string::npos);
}

TEST(Metrics, CountsFromManyThreads) {
    Metrics metrics;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&metrics] {
            for (int i = 0; i < 1000; ++i) {
                metrics.http_request("/r" + std::to_string(i % 10), "GET", 200, 0.001);
            }
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    EXPECT_NE(
        metrics.render().find("nexus_http_requests_total{method=\"GET\",route=\"/r3\",status=\"200\"} 400"),
        std::string::npos);
}

}  // namespace
}  // namespace nexus::control
