// Histograms of the edge, in the shared rows of metrics.h: fixed buckets, relaxed additions, no lock. For
// what waits for somebody else; a request that is answered from shared memory is not timed.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace nexus::edge::metrics {

/// Fixed cardinality, as for Counter. A new one is a row in histograms.cpp as well (a static_assert compares
/// the two) and a line in the manual.
enum class Histogram : uint8_t {
    // lookups that had to wait, by where they were answered; in the order of TokenSource
    kResolveFailed,
    kResolveL1,
    kResolveL2,
    kResolveOrigin,
    kResolveStale,
    kResolveNegative,

    kRedis,         // from a command to its reply, time-out or loss
    kControlPlane,  // from a request to its answer

    kCount_,
};

inline constexpr size_t kHistograms = static_cast<size_t>(Histogram::kCount_);
inline constexpr size_t kBounds = 15;  // upper bounds of buckets; one more bucket has none

/// One histogram of one worker.
struct HistogramRow {
    std::array<std::atomic<uint64_t>, kBounds + 1> buckets;
    std::atomic<uint64_t> sum_us;
};
using HistogramRows = std::array<HistogramRow, kHistograms>;

/// Adds a duration. Like metrics::count, it does nothing where there is no zone.
void observe(Histogram histogram, uint64_t duration_us) noexcept;

/// CLOCK_MONOTONIC in microseconds, asked anew: nginx's own clock stands still during a turn of its loop.
uint64_t precise_us() noexcept;

/// Index of the bucket that a duration belongs to.
size_t bucket_of(uint64_t duration_us) noexcept;

/// Appends the Prometheus text of all histograms, sums over `workers`.
void append_histograms(std::string &out, std::span<const HistogramRows *const> workers);

}  // namespace nexus::edge::metrics
