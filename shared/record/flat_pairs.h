// Lists of names and values in FlatBuffers payloads.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "shared/record/flat.h"
#include "shared/record/token_record_generated.h"
#include "shared/secret.h"

namespace nexus::record {

using Pairs = flatbuffers::Vector<flatbuffers::Offset<fb::Pair>>;

inline std::string_view as_text(const std::string &value) {
    return value;
}

inline std::string_view as_text(const Secret &value) {
    return value.view();
}

template <typename Items>
flatbuffers::Offset<Pairs> pair_list(flatbuffers::FlatBufferBuilder &builder, const Items &items) {
    if (items.empty()) {
        return {};
    }
    std::vector<flatbuffers::Offset<fb::Pair>> pairs;
    pairs.reserve(items.size());
    for (const auto &[name, value] : items) {
        const FlatString flat_name = required_string(builder, name);
        const FlatString flat_value = required_string(builder, as_text(value));
        pairs.push_back(fb::CreatePair(builder, flat_name, flat_value));
    }
    return builder.CreateVector(pairs);
}

inline std::string_view find_value(const Pairs *pairs, std::string_view name) {
    for (size_t i = 0; i < count(pairs); ++i) {
        const fb::Pair *pair = pairs->Get(static_cast<flatbuffers::uoffset_t>(i));
        if (text(pair->name()) == name) {
            return text(pair->value());
        }
    }
    return "";
}

inline std::pair<std::string_view, std::string_view> pair_at(const Pairs *pairs, size_t index) {
    const fb::Pair *pair = pairs->Get(static_cast<flatbuffers::uoffset_t>(index));
    return {text(pair->name()), text(pair->value())};
}

}  // namespace nexus::record
