// See json_object.h.
#include "tests/support/record-tool/json_object.h"

#include <cstdlib>

namespace nexus::tests {

namespace {

std::string text_of(const json_t *string) {
    return {json_string_value(string), json_string_length(string)};
}

}  // namespace

Result<JsonPtr> parse_object(std::string_view text) {
    json_error_t error;
    JsonPtr root{json_loadb(text.data(), text.size(), JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error)};
    if (root == nullptr || !json_is_object(root.get())) {
        return fail(Errc::kInvalidJson, "not a JSON object", root == nullptr ? error.text : "");
    }
    return root;
}

const json_t *ObjectReader::member(const char *name) {
    asked_.emplace(name);
    return json_object_get(object_, name);
}

void ObjectReader::refuse(const char *name, std::string_view why) {
    if (mistake_.empty()) {
        mistake_ = std::string{name}.append(": ").append(why);
    }
}

std::string ObjectReader::string(const char *name) {
    const json_t *value = member(name);
    if (value == nullptr) {
        return {};
    }
    if (!json_is_string(value)) {
        refuse(name, "not a string");
        return {};
    }
    return text_of(value);
}

int64_t ObjectReader::integer(const char *name) {
    const json_t *value = member(name);
    if (value == nullptr) {
        return 0;
    }
    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        refuse(name, "not an integer of at least 0");
        return 0;
    }
    return json_integer_value(value);
}

bool ObjectReader::boolean(const char *name) {
    const json_t *value = member(name);
    if (value != nullptr && !json_is_boolean(value)) {
        refuse(name, "neither true nor false");
    }
    return json_is_true(value);
}

std::vector<std::string> ObjectReader::strings(const char *name) {
    const json_t *value = member(name);
    if (value != nullptr && !json_is_array(value)) {
        refuse(name, "not an array");
    }
    std::vector<std::string> items;
    for (size_t i = 0; i < json_array_size(value); ++i) {
        const json_t *item = json_array_get(value, i);
        if (!json_is_string(item)) {
            refuse(name, "not an array of strings");
            return {};
        }
        items.push_back(text_of(item));
    }
    return items;
}

std::vector<std::pair<std::string, std::string>> ObjectReader::pairs(const char *name) {
    const json_t *value = member(name);
    if (value == nullptr) {
        return {};
    }
    if (!json_is_object(value)) {
        refuse(name, "not an object");
        return {};
    }
    std::vector<std::pair<std::string, std::string>> items;
    const char *key = nullptr;
    json_t *item = nullptr;
    json_object_foreach(const_cast<json_t *>(value), key, item) {
        if (!json_is_string(item)) {
            refuse(name, "holds something that is not a string");
            return {};
        }
        items.emplace_back(key, text_of(item));
    }
    return items;
}

Result<void> ObjectReader::finish() {
    const char *key = nullptr;
    json_t *item = nullptr;
    json_object_foreach(const_cast<json_t *>(object_), key, item) {
        if (!asked_.contains(key)) {
            refuse(key, "unknown member");
        }
    }
    if (!mistake_.empty()) {
        return fail(Errc::kInvalidRequest, mistake_);
    }
    return {};
}

JsonPtr to_json(std::string_view text) {
    return JsonPtr{json_stringn_nocheck(text.data(), text.size())};
}

std::string dump(const json_t *json) {
    char *text = json_dumps(json, JSON_INDENT(2));
    if (text == nullptr) {
        return {};
    }
    std::string copy{text};
    free(text);
    return copy;
}

}  // namespace nexus::tests
