// Which credentials a person is asked for (params.credential_schema, a small part of JSON Schema): named
// strings, some of them required. What is submitted must fit; nothing else gets in (reference D8).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control_plane/json/json.h"
#include "control_plane/services/provider_profile.h"
#include "shared/result.h"
#include "shared/secret.h"

namespace nexus::control {

struct CredentialSchema {
    std::vector<std::string> properties;
    std::vector<std::string> required;

    bool has(std::string_view name) const noexcept;
};

inline constexpr size_t kMaxCredentials = 32;
inline constexpr size_t kMaxCredentialBytes = 8192;

/// errors kInvalidRequest: not
/// {"type":"object","properties":{name:{"type":"string",...}},"required":[name...]}
Result<void> check_credential_schema(const json::Value &schema);

/// The given schema, or the one that the strategy implies: every field it uses, all required.
CredentialSchema credential_schema_of(const store::Provider &provider);
/// The same as JSON Schema, for whoever draws the form: as given, or made up.
json::Value credential_schema_json(const store::Provider &provider);
/// Credential members that the strategy reads.
std::vector<std::string> credential_fields_of(const StrategyConfig &strategy);

/// errors kInvalidRequest, kMissingFields: name the member, never a value
Result<std::vector<std::pair<std::string, Secret>>> read_credentials(const CredentialSchema &schema,
                                                                     const json::Value &credentials);

}  // namespace nexus::control
