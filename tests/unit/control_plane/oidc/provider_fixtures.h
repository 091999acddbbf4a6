// Discovery documents, key sets and claims in the shapes that Google and Microsoft Entra ID (Azure) publish;
// written by us, with keys of our own.
#pragma once

#include <string>

#include "tests/unit/control_plane/oidc/id_token_cases.h"

namespace nexus::test {

std::string google_discovery();
std::string google_keys();
Claims google_claims();
std::string google_token(const Claims &claims);
IdTokenExpectation google_expectation();

/// As a multi-tenant document has it with "{tenantid}", as one tenant's with its id.
std::string azure_issuer(const std::string &tenant);
std::string azure_discovery(const std::string &tenant);
std::string azure_keys();
Claims azure_claims();
std::string azure_token(const Claims &claims);
IdTokenExpectation azure_expectation();
inline constexpr const char *kAzureTenant = "9122040d-6c67-4c5b-b112-36a304b66dad";

}  // namespace nexus::test
