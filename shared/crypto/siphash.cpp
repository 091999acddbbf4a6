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

    void take_text(std::string_view text) noexcept {
        uint64_t last = text.size() << 56;
        for (; text.size() >= 8; text.remove_prefix(8)) {
            uint64_t word = 0;
            std::memcpy(&word, text.data(), 8);
            take(word);
        }
        if (!text.empty()) {
            uint64_t rest = 0;
            std::memcpy(&rest, text.data(), text.size());
            last |= rest;
        }
        take(last);
    }

    uint64_t finish() noexcept {
        for (int i = 0; i < 4; ++i) {
            round();
        }
        return v0 ^ v1 ^ v2 ^ v3;
    }
};

State begin(const SipKey &key) noexcept {
    return {key.low ^ 0x736f6d6570736575, key.high ^ 0x646f72616e646f6d, key.low ^ 0x6c7967656e657261,
            key.high ^ 0x7465646279746573};
}

}  // namespace

uint64_t siphash(const SipKey &key, std::string_view text) noexcept {
    State state = begin(key);
    state.take_text(text);
    state.v2 ^= 0xff;
    return state.finish();
}

Sip128 siphash128(const SipKey &key, std::string_view text) noexcept {
    State state = begin(key);
    state.v1 ^= 0xee;
    state.take_text(text);
    state.v2 ^= 0xee;
    const uint64_t low = state.finish();
    state.v1 ^= 0xdd;
    return {low, state.finish()};
}

}  // namespace nexus::crypto
