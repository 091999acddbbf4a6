// The buckets' bounds, and the histograms' names in the Prometheus text.
#include "ngx_module/metrics/histograms.h"

#include <time.h>
#include <algorithm>
#include <cstdio>
#include <string_view>

namespace nexus::edge::metrics {

namespace {

struct Bound {
    uint64_t us;
    std::string_view seconds;  // as `le` has it
};

constexpr std::array<Bound, kBounds> kUpperBounds = {{
    {100, "0.0001"},
    {250, "0.00025"},
    {500, "0.0005"},
    {1'000, "0.001"},
    {2'500, "0.0025"},
    {5'000, "0.005"},
    {10'000, "0.01"},
    {25'000, "0.025"},
    {50'000, "0.05"},
    {100'000, "0.1"},
    {250'000, "0.25"},
    {500'000, "0.5"},
    {1'000'000, "1"},
    {2'500'000, "2.5"},
    {10'000'000, "10"},
}};

struct Name {
    Histogram histogram;
    std::string_view family;
    std::string_view labels;  // "" = none
    std::string_view help;    // of the family; its first row has it
};

constexpr std::string_view kResolve = "nexus_resolve_duration_seconds";

constexpr std::array<Name, kHistograms> kNames = {{
    {Histogram::kResolveFailed, kResolve, R"(source="none")",
     "Lookups that had to wait, by where they were answered."},
    {Histogram::kResolveL1, kResolve, R"(source="l1")", ""},
    {Histogram::kResolveL2, kResolve, R"(source="l2")", ""},
    {Histogram::kResolveOrigin, kResolve, R"(source="origin")", ""},
    {Histogram::kResolveStale, kResolve, R"(source="stale")", ""},
    {Histogram::kResolveNegative, kResolve, R"(source="negative")", ""},
    {Histogram::kRedis, "nexus_redis_round_trip_seconds", "",
     "Redis commands, from being queued to the reply, time-out or loss."},
    {Histogram::kControlPlane, "nexus_control_plane_duration_seconds", "",
     "Requests to the control plane, from start to end."},
}};

/// Each row stands in its histogram's place, and the rows of a family stand together.
constexpr bool is_in_order() {
    for (size_t i = 0; i < kNames.size(); ++i) {
        const bool starts_family = i == 0 || kNames[i].family != kNames[i - 1].family;
        if (static_cast<size_t>(kNames[i].histogram) != i || kNames[i].help.empty() == starts_family) {
            return false;
        }
    }
    return true;
}
static_assert(is_in_order());
static_assert(std::ranges::is_sorted(kUpperBounds, {}, &Bound::us));

void append_sample(std::string &out, const Name &name, std::string_view suffix, std::string_view bound,
                   std::string_view value) {
    out.append(name.family).append(suffix);
    if (!name.labels.empty() || !bound.empty()) {
        out.append("{").append(name.labels);
        if (!bound.empty()) {
            out.append(name.labels.empty() ? "" : ",").append("le=\"").append(bound).append("\"");
        }
        out.append("}");
    }
    out.append(" ").append(value).append("\n");
}

void append_histogram(std::string &out, const Name &name, std::span<const HistogramRows *const> workers) {
    std::array<uint64_t, kBounds + 1> buckets{};
    uint64_t sum_us = 0;
    for (const HistogramRows *rows : workers) {
        const HistogramRow &row = (*rows)[static_cast<size_t>(name.histogram)];
        for (size_t i = 0; i < buckets.size(); ++i) {
            buckets[i] += row.buckets[i].load(std::memory_order_relaxed);
        }
        sum_us += row.sum_us.load(std::memory_order_relaxed);
    }

    uint64_t count = 0;
    for (size_t i = 0; i < buckets.size(); ++i) {
        count += buckets[i];
        append_sample(out, name, "_bucket", i < kBounds ? kUpperBounds[i].seconds : "+Inf",
                      std::to_string(count));
    }
    char seconds[32];
    std::snprintf(seconds, sizeof(seconds), "%llu.%06llu",
                  static_cast<unsigned long long>(sum_us / 1'000'000),
                  static_cast<unsigned long long>(sum_us % 1'000'000));
    append_sample(out, name, "_sum", "", seconds);
    append_sample(out, name, "_count", "", std::to_string(count));
}

}  // namespace

uint64_t precise_us() noexcept {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000 + static_cast<uint64_t>(now.tv_nsec) / 1000;
}

size_t bucket_of(uint64_t duration_us) noexcept {
    const auto *bound = std::ranges::lower_bound(kUpperBounds, duration_us, {}, &Bound::us);
    return static_cast<size_t>(bound - kUpperBounds.begin());
}

void append_histograms(std::string &out, std::span<const HistogramRows *const> workers) {
    for (const Name &name : kNames) {
        if (!name.help.empty()) {
            out.append("# HELP ").append(name.family).append(" ").append(name.help).append("\n");
            out.append("# TYPE ").append(name.family).append(" histogram\n");
        }
        append_histogram(out, name, workers);
    }
}

}  // namespace nexus::edge::metrics
