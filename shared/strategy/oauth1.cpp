// oauth1: a request signed as RFC 5849 has it, the protocol's parameters in the Authorization line.
#include <algorithm>
#include <array>
#include <iterator>

#include "shared/encoding/percent.h"
#include "shared/http1/syntax.h"
#include "shared/http1/target_uri.h"
#include "shared/oauth1/signature.h"
#include "shared/strategy/parts.h"
#include "shared/strategy/signing_strategies.h"

namespace nexus::strategy {

namespace {

using encoding::FormPairs;
using record::TokenView;

constexpr size_t kMaxFormBytes = 1024 * 1024;
constexpr std::ptrdiff_t kMaxParameters = 4096;

/// Each may be in a request once (section 3.5), and we have put it there.
constexpr std::array<std::string_view, 7> kOurs = {
    "oauth_consumer_key", "oauth_token",   "oauth_signature_method", "oauth_timestamp",
    "oauth_nonce",        "oauth_version", "oauth_signature"};

struct Credentials {
    std::string_view consumer_key;
    std::string_view consumer_secret;
    std::string_view token;  // "" = none, with one's own credentials alone
    std::string_view token_secret;
};

Result<Credentials> credentials_of(const TokenView &record) {
    const Result<std::string_view> key = credential(record, "consumer_key");
    const Result<std::string_view> secret = credential(record, "consumer_secret");
    if (!key || !secret) {
        return tl::unexpected(!key ? key.error() : secret.error());
    }
    return Credentials{*key, *secret, record.credential("token"), record.credential("token_secret")};
}

/// Appends what a query or a form holds. errors kInvalidRequest
Result<void> take_parameters(std::string_view text, FormPairs &into) {
    const auto separators = std::ranges::count(text, '&');
    if (separators + std::ssize(into) >= kMaxParameters) {
        return fail(Errc::kInvalidRequest, "the request has too many parameters to be signed");
    }
    FormPairs pairs = encoding::parse_form(text);
    const bool has_ours = std::ranges::any_of(
        pairs, [](const auto &pair) { return std::ranges::find(kOurs, pair.first) != kOurs.end(); });
    if (has_ours) {
        return fail(Errc::kInvalidRequest, "the request has parameters of OAuth 1.0a of its own");
    }
    std::ranges::move(pairs, std::back_inserter(into));
    return {};
}

Result<void> take_form(const RequestToSign &request, FormPairs &into) {
    if (request.body_bytes > kMaxFormBytes) {
        return fail(Errc::kPayloadTooLarge, "a form of more than 1 MiB is not signed");
    }
    std::string form;
    form.reserve(request.body_bytes);
    const bool is_read = request.body([&](std::string_view bytes) {
        form.append(bytes.substr(0, kMaxFormBytes - std::min(form.size(), kMaxFormBytes)));
    });
    return is_read && form.size() == request.body_bytes ? take_parameters(form, into)
                                                        : failed("the request's body cannot be read");
}

/// The request's own (section 3.4.1.3.1).
Result<FormPairs> parameters_of(const ReadRequest &request) {
    FormPairs out;
    const std::string_view target = request.head.request.target;
    if (const size_t mark = target.find('?'); mark != std::string_view::npos) {
        if (Result<void> taken = take_parameters(target.substr(mark + 1), out); !taken) {
            return tl::unexpected(std::move(taken).error());
        }
    }
    if (is_form(http1::find_header(request.whole.head, "Content-Type"))) {
        if (Result<void> taken = take_form(request.whole, out); !taken) {
            return tl::unexpected(std::move(taken).error());
        }
    }
    return out;
}

}  // namespace

bool is_form(std::string_view content_type) noexcept {
    std::string_view type = content_type.substr(0, content_type.find(';'));
    while (type.ends_with(' ') || type.ends_with('\t')) {
        type.remove_suffix(1);
    }
    return http1::equal_ignoring_case(type, "application/x-www-form-urlencoded");
}

Result<Signature> oauth1(const TokenView &record, const ReadRequest &request) {
    const std::string_view method = config_or(record, "signature_method", "HMAC-SHA1");
    const std::optional<crypto::HashName> hash = oauth1::hash_of_method(method);
    const std::string_view realm = record.strategy_config("realm");
    if (!hash || !oauth1::is_realm(realm)) {
        return failed(!hash ? "signature_method is unknown" : "realm holds characters that it must not have");
    }
    const Result<Credentials> credentials = credentials_of(record);
    if (!credentials) {
        return tl::unexpected(credentials.error());
    }
    const std::string_view host = http1::find_header(request.whole.head, "Host");
    if (host.empty() || request.whole.unique.empty()) {
        return failed("the request cannot be signed: it lacks a Host line, or a nonce");
    }
    Result<FormPairs> parameters = parameters_of(request);
    if (!parameters) {
        return tl::unexpected(std::move(parameters).error());
    }

    FormPairs ours = {{"oauth_consumer_key", std::string{credentials->consumer_key}}};
    if (!credentials->token.empty()) {
        ours.emplace_back("oauth_token", credentials->token);
    }
    ours.emplace_back("oauth_signature_method", method);
    ours.emplace_back("oauth_timestamp", std::to_string(request.whole.now / 1000));
    ours.emplace_back("oauth_nonce", request.whole.unique);
    ours.emplace_back("oauth_version", "1.0");

    std::ranges::copy(ours, std::back_inserter(*parameters));
    const std::string base_string = oauth1::signature_base_string(
        request.head.request.method,
        http1::target_uri(request.whole.is_tls, host, request.head.request.target), *parameters);
    const std::string bare =
        oauth1::sign(*hash, base_string, credentials->consumer_secret, credentials->token_secret);
    ours.emplace_back("oauth_signature", bare);

    std::pmr::memory_resource *const scratch = request.whole.scratch;
    std::pmr::string line{"OAuth ", scratch};
    if (!realm.empty()) {
        line.append("realm=\"").append(realm).append("\", ");
    }
    for (const auto &[name, value] : ours) {
        line.append(line.ends_with(' ') ? "" : ", ");
        line.append(name).append("=\"").append(encoding::percent_encode(value)).append("\"");
    }
    Signature signature{std::pmr::vector<SignedLine>{scratch}, std::pmr::string{bare, scratch}};
    signature.set.push_back({"Authorization", std::move(line)});
    return signature;
}

}  // namespace nexus::strategy
