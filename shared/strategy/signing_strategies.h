// The strategies behind sign_request, one file each.
#pragma once

#include "shared/http1/header_block.h"
#include "shared/strategy/signing.h"

namespace nexus::strategy {

/// What all of them get: the request with its head read.
struct ReadRequest {
    const RequestToSign &whole;
    const http1::Head &head;
};

Result<Signature> hmac_payload(const record::TokenView &record, const ReadRequest &request);
Result<Signature> aws_sigv4(const record::TokenView &record, const ReadRequest &request,
                            const SigningChoice &choice, const SigningKeys &keys);
Result<Signature> dpop(const record::TokenView &record, const ReadRequest &request, const DpopKeys &keys);
Result<Signature> oauth1(const record::TokenView &record, const ReadRequest &request);

}  // namespace nexus::strategy
