// aws_sigv4: which lines are signed, and which come with the signature.
#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "shared/http1/syntax.h"
#include "shared/sigv4/aws_chunked.h"
#include "shared/sigv4/sign.h"
#include "shared/strategy/parts.h"
#include "shared/strategy/signing_strategies.h"

namespace nexus::strategy {

namespace {

using http1::HeaderLine;
using record::TokenView;

constexpr std::string_view kDate = "X-Amz-Date";
constexpr std::string_view kContentHash = "X-Amz-Content-Sha256";
constexpr std::string_view kSecurityToken = "X-Amz-Security-Token";

/// A caller's own of these are none of a request that we sign.
constexpr std::array<std::string_view, 4> kOurs = {kDate, kContentHash, kSecurityToken, "Authorization"};

bool is_one_of(std::string_view name, std::span<const std::string_view> names) noexcept {
    return std::ranges::any_of(names,
                               [&](std::string_view one) { return http1::equal_ignoring_case(name, one); });
}

/// What AWS wants signed (Host, X-Amz-*, Content-Type), and Content-MD5, which S3 checks. Everything else may
/// be changed by those on the way.
bool is_signed(std::string_view name) noexcept {
    constexpr std::array<std::string_view, 3> kNames = {"Host", "Content-Type", "Content-MD5"};
    constexpr std::string_view kPrefix = "x-amz-";
    return (is_one_of(name, kNames) ||
            (name.size() > kPrefix.size() &&
             http1::equal_ignoring_case(name.substr(0, kPrefix.size()), kPrefix))) &&
           !is_one_of(name, kOurs);
}

std::string_view first_given(std::string_view one, std::string_view other) noexcept {
    return one.empty() ? other : one;
}

}  // namespace

Result<Signature> aws_sigv4(const TokenView &record, const ReadRequest &request, const SigningChoice &choice,
                            const SigningKeys &keys) {
    const sigv4::Scope scope{first_given(choice.region, config_or(record, "region", "us-east-1")),
                             first_given(choice.service, record.strategy_config("service"))};
    if (!sigv4::is_scope_name(scope.region) || !sigv4::is_scope_name(scope.service)) {
        return failed("aws_sigv4 needs service and region, of a-z, 0-9 and -");
    }
    const Result<std::string_view> access_key = credential(record, "access_key");
    const Result<std::string_view> secret_key = credential(record, "secret_key");
    if (!access_key || !secret_key) {
        return tl::unexpected(!access_key ? access_key.error() : secret_key.error());
    }
    const std::string_view session_token = record.credential("session_token");
    if (!http1::is_field_value(session_token)) {
        return failed("the credential holds control characters", "session_token");
    }
    if (request.whole.payload_hash.empty()) {
        return failed("the request's body cannot be signed");
    }

    std::pmr::memory_resource *const scratch = request.whole.scratch;
    const sigv4::AmzDate date = sigv4::amz_date(request.whole.now);
    std::pmr::vector<HeaderLine> to_sign{scratch};
    to_sign.reserve(request.head.lines.size() + 3);
    std::ranges::copy_if(request.head.lines, std::back_inserter(to_sign),
                         [](const HeaderLine &line) { return is_signed(line.name); });
    to_sign.push_back({kDate, date.view()});
    to_sign.push_back({kContentHash, request.whole.payload_hash});
    if (!session_token.empty()) {
        to_sign.push_back({kSecurityToken, session_token});
    }

    sigv4::SigningKey key = keys(*secret_key, date.day(), scope);
    const sigv4::Signature made = sigv4::sign(
        {request.head.request.method, request.head.request.target, to_sign, request.whole.payload_hash},
        scope, date.view(), key, scratch);
    Signature signature{std::pmr::vector<SignedLine>{scratch},
                        std::pmr::string{crypto::as_view(made.hex), scratch}};
    signature.set.reserve(4);
    signature.set.push_back({"Authorization", sigv4::authorization(*access_key, made, scratch)});
    signature.set.push_back({kDate, std::pmr::string{date.view(), scratch}});
    signature.set.push_back({kContentHash, std::pmr::string{request.whole.payload_hash, scratch}});
    if (session_token.empty()) {
        signature.remove = {&kSecurityToken, 1};  // the caller's would make the signature another one
    } else {
        signature.set.push_back({kSecurityToken, std::pmr::string{session_token, scratch}});
    }
    if (request.whole.payload_hash.starts_with(sigv4::kStreamingPayload)) {
        signature.seed = {date, std::string{made.scope}, made.hex, std::move(key)};
    }
    return signature;
}

}  // namespace nexus::strategy
