// Time as integer milliseconds since the Unix epoch, everywhere; the clock is a parameter so that tests own
// it.
#pragma once

#include <cstdint>
#include <functional>

namespace nexus {

using UnixMs = int64_t;
using Clock = std::function<UnixMs()>;

UnixMs system_now_ms() noexcept;
/// Milliseconds that only grow, from an arbitrary start.
int64_t steady_now_ms() noexcept;

}  // namespace nexus
