// Compact JWS: see compact.h.
#include "shared/jose/compact.h"

#include <algorithm>

#include "shared/encoding/character_set.h"
#include "shared/encoding/hex.h"
#include "shared/jose/json.h"

namespace nexus::jose {

namespace {

constexpr encoding::CharacterSet kBase64Url{
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"};

// RFC 8725 section 3.11: a token that says it is of another kind is not taken for one of ours.
bool is_of_type(const json_t *header, std::span<const std::string_view> types) {
    if (!contains(header, "typ")) {
        return true;
    }
    const std::string lower = encoding::to_lower_ascii(text_of(header, "typ"));
    std::string_view type = lower;
    if (constexpr std::string_view kPrefix = "application/"; type.starts_with(kPrefix)) {
        type.remove_prefix(kPrefix.size());
    }
    return std::find(types.begin(), types.end(), type) != types.end();
}

tl::expected<const SignatureAlgorithm *, Refusal> algorithm_of(std::string_view name,
                                                               std::span<const std::string> accepted) {
    const std::string lower = encoding::to_lower_ascii(name);
    if (lower == "none") {
        return tl::unexpected(Refusal::kAlgNone);
    }
    if (lower.starts_with("hs")) {
        return tl::unexpected(Refusal::kAlgHmac);
    }
    const SignatureAlgorithm *algorithm = find_signature_algorithm(name);
    if (algorithm == nullptr) {
        return tl::unexpected(Refusal::kAlgUnknown);
    }
    if (!accepted.empty() && std::find(accepted.begin(), accepted.end(), name) == accepted.end()) {
        return tl::unexpected(Refusal::kAlgNotAccepted);
    }
    return algorithm;
}

}  // namespace

tl::expected<CompactParts, Refusal> split_compact(std::string_view token, size_t max_bytes) {
    if (token.size() > max_bytes) {
        return tl::unexpected(Refusal::kTooLarge);
    }
    const auto dots = std::count(token.begin(), token.end(), '.');
    if (dots == 4) {
        return tl::unexpected(Refusal::kEncrypted);
    }
    if (dots != 2) {
        return tl::unexpected(Refusal::kMalformed);
    }
    const size_t first = token.find('.');
    const size_t second = token.find('.', first + 1);
    return CompactParts{token.substr(0, first), token.substr(first + 1, second - first - 1),
                        token.substr(second + 1), token.substr(0, second)};
}

bool looks_like_jwt(std::string_view text) noexcept {
    int dots = 0;
    size_t part = 0;
    for (const char c : text) {
        if (c == '.') {
            if (part == 0 || ++dots > 2) {
                return false;
            }
            part = 0;
        } else if (!kBase64Url.contains(c)) {
            return false;
        } else {
            ++part;
        }
    }
    return dots == 2 && part > 0;
}

tl::expected<JoseHeader, Refusal> read_jose_header(const json_t *object,
                                                   std::span<const std::string> accepted,
                                                   std::span<const std::string_view> types) {
    if (contains(object, "crit")) {
        return tl::unexpected(Refusal::kCrit);
    }
    if (contains(object, "b64") && !json_is_true(json_object_get(object, "b64"))) {
        return tl::unexpected(Refusal::kB64);
    }
    if (!is_of_type(object, types)) {
        return tl::unexpected(Refusal::kTyp);
    }
    const std::string_view kid = text_of(object, "kid");
    const bool has_bad_kid = contains(object, "kid") && (kid.empty() || kid.size() > kMaxKidBytes);
    if (!json_is_string(json_object_get(object, "alg")) || has_bad_kid) {
        return tl::unexpected(Refusal::kHeaderMalformed);
    }
    return algorithm_of(text_of(object, "alg"), accepted).map([&](const SignatureAlgorithm *algorithm) {
        return JoseHeader{algorithm, std::string{kid}};
    });
}

}  // namespace nexus::jose
