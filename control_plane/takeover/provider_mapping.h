// A reference provider as a profile of ours (POST /providers). What cannot be said here, or never had an
// effect there, is left out and told.
#pragma once

#include <string>
#include <vector>

#include "control_plane/json/json.h"
#include "control_plane/takeover/reference_rows.h"

namespace nexus::control::takeover {

struct MappedProvider {
    json::Value profile;             // holds client_secret
    std::vector<std::string> notes;  // sentences for a person, no secret
};

/// Never fails: nexusd judges the profile.
MappedProvider map_provider(const ReferenceProvider &provider);

bool is_oauth2(const ReferenceProvider &provider);
/// properties and required of params.credential_schema; both empty where there is none.
struct CredentialNames {
    std::vector<std::string> properties;
    std::vector<std::string> required;
};
CredentialNames credential_names(const ReferenceProvider &provider);

}  // namespace nexus::control::takeover
