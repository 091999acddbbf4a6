// OpenID Connect Discovery and key sets: see discovery.h.
#include "control_plane/oidc/discovery.h"

#include <chrono>

#include "control_plane/json/json.h"
#include "control_plane/log/log.h"
#include "control_plane/metrics/metrics.h"
#include "control_plane/url/url.h"

namespace nexus::control {

namespace {

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
    std::string_view name;
    std::string_view url;
    bool is_needed;
};

// An https issuer must not lead us to plain http: that goes to networks of the operator only, which are none
// of its business.
Result<void> check_endpoint(std::string_view name, std::string_view url, bool is_needed,
                            std::string_view issuer) {
    if (url.empty() && !is_needed) {
        return {};
    }
    const Result<Url> parsed = parse_http_url(url, name);
    if (!parsed) {
        return refuse(url.empty() ? "it has no " + std::string{name} : parsed.error().message);
    }
    const Result<Url> root = parse_http_url(issuer, "issuer");
    if (parsed->scheme != "https" && root && root->scheme == "https") {
        return refuse(std::string{name} + " is not https, but its issuer is");
    }
    return {};
}

double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

std::string discovery_url(std::string_view issuer) {
    while (issuer.ends_with('/')) {
        issuer.remove_suffix(1);
    }
    return std::string{issuer} + "/.well-known/openid-configuration";
}

Result<IssuerMetadata> parse_issuer_metadata(std::string_view text, std::string_view pinned_issuer) {
    Result<json::Value> object = json::parse_object(text);
    if (!object) {
        return refuse("it is no JSON object");
    }
    IssuerMetadata out;
    out.issuer = object->get("issuer").as_string();
    if (out.issuer != pinned_issuer || out.issuer.empty()) {
        return refuse("its issuer is not the configured one");
    }
    out.authorization_endpoint = object->get("authorization_endpoint").as_string();
    out.token_endpoint = object->get("token_endpoint").as_string();
    out.userinfo_endpoint = object->get("userinfo_endpoint").as_string();
    out.revocation_endpoint = object->get("revocation_endpoint").as_string();
    out.jwks_uri = object->get("jwks_uri").as_string();
    out.iss_in_response = object->get("authorization_response_iss_parameter_supported").as_boolean();
    for (const auto &[name, url, is_needed] :
         {Endpoint{"authorization_endpoint", out.authorization_endpoint, true},
          Endpoint{"token_endpoint", out.token_endpoint, true}, Endpoint{"jwks_uri", out.jwks_uri, true},
          Endpoint{"userinfo_endpoint", out.userinfo_endpoint, false},
          Endpoint{"revocation_endpoint", out.revocation_endpoint, false}}) {
        if (Result<void> checked = check_endpoint(name, url, is_needed, out.issuer); !checked) {
            return fail(checked.error());
        }
    }
    json::Value methods = object->get("code_challenge_methods_supported");
    if (methods.is_array()) {
        out.pkce = lists(methods, "S256") ? PkceSupport::kS256 : PkceSupport::kNotS256;
    }
    return out;
}

Result<HttpResponse> Discovery::get(const std::string &url) const {
    HttpRequest request;
    request.url = url;
    request.headers = {{"Accept", "application/json"}};
    Result<HttpResponse> response = fetch_(request);
    if (!response) {
        return response;
    }
    if (response->status != 200) {
        Errc errc = response->status >= 500 || response->status == 429 ? Errc::kProviderUnavailable
                                                                       : Errc::kProviderError;
        return fail(errc,
                    "the provider's discovery answered with status " + std::to_string(response->status));
    }
    return response;
}

Result<IssuerMetadata> Discovery::fetch_metadata(const std::string &issuer) {
    auto start = std::chrono::steady_clock::now();
    Result<IssuerMetadata> out = get(discovery_url(issuer)).and_then([&](const HttpResponse &response) {
        return parse_issuer_metadata(response.body.view(), issuer);
    });
    if (metrics_ != nullptr) {
        metrics_->oidc_discovery(out ? "success" : "error", seconds_since(start));
    }
    if (!out) {
        log::warn("oidc_discovery_failed", {{"issuer", issuer}, {"reason", out.error().message}});
    }
    return out;
}

Result<JwkSet> Discovery::fetch_keys(const std::string &issuer) {
    return metadata(issuer).and_then([&](const std::shared_ptr<const IssuerMetadata> &known) {
        return get(known->jwks_uri).and_then([](const HttpResponse &response) {
            return JwkSet::parse(response.body.view());
        });
    });
}

Discovery::Entry &Discovery::entry_of(const std::string &issuer) {
    if (entries_.size() >= kMaxIssuers && !entries_.contains(issuer)) {
        entries_.erase(entries_.begin());  // providers are few; this only bounds a catalogue gone wild
    }
    return entries_[issuer];
}

Result<std::shared_ptr<const IssuerMetadata>> Discovery::metadata(const std::string &issuer) {
    {
        std::lock_guard lock(mutex_);
        Entry &entry = entry_of(issuer);
        if (entry.metadata && clock_() < entry.metadata_due) {
            return entry.metadata;
        }
    }
    Result<IssuerMetadata> fresh = fetch_metadata(issuer);
    std::lock_guard lock(mutex_);
    Entry &entry = entry_of(issuer);
    if (fresh) {
        entry.metadata = std::make_shared<const IssuerMetadata>(std::move(*fresh));
        entry.metadata_due = clock_() + kFreshMs;
        return entry.metadata;
    }
    if (entry.metadata) {
        entry.metadata_due = clock_() + kRetryMs;
        return entry.metadata;
    }
    return tl::unexpected(fresh.error());
}

// Marks the attempt, so that callers with an unknown kid cannot make us fetch more than once in
// kKidRefetchMs.
bool Discovery::keys_are_due(Entry &entry, std::string_view kid, UnixMs now) const {
    bool stale = !entry.keys || now >= entry.keys_due;
    bool unknown_kid =
        entry.keys && !kid.empty() && !entry.keys->has_kid(kid) && now - entry.keys_fetched >= kKidRefetchMs;
    if (stale || unknown_kid) {
        entry.keys_fetched = now;
        return true;
    }
    return false;
}

Result<std::shared_ptr<const JwkSet>> Discovery::keys(const std::string &issuer, std::string_view kid) {
    {
        std::lock_guard lock(mutex_);
        Entry &entry = entry_of(issuer);
        if (!keys_are_due(entry, kid, clock_())) {
            return entry.keys;
        }
    }
    Result<JwkSet> fresh = fetch_keys(issuer);
    std::lock_guard lock(mutex_);
    Entry &entry = entry_of(issuer);
    if (fresh) {
        entry.keys = std::make_shared<const JwkSet>(std::move(*fresh));
        entry.keys_due = clock_() + kFreshMs;
        return entry.keys;
    }
    log::warn("oidc_keys_fetch_failed", {{"issuer", issuer}, {"reason", fresh.error().message}});
    if (entry.keys) {
        entry.keys_due = clock_() + kRetryMs;
        return entry.keys;
    }
    return tl::unexpected(fresh.error());
}

}  // namespace nexus::control
