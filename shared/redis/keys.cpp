// Key names only; who reads and writes them lives in the two halves.
#include "shared/redis/keys.h"

namespace nexus::redis {

namespace {

std::string tagged(std::string_view prefix, std::string_view id) {
    std::string key;
    key.reserve(prefix.size() + id.size() + 2);
    key.append(prefix).append(1, '{').append(id).append(1, '}');
    return key;
}

}  // namespace

std::string token_key(std::string_view connection_id) {
    return tagged("nexus:tok:", connection_id);
}

std::string caller_key(std::string_view api_key_sha256) {
    return tagged("nexus:agent:", api_key_sha256);
}

}  // namespace nexus::redis
