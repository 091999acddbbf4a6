// Strict reading of a JSON object: wrong types and unknown members are errors, so that a typing mistake in a
// test cannot pass for a record without that field.
#pragma once

#include <jansson.h>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/result.h"
#include "shared/secret.h"

namespace nexus::tests {

struct JsonDelete {
    void operator()(json_t *json) const noexcept { json_decref(json); }
};
using JsonPtr = std::unique_ptr<json_t, JsonDelete>;

/// errors kInvalidJson
Result<JsonPtr> parse_object(std::string_view text);

/// Reads members one by one; the first mistake is kept, and later reads give empty values.
class ObjectReader {
public:
    explicit ObjectReader(const json_t *object) : object_(object) {}

    std::string string(const char *name);
    int64_t integer(const char *name);
    bool boolean(const char *name);
    std::vector<std::string> strings(const char *name);
    std::vector<std::pair<std::string, std::string>> pairs(const char *name);

    void refuse(const char *name, std::string_view why);
    /// Call last. errors kInvalidRequest: the first mistake, or a member that nothing asked for
    Result<void> finish();

private:
    const json_t *member(const char *name);

    const json_t *object_;
    std::set<std::string> asked_;
    std::string mistake_;
};

JsonPtr to_json(std::string_view text);
std::string dump(const json_t *json);

}  // namespace nexus::tests
