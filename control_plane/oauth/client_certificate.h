// Mutual TLS client authentication (RFC 8705 section 2): the client secret is a certificate with its private
// key.
#pragma once

#include <string_view>

#include "shared/result.h"

namespace nexus::control {

/// pem     the client's certificate first, those that issued it after it, and the private key of the first
/// one,
///         without a passphrase, anywhere
/// errors  kInvalidKey: "client_secret must ...", what is missing or does not fit
Result<void> check_client_certificate(std::string_view pem);

}  // namespace nexus::control
