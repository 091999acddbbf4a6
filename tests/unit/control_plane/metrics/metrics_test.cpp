#include "control_plane/metrics/metrics.h"

#include <gtest/gtest.h>

namespace nexus::control {
namespace {

TEST(Metrics, RendersWhatHappened) {
    Metrics metrics;
    metrics.http_request("/connections/{id}/token", "GET", 200, 0.002);
    metrics.http_request("", "BREW", 404, 0.001);
    metrics.token_refresh("google", "success", 0.2);
    metrics.outbox_depth(3);
    metrics.cache_write("token", "written");
    const std::string text = metrics.render();
    for (const char *line :
         {"nexus_http_requests_total{method=\"GET\",route=\"/connections/{id}/token\",status=\"200\"} 1",
          "nexus_http_requests_total{method=\"other\",route=\"none\",status=\"404\"} 1",
          "token_refresh_total{provider=\"google\",result=\"success\"} 1",
          "token_refresh_duration_seconds_count{provider=\"google\"} 1", "nexus_cache_outbox_depth 3",
          "nexus_cache_writes_total{kind=\"token\",result=\"written\"} 1",
          "oauth_consents_created_total 0"}) {
        EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
    }
}

}  // namespace
}  // namespace nexus::control
