// Strict JSON over jansson: bounded size and depth, no duplicate keys, one type per member, unknown members
// named. Everything jansson allocates is wiped when freed (`install_wiping_allocator`), because bodies carry
// credentials.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "shared/result.h"
#include "shared/secret.h"

struct json_t;

namespace nexus::control::json {

/// Call once, before the first use of jansson in the process. Idempotent.
void install_wiping_allocator() noexcept;

struct ReleaseJson {
    void operator()(json_t *value) const noexcept;
};

/// An owned JSON value. Move-only; `borrow()` shares by reference count.
class Value {
public:
    Value() = default;  // null
    explicit Value(json_t *owned) : value_(owned) {}
    static Value object();
    static Value array();
    static Value string(std::string_view text);  // invalid UTF-8 becomes null
    static Value integer(int64_t number);
    static Value boolean(bool value);

    bool is_object() const noexcept;
    bool is_array() const noexcept;
    bool is_string() const noexcept;
    bool is_integer() const noexcept;
    bool is_boolean() const noexcept;
    bool is_null() const noexcept;

    std::string_view as_string() const noexcept;  // "" unless a string; lives as long as the value
    int64_t as_integer() const noexcept;          // 0 unless an integer
    bool as_boolean() const noexcept;             // false unless true

    size_t size() const noexcept;            // members or elements
    Value at(size_t index) const noexcept;   // element, or null
    Value get(std::string_view name) const;  // member, or null
    bool contains(std::string_view name) const;
    std::vector<std::string> names() const;  // members, in insertion order

    // Building. `set` on an object, `append` on an array; both return *this.
    Value &set(std::string_view name, Value value);
    Value &set(std::string_view name, std::string_view text);
    Value &set(std::string_view name, const char *text) { return set(name, std::string_view(text)); }
    Value &set(std::string_view name, const std::string &text) { return set(name, std::string_view(text)); }
    Value &set(std::string_view name, const Secret &secret);
    Value &set(std::string_view name, int64_t number);
    Value &set(std::string_view name, int number) { return set(name, static_cast<int64_t>(number)); }
    Value &set(std::string_view name, bool value);
    Value &set(std::string_view name, const std::vector<std::string> &texts);
    Value &append(Value value);
    Value &append(std::string_view text);
    void erase(std::string_view name);

    Value borrow() const noexcept;  // same value, one more owner
    Value deep_copy() const;
    bool equals(const Value &other) const noexcept;

    /// Compact, members in insertion order. A Secret, since it may hold one.
    Secret dump() const;
    /// The same as text: only for values that hold no secret.
    std::string dump_text() const;
    /// Compact with sorted members: for hashing and comparing.
    std::string dump_canonical() const;

    json_t *raw() const noexcept { return value_.get(); }

private:
    std::unique_ptr<json_t, ReleaseJson> value_;
};

struct Limits {
    size_t max_bytes = 1024 * 1024;
    size_t max_depth = 16;
};

/// errors kPayloadTooLarge, kInvalidJson (syntax, depth, duplicate key, NUL; the text is never quoted)
Result<Value> parse(std::string_view text, const Limits &limits = {});
/// As parse, but the top must be an object. errors as parse
Result<Value> parse_object(std::string_view text, const Limits &limits = {});

/// Reads an object member by member. The first problem sticks; `finish` reports it, or else the first unknown
/// member. Missing required members win over other problems, as kMissingFields with all their names.
class ObjectReader {
public:
    /// path  put before member names in errors: "profile" gives "member profile.name must be a string"
    explicit ObjectReader(const Value &object, std::string path = {});

    bool has(std::string_view name) const;  // present and not null

    std::string required_string(std::string_view name, size_t max_bytes = 2048);  // not empty
    std::string string_or(std::string_view name, std::string_view fallback, size_t max_bytes = 2048);
    std::optional<std::string> optional_string(std::string_view name, size_t max_bytes = 2048);
    Secret required_secret(std::string_view name, size_t max_bytes = 8192);  // not empty
    std::optional<Secret> optional_secret(std::string_view name, size_t max_bytes = 8192);
    bool boolean_or(std::string_view name, bool fallback);
    int64_t integer_or(std::string_view name, int64_t fallback, int64_t min, int64_t max);
    std::optional<std::vector<std::string>> optional_strings(std::string_view name, size_t max_items = 256,
                                                             size_t max_bytes = 2048);
    std::vector<std::string> strings_or_empty(std::string_view name, size_t max_items = 256,
                                              size_t max_bytes = 2048);
    Value required_object(std::string_view name);
    Value object_or_null(std::string_view name);
    Value any(std::string_view name);    // whatever is there, null if absent
    void ignore(std::string_view name);  // known, unused (reference 1.1: `action`, `metadata`)

    /// Reports a problem of the caller's own: "member NAME SENTENCE".
    void refuse(std::string_view name, std::string_view sentence);

    /// errors kMissingFields, kInvalidRequest
    Result<void> finish();

private:
    json_t *take(std::string_view name);
    /// A string member, valid while the object lives; what is wrong with it is noted.
    std::optional<std::string_view> optional_text(std::string_view name, size_t max_bytes);
    std::string full_name(std::string_view name) const;

    Value object_;
    std::string path_;
    std::set<std::string, std::less<>> known_;
    std::vector<std::string> missing_;
    std::optional<Error> problem_;
};

}  // namespace nexus::control::json
