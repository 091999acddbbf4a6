// The key that AWS Signature Version 4 derives for a day, a region and a service ("Create a signed AWS API
// request", step 4). It signs for that day only, and is worth keeping: deriving takes four HMACs.
#pragma once

#include <array>
#include <memory>
#include <memory_resource>
#include <optional>
#include <string>
#include <string_view>

#include "shared/clock.h"
#include "shared/crypto/hmac.h"
#include "shared/secret.h"

namespace nexus::sigv4 {

/// Where a signature is good. Views: must live as long as what is done with them.
struct Scope {
    std::string_view region;
    std::string_view service;
};

/// What names of regions and services are made of: a-z, 0-9 and -; not "".
bool is_scope_name(std::string_view text) noexcept;

/// What a signature is for, from the value of its Authorization line: "AWS4-HMAC-SHA256 Credential=KEY/DATE/
/// REGION/SERVICE/aws4_request, ...". Says nothing of whether it is good. nullopt: it is none
std::optional<Scope> hinted_scope(std::string_view authorization) noexcept;

/// "20150830T123600Z", UTC.
struct AmzDate {
    std::array<char, 16> text;

    std::string_view view() const noexcept { return {text.data(), text.size()}; }
    std::string_view day() const noexcept { return view().substr(0, 8); }
};
AmzDate amz_date(UnixMs time) noexcept;

/// "20150830/us-east-1/iam/aws4_request".
std::pmr::string credential_scope(std::string_view day, const Scope &scope,
                                  std::pmr::memory_resource *scratch = std::pmr::get_default_resource());

/// 32 bytes.
Secret derive_signing_key(std::string_view secret_key, std::string_view date, const Scope &scope);

/// A derived key, ready to sign with. Shared by who keeps it and by the signatures under way; for one thread.
using SigningKey = std::shared_ptr<crypto::HmacSha256Key>;
SigningKey make_signing_key(std::string_view secret_key, std::string_view date, const Scope &scope);

}  // namespace nexus::sigv4
