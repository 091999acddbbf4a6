#include "shared/resp/slot.h"

#include <array>

namespace nexus::resp {
namespace {

constexpr std::array<uint16_t, 256> kTable = [] {
    constexpr uint16_t kPolynomial = 0x1021;
    std::array<uint16_t, 256> table{};
    for (unsigned byte = 0; byte < table.size(); ++byte) {
        unsigned crc = byte << 8U;
        for (int bit = 0; bit < 8; ++bit) {
            crc = (crc & 0x8000U) != 0 ? (crc << 1U) ^ kPolynomial : crc << 1U;
        }
        table[byte] = static_cast<uint16_t>(crc);
    }
    return table;
}();

}  // namespace

uint16_t crc16(std::string_view bytes) noexcept {
    unsigned crc = 0;
    for (const char byte : bytes) {
        crc = (crc << 8U) ^ kTable[((crc >> 8U) ^ static_cast<unsigned char>(byte)) & 0xffU];
    }
    return static_cast<uint16_t>(crc);
}

uint16_t slot_of(std::string_view key) noexcept {
    if (const size_t open = key.find('{'); open != std::string_view::npos) {
        const size_t close = key.find('}', open + 1);
        if (close != std::string_view::npos && close > open + 1) {
            key = key.substr(open + 1, close - open - 1);
        }
    }
    return crc16(key) % kSlots;
}

}  // namespace nexus::resp
