// JSON of peers, read by jansson: objects without a member twice. For .cpp files of this folder only.
#pragma once

#include <jansson.h>
#include <memory>
#include <string_view>

namespace nexus::jose {

struct ReleaseJson {
    void operator()(json_t *json) const noexcept { json_decref(json); }
};
using JsonPtr = std::unique_ptr<json_t, ReleaseJson>;

enum class JsonFault : uint8_t { kNone, kMalformed, kDuplicateMember };

/// nullptr: `fault` says why
inline JsonPtr parse_object(std::string_view text, JsonFault &fault) {
    json_error_t error;
    JsonPtr root{json_loadb(text.data(), text.size(), JSON_REJECT_DUPLICATES, &error)};
    if (!json_is_object(root.get())) {
        const bool is_duplicate = root == nullptr && json_error_code(&error) == json_error_duplicate_key;
        fault = is_duplicate ? JsonFault::kDuplicateMember : JsonFault::kMalformed;
        return nullptr;
    }
    fault = JsonFault::kNone;
    return root;
}

/// "" unless the value is a text; lives as long as the value.
inline std::string_view text_of(const json_t *value) {
    return json_is_string(value) ? std::string_view{json_string_value(value), json_string_length(value)}
                                 : std::string_view{};
}

inline std::string_view text_of(const json_t *object, const char *name) {
    return text_of(json_object_get(object, name));
}

inline bool contains(const json_t *object, const char *name) {
    return json_object_get(object, name) != nullptr;
}

}  // namespace nexus::jose
