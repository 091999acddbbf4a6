// What all record kinds need of FlatBuffers: a builder whose memory is wiped, verification with limits, and
// string access that treats an absent field as empty. For .cpp files of this folder only.
#pragma once

#include <openssl/crypto.h>
#include <string>
#include <string_view>
#include <vector>

#include "shared/record/envelope.h"
#include "shared/record/token_record_generated.h"
#include "shared/secret.h"

namespace nexus::record {

/// Buffers grow by copying, so every abandoned one holds secrets: all are wiped.
class WipingAllocator : public flatbuffers::Allocator {
public:
    uint8_t *allocate(size_t size) override { return new uint8_t[size]; }
    void deallocate(uint8_t *bytes, size_t size) override {
        OPENSSL_cleanse(bytes, size);
        delete[] bytes;
    }
};

using FlatString = flatbuffers::Offset<flatbuffers::String>;
using FlatStrings = flatbuffers::Vector<FlatString>;

/// An empty string is left out of the buffer.
inline FlatString optional_string(flatbuffers::FlatBufferBuilder &builder, std::string_view text) {
    return text.empty() ? FlatString{} : builder.CreateString(text.data(), text.size());
}

inline FlatString required_string(flatbuffers::FlatBufferBuilder &builder, std::string_view text) {
    return builder.CreateString(text.data(), text.size());
}

inline flatbuffers::Offset<FlatStrings> string_list(flatbuffers::FlatBufferBuilder &builder,
                                                    const std::vector<std::string> &items) {
    if (items.empty()) {
        return {};
    }
    return builder.CreateVectorOfStrings(items);
}

inline Secret finished_payload(const flatbuffers::FlatBufferBuilder &builder) {
    return Secret{
        std::string_view{reinterpret_cast<const char *>(builder.GetBufferPointer()), builder.GetSize()}};
}

/// The table in `payload`, or nullptr if the bytes are not a well-formed buffer of that type.
template <typename Table>
const Table *verified_root(std::string_view payload) {
    constexpr flatbuffers::uoffset_t kMaxDepth = 4, kMaxTables = 1024;
    const auto *bytes = reinterpret_cast<const uint8_t *>(payload.data());
    flatbuffers::Verifier verifier(bytes, payload.size(), kMaxDepth, kMaxTables);
    return verifier.VerifyBuffer<Table>(nullptr) ? flatbuffers::GetRoot<Table>(bytes) : nullptr;
}

inline std::string_view text(const flatbuffers::String *string) {
    return string == nullptr ? std::string_view{""} : std::string_view{string->c_str(), string->size()};
}

template <typename Vector>
size_t count(const Vector *vector) {
    return vector == nullptr ? 0 : vector->size();
}

template <typename Table>
bool agrees(const Table &table, const Header &header) {
    return table.state() == header.state && table.generation() == header.generation &&
           table.expires_at() == header.expires_at;
}

}  // namespace nexus::record
