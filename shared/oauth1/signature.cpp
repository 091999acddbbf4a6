// Base strings and their codes.
#include "shared/oauth1/signature.h"

#include <algorithm>

#include "shared/encoding/base64.h"
#include "shared/encoding/percent.h"
#include "shared/http1/syntax.h"
#include "shared/secret.h"

namespace nexus::oauth1 {

namespace {

using encoding::percent_encode;

/// Section 3.4.1.3.2: encoded first, then sorted by name and by value, byte by byte.
std::string normalised(const encoding::FormPairs &parameters) {
    encoding::FormPairs encoded;
    encoded.reserve(parameters.size());
    for (const auto &[name, value] : parameters) {
        encoded.emplace_back(percent_encode(name), percent_encode(value));
    }
    std::ranges::sort(encoded);

    std::string out;
    for (const auto &[name, value] : encoded) {
        out.append(out.empty() ? "" : "&").append(name).append("=").append(value);
    }
    return out;
}

std::string upper_case(std::string_view text) {
    std::string out{text};
    for (char &c : out) {
        c = c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
    }
    return out;
}

}  // namespace

std::string signature_base_string(std::string_view method, std::string_view uri,
                                  const encoding::FormPairs &parameters) {
    return upper_case(method)
        .append("&")
        .append(percent_encode(uri))
        .append("&")
        .append(percent_encode(normalised(parameters)));
}

std::string sign(crypto::HashName hash, std::string_view base_string, std::string_view client_secret,
                 std::string_view token_secret) {
    std::string client = percent_encode(client_secret);
    std::string token = percent_encode(token_secret);
    std::string key;
    key.reserve(client.size() + 1 + token.size());
    key.append(client).append("&").append(token);
    wipe(client);
    wipe(token);
    crypto::Hmac mac(hash, key);
    wipe(key);
    return encoding::base64_encode(mac.update(base_string).finish());
}

std::optional<crypto::HashName> hash_of_method(std::string_view signature_method) noexcept {
    if (signature_method == "HMAC-SHA1") {
        return crypto::HashName::kSha1;
    }
    return signature_method == "HMAC-SHA256" ? std::optional(crypto::HashName::kSha256) : std::nullopt;
}

bool is_realm(std::string_view text) noexcept {
    return http1::is_field_value(text) && text.find_first_of("\"\\") == std::string_view::npos;
}

}  // namespace nexus::oauth1
