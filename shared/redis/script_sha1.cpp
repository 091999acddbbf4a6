#include "shared/redis/script_sha1.h"

#include <openssl/evp.h>

#include "shared/encoding/hex.h"

namespace nexus::redis {

std::string script_sha1(std::string_view script) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    EVP_Digest(script.data(), script.size(), digest, &size, EVP_sha1(), nullptr);
    return encoding::hex_encode({reinterpret_cast<const char *>(digest), size});
}

}  // namespace nexus::redis
