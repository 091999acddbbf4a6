// One record for many connections, sealed for each of them: what a benchmark fills Redis with.
#pragma once

#include <cstdint>
#include <ostream>

#include "shared/record/token_record.h"
#include "shared/result.h"

namespace nexus::tests {

/// Writes a Redis command (RESP) for each of the connections 00000000-0000-4000-8000-<number, 12 hexadecimal
/// digits>, 0 to `count` - 1: SET with the sealed `token`, until the token expires.
Result<void> seal_many(const crypto::Keyring &keyring, record::TokenRecord token, uint64_t count,
                       std::ostream &out);

}  // namespace nexus::tests
