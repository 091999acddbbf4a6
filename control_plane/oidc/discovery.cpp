// OpenID Connect Discovery and key sets: see discovery.h.
#include "control_plane/oidc/discovery.h"

namespace nexus::control {

namespace {

using MetadataPtr = std::shared_ptr<const IssuerMetadata>;
using KeysPtr = std::shared_ptr<const jose::JwkSet>;

template <typename T>
ParsedDocument as_document(T parsed) {
    return std::make_shared<const T>(std::move(parsed));
}

Result<ParsedDocument> parse_keys(std::string_view body) {
    Result<jose::JwkSet> keys = jose::JwkSet::parse(body);
    if (!keys) {
        return fail(keys.error());
    }
    if (keys->usable() == 0) {
        return fail(Errc::kProviderError, "the provider's key set has no key that could verify an id_token");
    }
    return as_document(std::move(*keys));
}

DocumentUse use_of_metadata(const IssuerSource &source) {
    DocumentUse use;
    use.key = {"discovery",
               source.well_known_url.empty() ? discovery_url(source.issuer) : source.well_known_url,
               source.issuer};
    use.provider = source.provider;
    use.parse = [issuer = source.issuer](std::string_view body) -> Result<ParsedDocument> {
        Result<IssuerMetadata> metadata = parse_issuer_metadata(body, issuer);
        return metadata ? Result<ParsedDocument>(as_document(std::move(*metadata))) : fail(metadata.error());
    };
    return use;
}

DocumentUse use_of_keys(const IssuerSource &source, const std::string &jwks_uri) {
    DocumentUse use;
    use.key = {"jwks", jwks_uri, ""};
    use.provider = source.provider;
    use.ttl_s = source.jwks_ttl_s;
    use.cooldown_s = source.jwks_cooldown_s;
    use.parse = parse_keys;
    return use;
}

}  // namespace

Result<MetadataPtr> Discovery::metadata(const IssuerSource &source) {
    return metadata(source, false);
}

Result<MetadataPtr> Discovery::metadata(const IssuerSource &source, bool is_warm_up) {
    DocumentUse use = use_of_metadata(source);
    use.is_warm_up = is_warm_up;
    return documents_.get(use).map([](const ParsedDocument &document) {
        return std::static_pointer_cast<const IssuerMetadata>(document);
    });
}

Result<KeysPtr> Discovery::keys(const IssuerSource &source, std::string_view kid) {
    HasKey has_key;
    if (!kid.empty()) {
        has_key = [kid](const void *keys) { return static_cast<const jose::JwkSet *>(keys)->has_kid(kid); };
    }
    return keys(source, std::move(has_key), false);
}

Result<KeysPtr> Discovery::newer_keys(const IssuerSource &source) {
    return keys(
        source, [](const void *) { return false; }, false);
}

Result<KeysPtr> Discovery::keys(const IssuerSource &source, HasKey has_key, bool is_warm_up) {
    std::string jwks_uri = source.jwks_uri;
    if (jwks_uri.empty()) {
        const Result<MetadataPtr> known = metadata(source, is_warm_up);
        if (!known) {
            return fail(known.error());
        }
        jwks_uri = (*known)->jwks_uri;
    }
    DocumentUse use = use_of_keys(source, jwks_uri);
    use.is_warm_up = is_warm_up;
    use.has_key = std::move(has_key);
    return documents_.get(use).map([](const ParsedDocument &document) {
        return std::static_pointer_cast<const jose::JwkSet>(document);
    });
}

bool Discovery::warm_up(const IssuerSource &source) {
    const bool has_metadata = metadata(source, true).has_value();
    return keys(source, HasKey{}, true).has_value() && has_metadata;
}

}  // namespace nexus::control
