// Base64 (RFC 4648 section 4) and base64url without padding (section 5), over OpenSSL's coder.
#pragma once

#include <string>
#include <string_view>

#include "shared/result.h"
#include "shared/secret.h"

namespace nexus::encoding {

std::string base64_encode(std::string_view bytes);
/// Strict: padding required, no white space. errors kInvalidRequest
Result<std::string> base64_decode(std::string_view text);
std::string base64url_encode(std::string_view bytes);
/// Strict: padding refused. errors kInvalidRequest
Result<std::string> base64url_decode(std::string_view text);

}  // namespace nexus::encoding
