// The only way records get into Redis, and how to see what is in the way of one. The offsets are those of the
// record's clear header (record/envelope.h).
#include "shared/redis/keys.h"

namespace nexus::redis {

// Generations are compared byte by byte from the top, because a Lua number loses bits above 2^53 and Lua's
// string order depends on the locale. A stored value that is no record of ours is in the way of one, and is
// overwritten.
//
// A Redis that takes no writes (OOM, MISCONF, NOREPLICAS) still answers reads: edges would go on with what
// was revoked for as long as it lasts. So the older record goes (a full Redis allows that), and the event is
// published in any case: who hears it asks nexusd.
const std::string_view kWriteRecordScript = R"lua(
local record = ARGV[2]
if #record < 72 or struct.unpack('<I8', record, 17) ~= tonumber(ARGV[1]) then
    return redis.error_reply('ERR not a sealed record of that generation')
end

local stored = redis.call('TYPE', KEYS[1]).ok == 'string' and redis.call('GETRANGE', KEYS[1], 0, 23) or ''
if #stored == 24 and string.sub(stored, 1, 5) == string.sub(record, 1, 5) then
    for i = 24, 17, -1 do
        local old, new = string.byte(stored, i), string.byte(record, i)
        if old > new then
            return 0
        end
        if old < new then
            break
        end
    end
end

local written = redis.pcall('SET', KEYS[1], record, 'PX', ARGV[3])
if written.err then
    redis.pcall('DEL', KEYS[1])
end
redis.call('PUBLISH', ARGV[5], ARGV[4])
return written.err and written or 1
)lua";

const std::string_view kReadRecordScript = R"lua(
local stored = redis.call('TYPE', KEYS[1]).ok == 'string' and redis.call('GETRANGE', KEYS[1], 0, -1) or ''
if ARGV[1] and ARGV[1] == stored then
    redis.call('DEL', KEYS[1])
    return ''
end
return stored
)lua";

}  // namespace nexus::redis
