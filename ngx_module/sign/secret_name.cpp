// Salt and parts, hashed.
#include "ngx_module/sign/secret_name.h"

#include <string>

#include "shared/crypto/random.h"
#include "shared/secret.h"

namespace nexus::edge {

crypto::Sha256 secret_name(std::initializer_list<std::string_view> parts) {
    static const std::string salt = crypto::random_bytes(32);
    size_t size = salt.size();
    for (const std::string_view part : parts) {
        size += part.size() + 1;
    }
    std::string text;
    text.reserve(size);
    text.append(salt);
    for (const std::string_view part : parts) {
        text.append(part).append(1, '\0');
    }
    const crypto::Sha256 name = crypto::sha256(text);
    wipe(text);
    return name;
}

}  // namespace nexus::edge
