// Which credentials a person is asked for (params.credential_schema): a bounded part of JSON Schema, an
// object of named strings. The one reading of it serves the form (web/), the API and the check of what is
// submitted; nothing that it does not name gets in (reference D8).
//
//   object    type, title, description, properties, required
//   property  type "string", title, description, format, writeOnly, enum, default, examples, minLength,
//             maxLength (characters), pattern (found anywhere, as JSON Schema says; RE2, so linear time)
//
// Other members are annotations and mean nothing, but keywords that would forbid something are refused.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control_plane/json/json.h"
#include "control_plane/services/providers/provider_profile.h"
#include "shared/result.h"
#include "shared/secret.h"

namespace nexus::control {

inline constexpr size_t kMaxCredentials = 32;
inline constexpr size_t kMaxCredentialBytes = 8192;

struct CredentialField {
    std::string name;
    std::string title;  // "" = the name will do
    std::string description;
    std::string format;
    std::string pattern;
    std::string example;
    std::string default_value;
    std::vector<std::string> options;  // enum; empty = anything
    bool is_required = false;
    bool is_secret = false;  // typed unseen, never shown again
    size_t min_length = 0;
    size_t max_length = kMaxCredentialBytes;
};

struct CredentialSchema {
    std::vector<CredentialField> fields;
    std::string title;
    std::string description;

    const CredentialField *find(std::string_view name) const noexcept;  // nullptr if there is none
    bool has(std::string_view name) const noexcept { return find(name) != nullptr; }
};

/// errors kInvalidRequest: names what is wrong with it
Result<void> check_credential_schema(const json::Value &schema);

/// The given schema, or the one that the strategy implies: every field it uses, required unless it can do
/// without. What the strategy uses is secret, but a user name, unless the schema says writeOnly: false.
CredentialSchema credential_schema_of(const store::Provider &provider);
/// The same as JSON Schema, for whoever draws the form: as given, or made up.
json::Value credential_schema_json(const store::Provider &provider);
/// Credential members that the strategy reads.
std::vector<std::string> credential_fields_of(const StrategyConfig &strategy);
/// Those it cannot do without.
std::vector<std::string> required_credentials_of(const StrategyConfig &strategy);

/// What a person has to be told about this value: "is required", ...; nullopt = it fits. "" is no value.
std::optional<std::string> problem_with(const CredentialField &field, std::string_view value);

/// errors kInvalidRequest, kMissingFields: name the member, never a value
Result<std::vector<std::pair<std::string, Secret>>> read_credentials(const CredentialSchema &schema,
                                                                     const json::Value &credentials);

}  // namespace nexus::control
