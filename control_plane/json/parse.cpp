// Parsing with bounds: size and depth are checked before jansson sees the text, whose own depth limit is
// 2048.
#include <jansson.h>
#include <algorithm>

#include "control_plane/json/parse_plain.h"
#include "control_plane/json/parse_problems.h"

namespace nexus::control::json {

namespace {

constexpr std::string_view kDuplicateMember = "the JSON has a member twice";

/// Deepest nesting of brackets outside strings. Wrong nesting is left to the parser.
size_t depth_of(std::string_view text) {
    size_t depth = 0;
    size_t deepest = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_string) {
            if (c == '\\') {
                ++i;
            } else if (c == '"') {
                in_string = false;
            }
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            deepest = std::max(deepest, ++depth);
        } else if ((c == '}' || c == ']') && depth > 0) {
            --depth;
        }
    }
    return deepest;
}

/// A sentence of ours for jansson's error: its own text quotes the input, which may be a secret.
std::string sentence(const json_error_t &error) {
    switch (json_error_code(&error)) {
        case json_error_duplicate_key:
            return std::string{kDuplicateMember};
        case json_error_null_character:
        case json_error_null_byte_in_key:
            return "the JSON has a NUL character";
        case json_error_invalid_utf8:
            return "the JSON is not UTF-8";
        case json_error_numeric_overflow:
            return "the JSON has a number out of range";
        default:
            return "the text is not JSON (line " + std::to_string(error.line) + ", column " +
                   std::to_string(error.column) + ")";
    }
}

}  // namespace

Result<Value> parse(std::string_view text, const Limits &limits) {
    install_wiping_allocator();
    if (text.size() > limits.max_bytes) {
        return fail(Errc::kPayloadTooLarge,
                    "the JSON is larger than " + std::to_string(limits.max_bytes) + " bytes");
    }
    if (std::optional<Value> plain = parse_plain(text, limits.max_depth)) {
        return std::move(*plain);
    }
    if (depth_of(text) > limits.max_depth) {
        return fail(Errc::kInvalidJson, "the JSON is nested deeper than " + std::to_string(limits.max_depth));
    }

    json_error_t error;
    Value value(json_loadb(text.data(), text.size(), JSON_REJECT_DUPLICATES, &error));
    if (value.raw() == nullptr) {
        return fail(Errc::kInvalidJson, sentence(error));
    }
    return value;
}

bool is_duplicate_member(const Error &error) noexcept {
    return error.errc == Errc::kInvalidJson && error.message == kDuplicateMember;
}

Result<Value> parse_object(std::string_view text, const Limits &limits) {
    Result<Value> value = parse(text, limits);
    if (value && !value->is_object()) {
        return fail(Errc::kInvalidJson, "the JSON is not an object");
    }
    return value;
}

}  // namespace nexus::control::json
