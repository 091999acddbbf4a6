// Rate limits that edges share: a key's theoretical arrival time lies in Redis, on Redis' own clock, and one
// script takes units of it, one for each request, or gives back what was taken and not used. The arithmetic
// is that of shared/ratelimit/gcra.h. How many units an edge takes at once is its own business.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "shared/ratelimit/gcra.h"

namespace nexus::redis {

/// nexus:rl:{<zone>:<id>}; id: 32 hexadecimal digits, since the key itself may be a secret
std::string limit_key(std::string_view zone, std::string_view id);

/// KEYS[1] a limit_key. ARGV: 1 emission interval, 2 burst tolerance (both in microseconds), 3 units wanted,
/// 4 units without which the others are of no use (more than are wanted: one has to be there, and is left), 5
/// units that come back.
/// returns {units taken: all that are wanted, or as many as there are, or 0 if there are less than ARGV[4];
/// microseconds until ARGV[4] units could be taken: 0 = now, or never; microseconds until everything is paid
/// off; Redis' time in microseconds}
extern const std::string_view kTakeUnitsScript;

/// Its arguments as text.
class TakeUnits {
public:
    TakeUnits(const ratelimit::Limit &limit, int64_t wanted, int64_t least, int64_t returned) noexcept;

    std::string_view argument(size_t index) const noexcept { return {texts_[index].data(), sizes_[index]}; }
    static constexpr size_t kArguments = 5;

private:
    std::array<std::array<char, 20>, kArguments> texts_{};
    std::array<size_t, kArguments> sizes_{};
};

}  // namespace nexus::redis
