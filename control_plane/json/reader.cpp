// ObjectReader: one type per member, unknown members named.
#include <jansson.h>

#include "control_plane/json/json.h"

namespace nexus::control::json {

namespace {

std::string_view text_of(const json_t *value) noexcept {
    return {json_string_value(value), json_string_length(value)};
}

std::string too_long(size_t max_bytes) {
    return "must be at most " + std::to_string(max_bytes) + " bytes";
}

/// For an error sentence: the name of a member the caller sent, kept short and printable.
std::string printable(std::string_view name) {
    std::string text;
    for (const char c : name.substr(0, 64)) {
        text.push_back(c >= 0x20 && c < 0x7f ? c : '?');
    }
    return text;
}

}  // namespace

ObjectReader::ObjectReader(const Value &object, std::string path)
    : object_(object.borrow()), path_(std::move(path)) {
    if (!object_.is_object()) {
        problem_ = Error{Errc::kInvalidRequest,
                         path_.empty() ? "a JSON object is wanted" : "member " + path_ + " must be an object",
                         path_, 0};
    }
}

std::string ObjectReader::full_name(std::string_view name) const {
    return path_.empty() ? std::string(name) : path_ + "." + std::string(name);
}

json_t *ObjectReader::take(std::string_view name) {
    known_.emplace(name);
    json_t *member = json_object_getn(object_.raw(), name.data(), name.size());
    return json_is_null(member) ? nullptr : member;
}

bool ObjectReader::has(std::string_view name) const {
    const json_t *member = json_object_getn(object_.raw(), name.data(), name.size());
    return member != nullptr && !json_is_null(member);
}

void ObjectReader::refuse(std::string_view name, std::string_view sentence) {
    if (!problem_) {
        std::string member = full_name(name);
        problem_ = Error{Errc::kInvalidRequest, "member " + member + " " + std::string(sentence), member, 0};
    }
}

std::optional<std::string_view> ObjectReader::optional_text(std::string_view name, size_t max_bytes) {
    const json_t *member = take(name);
    if (member == nullptr) {
        return std::nullopt;
    }
    if (!json_is_string(member)) {
        refuse(name, "must be a string");
        return std::nullopt;
    }
    if (text_of(member).size() > max_bytes) {
        refuse(name, too_long(max_bytes));
        return std::nullopt;
    }
    return text_of(member);
}

std::optional<std::string> ObjectReader::optional_string(std::string_view name, size_t max_bytes) {
    const std::optional<std::string_view> text = optional_text(name, max_bytes);
    return text ? std::optional<std::string>(*text) : std::nullopt;
}

std::string ObjectReader::string_or(std::string_view name, std::string_view fallback, size_t max_bytes) {
    return optional_string(name, max_bytes).value_or(std::string(fallback));
}

std::string ObjectReader::required_string(std::string_view name, size_t max_bytes) {
    std::optional<std::string> text = optional_string(name, max_bytes);
    if (!has(name) || (text && text->empty())) {
        missing_.push_back(full_name(name));
    }
    return text.value_or(std::string());
}

std::optional<Secret> ObjectReader::optional_secret(std::string_view name, size_t max_bytes) {
    const std::optional<std::string_view> text = optional_text(name, max_bytes);
    return text ? std::optional<Secret>(Secret(*text)) : std::nullopt;
}

Secret ObjectReader::required_secret(std::string_view name, size_t max_bytes) {
    std::optional<Secret> secret = optional_secret(name, max_bytes);
    if (!has(name) || (secret && secret->empty())) {
        missing_.push_back(full_name(name));
    }
    return secret ? std::move(*secret) : Secret();
}

bool ObjectReader::boolean_or(std::string_view name, bool fallback) {
    const json_t *member = take(name);
    if (member == nullptr) {
        return fallback;
    }
    if (!json_is_boolean(member)) {
        refuse(name, "must be true or false");
        return fallback;
    }
    return json_is_true(member);
}

int64_t ObjectReader::integer_or(std::string_view name, int64_t fallback, int64_t min, int64_t max) {
    const json_t *member = take(name);
    if (member == nullptr) {
        return fallback;
    }
    const int64_t number = json_integer_value(member);
    if (!json_is_integer(member) || number < min || number > max) {
        refuse(name, "must be an integer from " + std::to_string(min) + " to " + std::to_string(max));
        return fallback;
    }
    return number;
}

std::optional<std::vector<std::string>> ObjectReader::optional_strings(std::string_view name,
                                                                       size_t max_items, size_t max_bytes) {
    const json_t *member = take(name);
    if (member == nullptr) {
        return std::nullopt;
    }
    if (!json_is_array(member)) {
        refuse(name, "must be a list of strings");
        return std::nullopt;
    }
    if (json_array_size(member) > max_items) {
        refuse(name, "must have at most " + std::to_string(max_items) + " elements");
        return std::nullopt;
    }

    std::vector<std::string> texts;
    for (size_t i = 0; i < json_array_size(member); ++i) {
        const json_t *element = json_array_get(member, i);
        if (!json_is_string(element) || text_of(element).size() > max_bytes) {
            refuse(name, "must be a list of strings of at most " + std::to_string(max_bytes) + " bytes");
            return std::nullopt;
        }
        texts.emplace_back(text_of(element));
    }
    return texts;
}

std::vector<std::string> ObjectReader::strings_or_empty(std::string_view name, size_t max_items,
                                                        size_t max_bytes) {
    return optional_strings(name, max_items, max_bytes).value_or(std::vector<std::string>());
}

Value ObjectReader::object_or_null(std::string_view name) {
    json_t *member = take(name);
    if (member != nullptr && !json_is_object(member)) {
        refuse(name, "must be an object");
        return {};
    }
    return Value(json_incref(member));
}

Value ObjectReader::required_object(std::string_view name) {
    Value object = object_or_null(name);
    if (!has(name)) {
        missing_.push_back(full_name(name));
    }
    return object;
}

Value ObjectReader::any(std::string_view name) {
    return Value(json_incref(take(name)));
}

void ObjectReader::ignore(std::string_view name) {
    known_.emplace(name);
}

Result<void> ObjectReader::finish() {
    if (!missing_.empty()) {
        std::string names;
        for (const std::string &name : missing_) {
            names += (names.empty() ? "" : ", ") + name;
        }
        return fail(Errc::kMissingFields, "missing " + names, names);
    }
    if (problem_) {
        return fail(*problem_);
    }
    for (const std::string &name : object_.names()) {
        if (!known_.contains(name)) {
            const std::string member = full_name(printable(name));
            return fail(Errc::kInvalidRequest, "unknown member " + member, member);
        }
    }
    return {};
}

}  // namespace nexus::control::json
