// The turn's key names and scripts.
#include "shared/redis/ask_turn.h"

#include "shared/redis/keys.h"

namespace nexus::redis {

namespace {

constexpr std::string_view kReleaseTurn = R"lua(
if redis.call('GET', KEYS[2]) ~= ARGV[6] then
    return -1
end
redis.call('DEL', KEYS[2])
redis.call('PUBLISH', ARGV[5], ARGV[7])
if ARGV[2] == '' then
    return 0
end
)lua";

std::string_view prefix_of(Turn turn) {
    switch (turn) {
        case Turn::kFetch:
            return "nexus:fetch:{";
        case Turn::kRefresh:
            return "nexus:refresh:{";
        case Turn::kEarly:
            break;
    }
    return "nexus:early:{";
}

}  // namespace

std::string turn_key(Turn turn, std::string_view id) {
    return std::string(prefix_of(turn)).append(id).append(1, '}');
}

const std::string_view kTakeTurnScript = R"lua(
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
    return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
)lua";

std::string_view end_turn_script() {
    static const std::string script = std::string(kReleaseTurn).append(kWriteRecordScript);
    return script;
}

}  // namespace nexus::redis
