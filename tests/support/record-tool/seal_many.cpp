// See seal_many.h.
#include "tests/support/record-tool/seal_many.h"

#include <array>
#include <cstdio>
#include <initializer_list>
#include <string>
#include <string_view>

#include "shared/redis/keys.h"

namespace nexus::tests {
namespace {

std::string numbered_id(uint64_t number) {
    std::array<char, 41> id{};
    std::snprintf(id.data(), id.size(), "00000000-0000-4000-8000-%012llx",
                  static_cast<unsigned long long>(number));
    return id.data();
}

void write_command(std::ostream &out, std::initializer_list<std::string_view> words) {
    out << '*' << words.size() << "\r\n";
    for (const std::string_view word : words) {
        out << '$' << word.size() << "\r\n" << word << "\r\n";
    }
}

}  // namespace

Result<void> seal_many(const crypto::Keyring &keyring, record::TokenRecord token, uint64_t count,
                       std::ostream &out) {
    const std::string expires_at = std::to_string(token.expires_at);
    for (uint64_t number = 0; number < count; ++number) {
        token.connection_id = numbered_id(number);
        const Result<Secret> payload = record::encode_token(token);
        if (!payload) {
            return tl::unexpected(payload.error());
        }
        const std::string key = redis::token_key(token.connection_id);
        const Result<std::string> sealed = record::seal(keyring, header_of(token), key, payload->view());
        if (!sealed) {
            return tl::unexpected(sealed.error());
        }
        write_command(out, {"SET", key, *sealed, "PXAT", expires_at});
    }
    return {};
}

}  // namespace nexus::tests
