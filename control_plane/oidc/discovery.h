// OpenID Connect Discovery 1.0 and key sets, over the documents that all nexusd share. The issuer is the
// configured one, always: a document that names another is refused. Outage serves what is known.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "control_plane/oidc/document_cache.h"
#include "control_plane/oidc/issuer_metadata.h"
#include "control_plane/oidc/settings.h"
#include "shared/jose/jwk_set.h"

namespace nexus::control {

class Discovery {
public:
    using Fetch = DocumentCache::Fetch;

    Discovery(Fetch fetch, store::Database &database, Clock clock, Metrics *metrics = nullptr,
              DocumentOptions options = {})
        : documents_(std::move(fetch), database, std::move(clock), metrics, std::move(options)) {}

    /// errors kProviderError, kProviderUnavailable, kEgressDenied, kStoreUnavailable
    Result<std::shared_ptr<const IssuerMetadata>> metadata(const IssuerSource &source);
    /// The issuer's keys. An unknown `kid` ("" = none is looked for) makes them fetched anew, at most once in
    /// jwks_cooldown_s by all nexusd together; who comes within it gets the keys as they are.
    /// errors as metadata
    Result<std::shared_ptr<const jose::JwkSet>> keys(const IssuerSource &source, std::string_view kid);

    /// The same for who has seen a key that the known ones lack, and cannot say its name. errors as metadata
    Result<std::shared_ptr<const jose::JwkSet>> newer_keys(const IssuerSource &source);

    /// Loads both before somebody needs them. returns whether there is a document of each
    bool warm_up(const IssuerSource &source);

    DocumentCache &documents() noexcept { return documents_; }

private:
    Result<std::shared_ptr<const IssuerMetadata>> metadata(const IssuerSource &source, bool is_warm_up);
    using HasKey = std::function<bool(const void *)>;
    Result<std::shared_ptr<const jose::JwkSet>> keys(const IssuerSource &source, HasKey has_key,
                                                     bool is_warm_up);

    DocumentCache documents_;
};

}  // namespace nexus::control
