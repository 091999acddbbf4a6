// Which bucket a duration falls into, and that the text is what Prometheus reads.
#include "ngx_module/metrics/histograms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>

namespace nexus::edge::metrics {
namespace {

TEST(Histograms, UpperBoundsBelongToTheirBucket) {
    EXPECT_EQ(bucket_of(0), 0u);
    EXPECT_EQ(bucket_of(100), 0u);
    EXPECT_EQ(bucket_of(101), 1u);
    EXPECT_EQ(bucket_of(1'000), 3u);
    EXPECT_EQ(bucket_of(10'000'000), kBounds - 1);
    EXPECT_EQ(bucket_of(10'000'001), kBounds);
    EXPECT_EQ(bucket_of(UINT64_MAX), kBounds);
}

TEST(Histograms, TextSumsOverWorkersAndIsCumulative) {
    const auto one = std::make_unique<HistogramRows>();
    const auto other = std::make_unique<HistogramRows>();
    HistogramRow &first = (*one)[static_cast<size_t>(Histogram::kResolveL2)];
    HistogramRow &second = (*other)[static_cast<size_t>(Histogram::kResolveL2)];
    first.buckets[0] = 2;
    first.sum_us = 150;
    second.buckets[0] = 1;
    second.buckets[kBounds] = 4;
    second.sum_us = 60'000'000;

    std::string text;
    const HistogramRows *const workers[] = {one.get(), other.get()};
    append_histograms(text, workers);
    for (const char *line : {
             "# TYPE nexus_resolve_duration_seconds histogram\n",
             "nexus_resolve_duration_seconds_bucket{source=\"l2\",le=\"0.0001\"} 3\n",
             "nexus_resolve_duration_seconds_bucket{source=\"l2\",le=\"10\"} 3\n",
             "nexus_resolve_duration_seconds_bucket{source=\"l2\",le=\"+Inf\"} 7\n",
             "nexus_resolve_duration_seconds_sum{source=\"l2\"} 60.000150\n",
             "nexus_resolve_duration_seconds_count{source=\"l2\"} 7\n",
             "nexus_resolve_duration_seconds_count{source=\"origin\"} 0\n",
             "nexus_control_plane_duration_seconds_bucket{le=\"0.0001\"} 0\n",
             "nexus_control_plane_duration_seconds_sum 0.000000\n",
         }) {
        EXPECT_THAT(text, testing::HasSubstr(line));
    }
}

}  // namespace
}  // namespace nexus::edge::metrics
