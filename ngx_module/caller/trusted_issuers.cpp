// Reading issuer records: see trusted_issuers.h.
#include "ngx_module/caller/trusted_issuers.h"

#include <utility>

#include "ngx_module/record/open_record.h"
#include "shared/record/issuer_record.h"

namespace nexus::edge {

namespace {

Result<TrustedIssuer> open_issuer(Lookup &lookup) {
    const Result<std::string_view> payload = open_record(lookup);
    if (!payload) {
        return fail(payload.error());
    }
    Result<record::IssuerRecord> record = record::parse_issuer(lookup.header, *payload);
    if (!record) {
        return fail(record.error());
    }

    TrustedIssuer out;
    out.generation = record->generation;
    out.workspace_id = std::move(record->workspace_id);
    out.policy = {std::move(record->issuer), std::move(record->audiences), std::move(record->algorithms),
                  int64_t{record->leeway_s}, int64_t{record->max_age_s}};
    // Without keys the issuer is trusted, and nothing of it can be verified yet.
    if (Result<jose::JwkSet> keys = jose::JwkSet::parse(record->jwks); keys) {
        out.keys = std::move(*keys);
    }
    return out;
}

}  // namespace

Result<const TrustedIssuer *> TrustedIssuers::read(Lookup &lookup) {
    const auto known = issuers_.find(lookup.id);
    if (known != issuers_.end() && known->second.generation == lookup.header.generation) {
        return &known->second;
    }

    Result<TrustedIssuer> issuer = open_issuer(lookup);
    if (!issuer) {
        return fail(issuer.error());
    }
    if (known == issuers_.end() && issuers_.size() >= kMax) {
        issuers_.clear();
    }
    return &issuers_.insert_or_assign(std::string{lookup.id}, std::move(*issuer)).first->second;
}

}  // namespace nexus::edge
