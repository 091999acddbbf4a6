// Two rounds for each eight bytes, four to finish.
#include "shared/crypto/siphash.h"

#include <bit>
#include <cstring>

namespace nexus::crypto {

namespace {

static_assert(std::endian::native == std::endian::little);

struct State {
    uint64_t v0, v1, v2, v3;

    void round() noexcept {
        v0 += v1;
        v1 = std::rotl(v1, 13) ^ v0;
        v0 = std::rotl(v0, 32);
        v2 += v3;
        v3 = std::rotl(v3, 16) ^ v2;
        v0 += v3;
        v3 = std::rotl(v3, 21) ^ v0;
        v2 += v1;
        v1 = std::rotl(v1, 17) ^ v2;
        v2 = std::rotl(v2, 32);
    }

    void take(uint64_t word) noexcept {
        v3 ^= word;
        round();
        round();
        v0 ^= word;
    }
};

}  // namespace

uint64_t siphash(const SipKey &key, std::string_view text) noexcept {
    State state{key.low ^ 0x736f6d6570736575, key.high ^ 0x646f72616e646f6d, key.low ^ 0x6c7967656e657261,
                key.high ^ 0x7465646279746573};
    const uint64_t length = text.size();
    for (; text.size() >= 8; text.remove_prefix(8)) {
        uint64_t word = 0;
        std::memcpy(&word, text.data(), 8);
        state.take(word);
    }
    uint64_t last = length << 56;
    if (!text.empty()) {
        uint64_t rest = 0;
        std::memcpy(&rest, text.data(), text.size());
        last |= rest;
    }
    state.take(last);
    state.v2 ^= 0xff;
    for (int i = 0; i < 4; ++i) {
        state.round();
    }
    return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

}  // namespace nexus::crypto
