// Value: reading and building JSON. Parsing is parse.cpp's, printing print.cpp's.
#include <jansson.h>

#include "control_plane/json/json.h"
#include "control_plane/json/print.h"

namespace nexus::control::json {

namespace {

json_t *or_null(json_t *made) noexcept {
    return made != nullptr ? made : json_null();
}

}  // namespace

void ReleaseJson::operator()(json_t *value) const noexcept {
    json_decref(value);
}

Value Value::object() {
    return Value(json_object());
}
Value Value::array() {
    return Value(json_array());
}
Value Value::integer(int64_t number) {
    return Value(json_integer(number));
}
Value Value::boolean(bool value) {
    return Value(json_boolean(value));
}
Value Value::string(std::string_view text) {
    return Value(or_null(json_stringn(text.data(), text.size())));
}

bool Value::is_object() const noexcept {
    return json_is_object(raw());
}
bool Value::is_array() const noexcept {
    return json_is_array(raw());
}
bool Value::is_string() const noexcept {
    return json_is_string(raw());
}
bool Value::is_integer() const noexcept {
    return json_is_integer(raw());
}
bool Value::is_boolean() const noexcept {
    return json_is_boolean(raw());
}
bool Value::is_null() const noexcept {
    return raw() == nullptr || json_is_null(raw());
}

std::string_view Value::as_string() const noexcept {
    if (!is_string()) {
        return {};
    }
    return {json_string_value(raw()), json_string_length(raw())};
}

int64_t Value::as_integer() const noexcept {
    return json_integer_value(raw());
}
bool Value::as_boolean() const noexcept {
    return json_is_true(raw());
}

size_t Value::size() const noexcept {
    return is_array() ? json_array_size(raw()) : json_object_size(raw());
}

Value Value::at(size_t index) const noexcept {
    return Value(json_incref(json_array_get(raw(), index)));
}

Value Value::get(std::string_view name) const {
    return Value(json_incref(json_object_getn(raw(), name.data(), name.size())));
}

bool Value::contains(std::string_view name) const {
    return json_object_getn(raw(), name.data(), name.size()) != nullptr;
}

std::vector<std::string> Value::names() const {
    std::vector<std::string> names;
    json_t *object = raw();
    for (void *at = json_object_iter(object); at != nullptr; at = json_object_iter_next(object, at)) {
        names.emplace_back(json_object_iter_key(at), json_object_iter_key_len(at));
    }
    return names;
}

Value &Value::set(std::string_view name, Value value) {
    json_t *member = value.value_.release();
    json_object_setn_new(raw(), name.data(), name.size(), or_null(member));
    return *this;
}

Value &Value::set(std::string_view name, std::string_view text) {
    return set(name, string(text));
}
Value &Value::set(std::string_view name, const Secret &secret) {
    return set(name, string(secret.view()));
}
Value &Value::set(std::string_view name, int64_t number) {
    return set(name, integer(number));
}
Value &Value::set(std::string_view name, bool value) {
    return set(name, boolean(value));
}

Value &Value::set(std::string_view name, const std::vector<std::string> &texts) {
    Value list = array();
    for (const std::string &text : texts) {
        list.append(text);
    }
    return set(name, std::move(list));
}

Value &Value::append(Value value) {
    json_t *element = value.value_.release();
    json_array_append_new(raw(), or_null(element));
    return *this;
}

Value &Value::append(std::string_view text) {
    return append(string(text));
}

void Value::erase(std::string_view name) {
    json_object_deln(raw(), name.data(), name.size());
}

Value Value::borrow() const noexcept {
    return Value(json_incref(raw()));
}
Value Value::deep_copy() const {
    return Value(json_deep_copy(raw()));
}

bool Value::equals(const Value &other) const noexcept {
    return (is_null() && other.is_null()) || json_equal(raw(), other.raw()) != 0;
}

Secret Value::dump() const {
    return print(or_null(raw()));
}
std::string Value::dump_text() const {
    return std::string(dump().view());
}
std::string Value::dump_canonical() const {
    constexpr size_t kFlags = JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS;
    std::string text(json_dumpb(or_null(raw()), nullptr, 0, kFlags), '\0');
    json_dumpb(or_null(raw()), text.data(), text.size(), kFlags);
    return text;
}

}  // namespace nexus::control::json
