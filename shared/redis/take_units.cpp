// The script. Lua's numbers are doubles: microseconds since the epoch fit, and are written without an
// exponent.
#include "shared/redis/take_units.h"

#include <charconv>

namespace nexus::redis {

std::string limit_key(std::string_view zone, std::string_view id) {
    return std::string("nexus:rl:{").append(zone).append(1, ':').append(id).append(1, '}');
}

const std::string_view kTakeUnitsScript = R"lua(
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval = tonumber(ARGV[1])
local capacity = ARGV[2] + interval
local wanted, least = tonumber(ARGV[3]), tonumber(ARGV[4])

local stored = redis.call('GET', KEYS[1])
local owed = math.max((tonumber(stored or 0) or 0) - now, 0)
owed = math.max(math.min(owed, capacity) - ARGV[5] * interval, 0)

local free = math.floor((capacity - owed) / interval)
local taken = math.min(wanted, free)
local wait = 0
if free < least then
    taken = 0
    wait = owed + least * interval - capacity
    if wait > owed then
        wait = 0
    end
end
owed = owed + taken * interval

if owed > 0 then
    local arrival = string.format('%.0f', now + owed)
    if arrival ~= stored then
        redis.call('SET', KEYS[1], arrival, 'PX', math.ceil(owed / 1000))
    end
elseif stored then
    redis.call('DEL', KEYS[1])
end
return {taken, wait, owed, now}
)lua";

TakeUnits::TakeUnits(const ratelimit::Limit &limit, int64_t wanted, int64_t least,
                     int64_t returned) noexcept {
    const int64_t numbers[] = {limit.emission_interval, limit.burst_tolerance, wanted, least, returned};
    for (size_t i = 0; i < kArguments; ++i) {
        char *const begin = texts_[i].data();
        sizes_[i] =
            static_cast<size_t>(std::to_chars(begin, begin + texts_[i].size(), numbers[i]).ptr - begin);
    }
}

}  // namespace nexus::redis
