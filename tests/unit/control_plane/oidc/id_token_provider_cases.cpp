// Tokens shaped like Google's and Azure's that are another tenant's, another application's, or of the shape
// that these providers warn of.
#include "tests/unit/control_plane/oidc/provider_fixtures.h"

namespace nexus::test {

RefusalCases provider_cases() {
    using enum IdTokenRefusal;
    RefusalCases cases;
    const auto google = [&](const char *name, IdTokenRefusal reason, const Claims &claims) {
        cases.push_back({name, reason, google_token(claims), google_keys(),
                         [](IdTokenExpectation &expected) { expected = google_expectation(); }});
    };
    google("GoogleIssuerWithoutScheme", kIssuer, google_claims().text("iss", "accounts.google.com"));
    google("GoogleOtherClient", kAudience,
           google_claims().text("aud", "1234-evil.apps.googleusercontent.com"));
    google("GoogleOtherAzp", kAzp, google_claims().text("azp", "1234-evil.apps.googleusercontent.com"));
    google("GoogleNoNonce", kNonceMissing, google_claims().drop("nonce"));
    google("GoogleOtherAtHash", kAtHash, google_claims().text("at_hash", "HK6E_P6Dh8Y93mRNtsDB1Q"));
    google("GoogleAudIsTheProject", kAudience, google_claims().text("aud", "1234"));

    const auto azure = [&](const char *name, IdTokenRefusal reason, const Claims &claims) {
        cases.push_back({name, reason, azure_token(claims), azure_keys(),
                         [](IdTokenExpectation &expected) { expected = azure_expectation(); }});
    };
    azure("AzureOtherTenant", kIssuer,
          azure_claims().text("iss", azure_issuer("11111111-2222-3333-4444-555555555555")));
    azure("AzureIssuerTemplate", kIssuer, azure_claims().text("iss", azure_issuer("{tenantid}")));
    azure("AzureCommonIssuer", kIssuer, azure_claims().text("iss", azure_issuer("common")));
    azure("AzureTenantInUpperCase", kIssuer,
          azure_claims().text("iss", azure_issuer("9122040D-6C67-4C5B-B112-36A304B66DAD")));
    azure("AzureVersionOneIssuer", kIssuer,
          azure_claims().text("iss", "https://sts.windows.net/9122040d-6c67-4c5b-b112-36a304b66dad/"));
    azure("AzureOtherApplication", kAudience,
          azure_claims().text("aud", "00000003-0000-0000-c000-000000000000"));
    azure("AzureAccessTokenOfGraph", kAudience,
          azure_claims().text("aud", "https://graph.microsoft.com").drop("nonce"));
    return cases;
}

}  // namespace nexus::test
