// OpenID Connect Discovery 1.0 and key sets, cached in this process. The issuer is the configured one,
// always: a document that names another is refused. Outage serves what is known. Concurrent callers of one
// issuer may fetch it twice; both answers are equal, and nothing waits under the lock.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "control_plane/http/http_client.h"
#include "control_plane/oidc/jwk_set.h"
#include "shared/clock.h"
#include "shared/result.h"

namespace nexus::control {

class Metrics;

/// What code_challenge_methods_supported says; whether that will do is the profile's business.
enum class PkceSupport : uint8_t { kUnknown, kS256, kNotS256 };

struct IssuerMetadata {
    std::string issuer;
    std::string authorization_endpoint;
    std::string token_endpoint;
    std::string userinfo_endpoint;  // "" = none
    std::string jwks_uri;
    std::string revocation_endpoint;  // "" = none
    PkceSupport pkce = PkceSupport::kUnknown;
    bool iss_in_response = false;  // RFC 9207: authorization_response_iss_parameter_supported
};

/// source OpenID Connect Discovery 1.0 sections 3 and 4.3 (issuer MUST be identical)
/// errors kProviderError: no JSON object, another issuer, missing or malformed endpoints, plain http below an
/// https one
Result<IssuerMetadata> parse_issuer_metadata(std::string_view text, std::string_view pinned_issuer);

/// Where the document of an issuer lives (section 4: the path of the issuer is kept).
std::string discovery_url(std::string_view issuer);

class Discovery {
public:
    using Fetch = std::function<Result<HttpResponse>(const HttpRequest &)>;

    Discovery(Fetch fetch, Clock clock, Metrics *metrics = nullptr)
        : fetch_(std::move(fetch)), clock_(std::move(clock)), metrics_(metrics) {}

    /// errors kProviderError, kProviderUnavailable, kEgressDenied
    Result<std::shared_ptr<const IssuerMetadata>> metadata(const std::string &issuer);
    /// The issuer's keys. An unknown `kid` makes them fetched anew, at most once in kKidRefetchMs per issuer.
    Result<std::shared_ptr<const JwkSet>> keys(const std::string &issuer, std::string_view kid);

    static constexpr UnixMs kFreshMs = 60 * 60 * 1000;
    static constexpr UnixMs kRetryMs = 30 * 1000;  // after a failed refetch of something known
    static constexpr UnixMs kKidRefetchMs = 30 * 1000;
    static constexpr size_t kMaxIssuers = 1024;

private:
    struct Entry {
        std::shared_ptr<const IssuerMetadata> metadata;
        UnixMs metadata_due = 0;
        std::shared_ptr<const JwkSet> keys;
        UnixMs keys_due = 0;
        UnixMs keys_fetched = 0;  // last attempt
    };
    Result<HttpResponse> get(const std::string &url) const;
    Result<IssuerMetadata> fetch_metadata(const std::string &issuer);
    Result<JwkSet> fetch_keys(const std::string &issuer);
    bool keys_are_due(Entry &entry, std::string_view kid, UnixMs now) const;
    Entry &entry_of(const std::string &issuer);

    Fetch fetch_;
    Clock clock_;
    Metrics *metrics_;
    std::mutex mutex_;
    std::map<std::string, Entry> entries_;
};

}  // namespace nexus::control
