// Finds the strategy.
#include "shared/strategy/signing.h"

#include "shared/http1/syntax.h"
#include "shared/strategy/parts.h"
#include "shared/strategy/signing_strategies.h"

namespace nexus::strategy {

namespace {

constexpr std::string_view kHmacPayload = "hmac_payload";
constexpr std::string_view kAwsSigv4 = "aws_sigv4";
constexpr std::string_view kOauth1 = "oauth1";

}  // namespace

bool is_dpop_bound(const record::TokenView &record) noexcept {
    return record.strategy() == "oauth2" &&
           http1::equal_ignoring_case(record.credential("token_type"), "DPoP");
}

bool is_signing(const record::TokenView &record) noexcept {
    const std::string_view strategy = record.strategy();
    return is_dpop_bound(record) || strategy == kHmacPayload || strategy == kAwsSigv4 || strategy == kOauth1;
}

Result<Signature> sign_request(const record::TokenView &record, const RequestToSign &request,
                               const SigningChoice &choice, const SigningKeys &keys,
                               const DpopKeys &dpop_keys) {
    if (record.state() != connection::State::kActive) {
        return failed("the connection is not active");
    }
    const Result<http1::Head> head = http1::parse_head(request.head, request.scratch);
    if (!head || !head->request.target.starts_with('/')) {
        return failed("the request's head cannot be signed");
    }
    const ReadRequest read{request, *head};
    if (record.strategy() == kHmacPayload) {
        return hmac_payload(record, read);
    }
    if (record.strategy() == kAwsSigv4) {
        return aws_sigv4(record, read, choice, keys);
    }
    if (is_dpop_bound(record)) {
        return dpop(record, read, dpop_keys);
    }
    if (record.strategy() == kOauth1) {
        return oauth1(record, read);
    }
    return failed("the record's strategy signs nothing");
}

}  // namespace nexus::strategy
