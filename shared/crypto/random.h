// Randomness from OpenSSL's CSPRNG; a failure there ends the process rather than weaken a key.
#pragma once

#include <cstddef>
#include <string>

namespace nexus::crypto {

std::string random_bytes(size_t count);
/// Version 4 UUID, canonical text (RFC 9562 section 5.4).
std::string random_uuid();

}  // namespace nexus::crypto
