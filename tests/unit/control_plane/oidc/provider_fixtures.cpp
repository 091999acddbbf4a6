// Google's and Azure's shapes: see provider_fixtures.h.
#include "tests/unit/control_plane/oidc/provider_fixtures.h"

#include "control_plane/oidc/token_hash.h"

namespace nexus::test {

namespace {

constexpr const char *kGoogleClient = "1234987819200.apps.googleusercontent.com";
constexpr const char *kAzureClient = "6731de76-14a6-49ae-97bc-6eba6914391e";
constexpr const char *kAccessToken = "ya29.a0AfH6SMA-fixture";

const Forger &old_key() {
    static const Forger key = Forger::rsa();
    return key;
}

}  // namespace

std::string google_discovery() {
    return R"({"issuer":"https://accounts.google.com",
        "authorization_endpoint":"https://accounts.google.com/o/oauth2/v2/auth",
        "device_authorization_endpoint":"https://oauth2.googleapis.com/device/code",
        "token_endpoint":"https://oauth2.googleapis.com/token",
        "userinfo_endpoint":"https://openidconnect.googleapis.com/v1/userinfo",
        "revocation_endpoint":"https://oauth2.googleapis.com/revoke",
        "jwks_uri":"https://www.googleapis.com/oauth2/v3/certs",
        "response_types_supported":["code","token","id_token","code token","code id_token","none"],
        "subject_types_supported":["public"],"id_token_signing_alg_values_supported":["RS256"],
        "scopes_supported":["openid","email","profile"],
        "token_endpoint_auth_methods_supported":["client_secret_post","client_secret_basic"],
        "claims_supported":["aud","email","email_verified","exp","family_name","given_name","iat","iss","name",
        "picture","sub"],"code_challenge_methods_supported":["plain","S256"],
        "grant_types_supported":["authorization_code","refresh_token"]})";
}

// Two keys that are about to change places, each with use and alg.
std::string google_keys() {
    const std::string more = R"("use":"sig","alg":"RS256")";
    return set_of({old_key().jwk("c7e04465649ffa606557650c7e65f0a87ae00fe8", more),
                   provider_keys().r1.jwk("d2d444cf8c5e3ae838672d8f0a87ae00fe8c7e04", more)});
}

Claims google_claims() {
    Claims claims;
    claims.text("iss", "https://accounts.google.com").text("azp", kGoogleClient).text("aud", kGoogleClient);
    claims.text("sub", "110169484474386276334").text("hd", "example.com").text("email", "jane@example.com");
    claims.set("email_verified", "true").text("name", "Jane Doe").text("given_name", "Jane");
    claims.text("family_name", "Doe").text("picture", "https://lh3.googleusercontent.com/a/photo=s96-c");
    return claims.text("at_hash",
                       *control::half_hash(kAccessToken, *jose::find_signature_algorithm("RS256")));
}

std::string google_token(const Claims &claims) {
    return provider_keys().r1.token("RS256", header_of("RS256", "d2d444cf8c5e3ae838672d8f0a87ae00fe8c7e04"),
                                    claims.json());
}

IdTokenExpectation google_expectation() {
    IdTokenExpectation expected = expectation();
    expected.issuer = "https://accounts.google.com";
    expected.client_id = kGoogleClient;
    expected.access_token = kAccessToken;
    return expected;
}

std::string azure_issuer(const std::string &tenant) {
    return "https://login.microsoftonline.com/" + tenant + "/v2.0";
}

std::string azure_discovery(const std::string &tenant) {
    const std::string root = "https://login.microsoftonline.com/" + tenant;
    return R"({"token_endpoint":")" + root + R"(/oauth2/v2.0/token",
        "token_endpoint_auth_methods_supported":["client_secret_post","private_key_jwt","client_secret_basic"],
        "jwks_uri":")" +
           root + R"(/discovery/v2.0/keys","response_modes_supported":["query","fragment","form_post"],
        "subject_types_supported":["pairwise"],"id_token_signing_alg_values_supported":["RS256"],
        "response_types_supported":["code","id_token","code id_token","id_token token"],
        "scopes_supported":["openid","profile","email","offline_access"],"issuer":")" +
           azure_issuer(tenant) + R"(",
        "request_uri_parameter_supported":false,"userinfo_endpoint":"https://graph.microsoft.com/oidc/userinfo",
        "authorization_endpoint":")" +
           root + R"(/oauth2/v2.0/authorize",
        "device_authorization_endpoint":")" +
           root + R"(/oauth2/v2.0/devicecode",
        "http_logout_supported":true,"frontchannel_logout_supported":true,
        "claims_supported":["sub","iss","cloud_instance_name","aud","exp","iat","auth_time","nonce","tid","ver"],
        "tenant_region_scope":"EU","cloud_instance_name":"microsoftonline.com","cloud_graph_host_name":"graph.windows.net",
        "msgraph_host":"graph.microsoft.com","rbac_url":"https://pas.windows.net"})";
}

// No alg, a thumbprint, a chain, and the issuer as a template.
std::string azure_keys() {
    const std::string more =
        R"("use":"sig","x5t":"nOo3ZDrODXEK1jKWhXslHR_KXEg","x5c":["MIIDBTCCAe2gAwIBAgIQ"],)"
        R"("cloud_instance_name":"microsoftonline.com","issuer":")" +
        azure_issuer("{tenantid}") + "\"";
    return set_of({old_key().jwk("l3sQ-50cCH4xBVZLHTGwnSR7680", more),
                   provider_keys().r1.jwk("nOo3ZDrODXEK1jKWhXslHR_KXEg", more)});
}

Claims azure_claims() {
    Claims claims;
    claims.text("ver", "2.0").text("iss", azure_issuer(kAzureTenant)).text("tid", kAzureTenant);
    claims.text("sub", "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ").text("aud", kAzureClient);
    claims.number("nbf", kNowS - 300).number("iat", kNowS - 300).number("exp", kNowS + 3600);
    claims.text("name", "Abe Lincoln").text("preferred_username", "abe@example.com");
    claims.text("oid", "00000000-0000-0000-66f3-3332eca7ea81")
        .text("rh", "0.AAAA.")
        .text("uti", "fqiBqXLPj0eQ");
    return claims.text("aio", "Df2UVXL1ix!lMCWMSOJBcFatzcGfvFGhjKv8q5g0x732dR5MB5BisvGQO7YWByjd8iQDLq");
}

std::string azure_token(const Claims &claims) {
    return provider_keys().r1.token("RS256", header_of("RS256", "nOo3ZDrODXEK1jKWhXslHR_KXEg"),
                                    claims.json());
}

IdTokenExpectation azure_expectation() {
    IdTokenExpectation expected = expectation();
    expected.issuer = azure_issuer(kAzureTenant);
    expected.client_id = kAzureClient;
    return expected;
}

}  // namespace nexus::test
