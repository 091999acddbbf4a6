// Which of the cluster's 16384 slots a key is in.
// source: Redis cluster specification, "Key distribution model" and "Hash tags"
#pragma once

#include <cstdint>
#include <string_view>

namespace nexus::resp {

inline constexpr uint16_t kSlots = 16384;

/// CRC-16/XMODEM: polynomial 0x1021, no reflection, starts with 0.
uint16_t crc16(std::string_view bytes) noexcept;

/// Of a key: if it holds {...} with something between, only that counts.
uint16_t slot_of(std::string_view key) noexcept;

}  // namespace nexus::resp
