// hmac_payload: a keyed hash of the body, or of a text in which the body has its place, in a header.
#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "shared/crypto/hmac.h"
#include "shared/encoding/base64.h"
#include "shared/encoding/hex.h"
#include "shared/http1/syntax.h"
#include "shared/join.h"
#include "shared/strategy/parts.h"
#include "shared/strategy/signing_strategies.h"

namespace nexus::strategy {

namespace {

using record::TokenView;

std::optional<crypto::HashName> hash_named(std::string_view name) noexcept {
    if (name == "sha256") {
        return crypto::HashName::kSha256;
    }
    if (name == "sha1") {
        return crypto::HashName::kSha1;
    }
    return name == "sha512" ? std::optional(crypto::HashName::kSha512) : std::nullopt;
}

using Encode = std::string (*)(std::string_view);

Encode encoding_named(std::string_view name) noexcept {
    if (name == "hex") {
        return encoding::hex_encode;
    }
    if (name == "base64") {
        return encoding::base64_encode;
    }
    return name == "base64url" ? encoding::base64url_encode : nullptr;
}

/// Feeds the template's text to `mac`, names in braces replaced. errors kStrategyFailed: an unknown name, a
/// brace that stays open, a body that cannot be read
Result<void> feed(crypto::Hmac &mac, std::string_view text, const ReadRequest &request,
                  const std::array<std::pair<std::string_view, std::string_view>, 4> &names) {
    while (!text.empty()) {
        const size_t open = text.find('{');
        mac.update(text.substr(0, open));
        if (open == std::string_view::npos) {
            break;
        }
        const size_t close = text.find('}', open);
        if (close == std::string_view::npos) {
            return failed("template has a brace that stays open");
        }
        const std::string_view name = text.substr(open + 1, close - open - 1);
        text.remove_prefix(close + 1);
        if (name == "body") {
            if (!request.whole.body([&](std::string_view bytes) { mac.update(bytes); })) {
                return failed("the request's body cannot be read");
            }
            continue;
        }
        const auto *known =
            std::ranges::find(names, name, &std::pair<std::string_view, std::string_view>::first);
        if (known == names.end()) {
            return failed("template has an unknown name", name);
        }
        mac.update(known->second);
    }
    return {};
}

}  // namespace

Result<Signature> hmac_payload(const TokenView &record, const ReadRequest &request) {
    const std::string_view name = record.strategy_config("header_name");
    if (name.empty()) {
        return failed("hmac_payload needs header_name");
    }
    const std::string_view timestamp_name = record.strategy_config("timestamp_header");
    for (const std::string_view header : {name, timestamp_name.empty() ? name : timestamp_name}) {
        if (Result<void> checked = check_header_name(header); !checked) {
            return tl::unexpected(std::move(checked).error());
        }
    }
    const std::optional<crypto::HashName> hash = hash_named(config_or(record, "algo", "sha256"));
    const Encode encode = encoding_named(config_or(record, "encoding", "hex"));
    if (!hash || encode == nullptr) {
        return failed(!hash ? "algo is unknown" : "encoding is unknown");
    }
    const std::string_view prefix = record.strategy_config("value_prefix");
    if (!http1::is_field_value(prefix)) {
        return failed("value_prefix holds control characters");
    }
    const Result<std::string_view> secret =
        credential(record, config_or(record, "secret_field", "api_secret"));
    if (!secret) {
        return tl::unexpected(secret.error());
    }

    const std::string timestamp = std::to_string(request.whole.now / 1000);
    const std::string timestamp_ms = std::to_string(request.whole.now);
    crypto::Hmac mac(*hash, *secret);
    const Result<void> fed = feed(mac, config_or(record, "template", "{body}"), request,
                                  {{{"timestamp", timestamp},
                                    {"timestamp_ms", timestamp_ms},
                                    {"method", request.head.request.method},
                                    {"path", request.head.request.target}}});
    if (!fed) {
        return tl::unexpected(fed.error());
    }

    std::pmr::memory_resource *const scratch = request.whole.scratch;
    Signature signature{std::pmr::vector<SignedLine>{scratch},
                        std::pmr::string{encode(mac.finish()), scratch}};
    signature.set.push_back({name, join({prefix, signature.bare}, scratch)});
    if (!timestamp_name.empty()) {
        const bool is_ms =
            record.strategy_config("template").find("{timestamp_ms}") != std::string_view::npos;
        signature.set.push_back(
            {timestamp_name, std::pmr::string{is_ms ? timestamp_ms : timestamp, scratch}});
    }
    return signature;
}

}  // namespace nexus::strategy
