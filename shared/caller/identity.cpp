// Texts of identities and their digests: see identity.h.
#include "shared/caller/identity.h"

#include <algorithm>
#include <array>
#include <utility>

#include "shared/crypto/digest.h"
#include "shared/encoding/hex.h"
#include "shared/encoding/utf8.h"

namespace nexus::caller {

namespace {

constexpr std::array<std::pair<Method, std::string_view>, 4> kMethods{{
    {Method::kApiKey, "api_key"},
    {Method::kJwt, "jwt"},
    {Method::kMtls, "mtls"},
    {Method::kPeer, "peer"},
}};

// Parts are kept apart by NUL, which none of them can hold.
std::string digest_of(std::string_view kind, std::string_view first, std::string_view second = {}) {
    std::string text{"nexus:caller:"};
    text.append(kind).append(1, '\0').append(first);
    if (!second.empty()) {
        text.append(1, '\0').append(second);
    }
    return crypto::sha256_hex(text);
}

bool is_printable_ascii(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

bool has_control_characters(std::string_view text) noexcept {
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace

std::string_view to_string(Method method) noexcept {
    return kMethods[static_cast<size_t>(method)].second;
}

std::optional<Method> parse_method(std::string_view name) noexcept {
    for (const auto &[method, known] : kMethods) {
        if (known == name) {
            return method;
        }
    }
    return std::nullopt;
}

bool is_subject(std::string_view text) noexcept {
    return !text.empty() && text.size() <= kMaxSubjectBytes && !has_control_characters(text) &&
           encoding::is_utf8(text);
}

bool is_issuer(std::string_view text) noexcept {
    if (text.size() > kMaxIssuerBytes || !is_printable_ascii(text) ||
        text.find_first_of("?#\"\\") != std::string_view::npos) {
        return false;
    }
    constexpr std::string_view kHttps = "https://";
    if (text.starts_with(kHttps)) {
        return text.size() > kHttps.size() && text[kHttps.size()] != '/';
    }
    for (const std::string_view loopback : {"http://127.0.0.1", "http://localhost", "http://[::1]"}) {
        if (text.starts_with(loopback)) {
            const std::string_view rest = text.substr(loopback.size());
            return rest.empty() || rest.front() == ':' || rest.front() == '/';
        }
    }
    return false;
}

std::optional<std::string> canonical_san(std::string_view type, std::string_view name) {
    if (name.empty() || type.size() + 1 + name.size() > kMaxSanBytes || !is_printable_ascii(name)) {
        return std::nullopt;
    }
    std::string out{type};
    out.append(":");
    if (type == "URI") {
        return out.append(name);
    }
    if (type == "DNS") {
        return out.append(encoding::to_lower_ascii(name));
    }
    const size_t at = name.rfind('@');
    if (type != "email" || at == std::string_view::npos || at == 0 || at + 1 == name.size()) {
        return std::nullopt;
    }
    return out.append(name.substr(0, at)).append(encoding::to_lower_ascii(name.substr(at)));
}

std::optional<std::string> canonical_san(std::string_view text) {
    const size_t colon = text.find(':');
    return colon == std::string_view::npos ? std::nullopt
                                           : canonical_san(text.substr(0, colon), text.substr(colon + 1));
}

std::string issuer_sha256(std::string_view issuer) {
    return digest_of("issuer", issuer);
}

std::string jwt_sha256(std::string_view issuer, std::string_view subject) {
    return digest_of("jwt", issuer, subject);
}

std::string mtls_sha256(std::string_view canonical_san) {
    return digest_of("mtls", canonical_san);
}

std::string peer_sha256(uint32_t uid) {
    return digest_of("peer", std::to_string(uid));
}

}  // namespace nexus::caller
