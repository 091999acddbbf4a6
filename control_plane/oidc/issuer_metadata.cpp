// Discovery documents, read: see issuer_metadata.h.
#include "control_plane/oidc/issuer_metadata.h"

#include "control_plane/json/json.h"
#include "control_plane/url/url.h"

namespace nexus::control {

namespace {

constexpr size_t kMaxDpopAlgorithms = 32;

tl::unexpected<Error> refuse(std::string why) {
    return fail(Errc::kProviderError, "the provider's discovery document is unusable: " + std::move(why));
}

bool lists(const json::Value &array, std::string_view wanted) {
    for (size_t i = 0; i < array.size(); ++i) {
        if (array.at(i).as_string() == wanted) {
            return true;
        }
    }
    return false;
}

struct Endpoint {
    const json::Value &from;
    std::string_view name;
    std::string &into;
    bool is_needed = false;
};

// An https issuer must not lead us to plain http: that goes to networks of the operator only, which are none
// of its business.
Result<void> read_endpoint(const Endpoint &endpoint, std::string_view issuer) {
    endpoint.into = endpoint.from.get(endpoint.name).as_string();
    if (endpoint.into.empty() && !endpoint.is_needed) {
        return {};
    }
    const Result<Url> parsed = parse_http_url(endpoint.into, endpoint.name);
    if (!parsed) {
        return refuse(endpoint.into.empty() ? "it has no " + std::string{endpoint.name}
                                            : parsed.error().message);
    }
    const Result<Url> root = parse_http_url(issuer, "issuer");
    if (parsed->scheme != "https" && root && root->scheme == "https") {
        return refuse(std::string{endpoint.name} + " is not https, but its issuer is");
    }
    return {};
}

Result<void> read_endpoints(const json::Value &object, IssuerMetadata &out) {
    const json::Value aliases = object.get("mtls_endpoint_aliases");
    const Endpoint endpoints[] = {
        {object, "authorization_endpoint", out.authorization_endpoint, true},
        {object, "token_endpoint", out.token_endpoint, true},
        {object, "jwks_uri", out.jwks_uri, true},
        {object, "userinfo_endpoint", out.userinfo_endpoint},
        {object, "revocation_endpoint", out.revocation_endpoint},
        {object, "pushed_authorization_request_endpoint", out.pushed_authorization_request_endpoint},
        {object, "device_authorization_endpoint", out.device_authorization_endpoint},
        {aliases, "token_endpoint", out.mtls.token_endpoint},
        {aliases, "revocation_endpoint", out.mtls.revocation_endpoint},
        {aliases, "pushed_authorization_request_endpoint", out.mtls.pushed_authorization_request_endpoint},
        {aliases, "device_authorization_endpoint", out.mtls.device_authorization_endpoint},
    };
    for (const Endpoint &endpoint : endpoints) {
        if (Result<void> read = read_endpoint(endpoint, out.issuer); !read) {
            return read;
        }
    }
    return {};
}

}  // namespace

std::string discovery_url(std::string_view issuer) {
    while (issuer.ends_with('/')) {
        issuer.remove_suffix(1);
    }
    return std::string{issuer} + "/.well-known/openid-configuration";
}

Result<IssuerMetadata> parse_issuer_metadata(std::string_view text, std::string_view pinned_issuer) {
    const Result<json::Value> object = json::parse_object(text);
    if (!object) {
        return refuse("it is no JSON object");
    }
    IssuerMetadata out;
    out.issuer = object->get("issuer").as_string();
    if (out.issuer != pinned_issuer || out.issuer.empty()) {
        return refuse("its issuer is not the configured one");
    }
    if (Result<void> read = read_endpoints(*object, out); !read) {
        return fail(read.error());
    }
    out.requires_par = object->get("require_pushed_authorization_requests").as_boolean();
    out.iss_in_response = object->get("authorization_response_iss_parameter_supported").as_boolean();
    const json::Value methods = object->get("code_challenge_methods_supported");
    if (methods.is_array()) {
        out.pkce = lists(methods, "S256") ? PkceSupport::kS256 : PkceSupport::kNotS256;
    }
    const json::Value dpop = object->get("dpop_signing_alg_values_supported");
    for (size_t i = 0; i < dpop.size() && out.dpop_algorithms.size() < kMaxDpopAlgorithms; ++i) {
        if (const std::string_view name = dpop.at(i).as_string(); !name.empty()) {
            out.dpop_algorithms.emplace_back(name);
        }
    }
    return out;
}

}  // namespace nexus::control
