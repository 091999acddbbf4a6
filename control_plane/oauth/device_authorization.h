// What a provider says when a device flow begins (RFC 8628 section 3.2): the code to ask with, and what the
// person is to be shown. Kept, sealed, in the flow's row.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shared/result.h"
#include "shared/secret.h"

namespace nexus::control {

struct DeviceAuthorization {
    Secret device_code;
    std::string user_code;                  // printable, at most 64 bytes
    std::string verification_uri;           // http(s)
    std::string verification_uri_complete;  // with the code in it; "" = none
    int64_t expires_in_s = 0;               // 1..86400
    int64_t interval_s = 5;                 // between two questions: 1..300
};

/// The provider's answer, or what to_json gave. errors kProviderError: what is missing or malformed
Result<DeviceAuthorization> parse_device_authorization(std::string_view text);
Secret to_json(const DeviceAuthorization &device);

}  // namespace nexus::control
