// A CSPRNG that fails leaves nothing safe to do, so the process ends instead of going on with weak bytes.
#include "shared/crypto/random.h"

#include <openssl/rand.h>
#include <climits>
#include <cstdio>
#include <cstdlib>

#include "shared/encoding/hex.h"

namespace nexus::crypto {

std::string random_bytes(size_t count) {
    std::string bytes(count, '\0');
    if (count > INT_MAX ||
        RAND_bytes(reinterpret_cast<unsigned char *>(bytes.data()), static_cast<int>(count)) != 1) {
        std::fputs("nexus: OpenSSL's random generator failed; ending rather than going on without it\n",
                   stderr);
        std::abort();
    }
    return bytes;
}

std::string random_uuid() {
    std::string bytes = random_bytes(16);
    bytes[6] = static_cast<char>((static_cast<unsigned char>(bytes[6]) & 0x0f) | 0x40);  // version 4
    bytes[8] = static_cast<char>((static_cast<unsigned char>(bytes[8]) & 0x3f) | 0x80);  // variant 10

    std::string text = encoding::hex_encode(bytes);
    for (const size_t position : {8, 13, 18, 23}) {
        text.insert(position, 1, '-');
    }
    return text;
}

}  // namespace nexus::crypto
