// Issuer records as this worker uses them: read once per generation, because reading keys costs more than
// using them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "ngx_module/lookup/lookup.h"
#include "shared/jose/access_token.h"
#include "shared/result.h"

namespace nexus::edge {

struct TrustedIssuer {
    uint64_t generation = 0;
    std::string workspace_id;  // "" = any
    jose::AccessTokenPolicy policy;
    jose::JwkSet keys;
};

class TrustedIssuers {
public:
    static constexpr size_t kMax = 256;  // beyond, all are forgotten and read anew

    /// What `lookup` has found, which is a trusted issuer's record. The issuer lives until the next call.
    /// errors kUnknownKey, kSealBroken, kMalformedRecord, kInternal
    Result<const TrustedIssuer *> read(Lookup &lookup);

private:
    std::map<std::string, TrustedIssuer, std::less<>> issuers_;  // by the record's id
};

}  // namespace nexus::edge
