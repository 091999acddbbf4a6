// What an issuer's discovery document says, as far as we use it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shared/result.h"

namespace nexus::control {

/// What code_challenge_methods_supported says; whether that will do is the profile's business.
enum class PkceSupport : uint8_t { kUnknown, kS256, kNotS256 };

/// RFC 8705 section 5: where clients with a certificate go instead. "" = where all others go.
struct MtlsAliases {
    std::string token_endpoint;
    std::string revocation_endpoint;
    std::string pushed_authorization_request_endpoint;
    std::string device_authorization_endpoint;
};

struct IssuerMetadata {
    std::string issuer;
    std::string authorization_endpoint;
    std::string token_endpoint;
    std::string userinfo_endpoint;  // "" = none
    std::string jwks_uri;
    std::string revocation_endpoint;                    // "" = none
    std::string pushed_authorization_request_endpoint;  // "" = none
    std::string device_authorization_endpoint;          // "" = none
    MtlsAliases mtls;
    std::vector<std::string> dpop_algorithms;  // dpop_signing_alg_values_supported; empty = no DPoP
    PkceSupport pkce = PkceSupport::kUnknown;
    bool requires_par = false;     // require_pushed_authorization_requests
    bool iss_in_response = false;  // RFC 9207: authorization_response_iss_parameter_supported
};

/// source OpenID Connect Discovery 1.0 sections 3 and 4.3 (issuer MUST be identical)
/// errors kProviderError: no JSON object, another issuer, missing or malformed endpoints, plain http below an
/// https one
Result<IssuerMetadata> parse_issuer_metadata(std::string_view text, std::string_view pinned_issuer);

/// Where the document of an issuer lives (section 4: the path of the issuer is kept).
std::string discovery_url(std::string_view issuer);

}  // namespace nexus::control
