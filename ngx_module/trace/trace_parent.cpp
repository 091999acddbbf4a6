// version 00: 00-<trace id 32>-<parent id 16>-<flags 2>
#include "ngx_module/trace/trace_parent.h"

#include "shared/encoding/character_set.h"

namespace nexus::edge {

namespace {

constexpr encoding::CharacterSet kLowerHex{"0123456789abcdef"};
constexpr encoding::CharacterSet kZero{"0"};
constexpr size_t kTraceIdAt = 3, kTraceIdDigits = 32;
constexpr size_t kParentIdAt = 36, kParentIdDigits = 16;
constexpr size_t kFlagsAt = 53;

bool is_id(std::string_view digits) noexcept {
    return kLowerHex.covers(digits) && !kZero.covers(digits);
}

/// Writes the digits of `bytes`, and no id of zeros.
void put_id(char *out, std::span<const unsigned char> bytes) noexcept {
    static constexpr char kDigits[] = "0123456789abcdef";
    unsigned any = 0;
    for (const unsigned char byte : bytes) {
        any |= byte;
        *out++ = kDigits[byte >> 4];
        *out++ = kDigits[byte & 0x0f];
    }
    if (any == 0) {
        out[-1] = '1';
    }
}

}  // namespace

bool is_trace_parent(std::string_view value) noexcept {
    if (value.size() < kTraceParentBytes || value[2] != '-' || value[kParentIdAt - 1] != '-' ||
        value[kFlagsAt - 1] != '-') {
        return false;
    }
    const std::string_view version = value.substr(0, 2);
    if (!kLowerHex.covers(version) || version == "ff") {
        return false;
    }
    const bool has_more = value.size() > kTraceParentBytes;
    if (has_more && (version == "00" || value[kTraceParentBytes] != '-')) {
        return false;
    }
    return is_id(value.substr(kTraceIdAt, kTraceIdDigits)) &&
           is_id(value.substr(kParentIdAt, kParentIdDigits)) && kLowerHex.covers(value.substr(kFlagsAt, 2));
}

std::string_view trace_id_of(std::string_view value) noexcept {
    return value.substr(kTraceIdAt, kTraceIdDigits);
}

std::array<char, kTraceParentBytes> make_trace_parent(
    std::span<const unsigned char, kTraceRandomBytes> random) noexcept {
    std::array<char, kTraceParentBytes> value{'0', '0', '-'};
    put_id(value.data() + kTraceIdAt, random.first(kTraceIdDigits / 2));
    value[kParentIdAt - 1] = '-';
    put_id(value.data() + kParentIdAt, random.subspan(kTraceIdDigits / 2, kParentIdDigits / 2));
    value[kFlagsAt - 1] = '-';
    value[kFlagsAt] = '0';
    value[kFlagsAt + 1] = '0';
    return value;
}

}  // namespace nexus::edge
