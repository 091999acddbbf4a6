// Query strings into parameters ("+" as in HTML forms).
#include "shared/encoding/query.h"

#include <algorithm>

#include "shared/encoding/percent.h"
#include "shared/encoding/utf8.h"

namespace nexus::encoding {

namespace {

constexpr size_t kMaxParameters = 100;

}  // namespace

Result<QueryParameters> parse_query(std::string_view query) {
    QueryParameters parameters;
    while (!query.empty()) {
        const size_t end = std::min(query.find('&'), query.size());
        const std::string_view pair = query.substr(0, end);
        query.remove_prefix(std::min(end + 1, query.size()));
        if (pair.empty()) {
            continue;
        }
        const size_t equals = std::min(pair.find('='), pair.size());
        Result<std::string> name = percent_decode(pair.substr(0, equals), true);
        Result<std::string> value = percent_decode(pair.substr(std::min(equals + 1, pair.size())), true);
        if (!name || !value) {
            return fail(name ? value.error() : name.error());
        }
        if (!is_utf8(*name) || !is_utf8(*value)) {
            return fail(Errc::kInvalidRequest, "the URL has a parameter that is not UTF-8");
        }
        if (parameters.size() == kMaxParameters) {
            return fail(Errc::kInvalidRequest, "the URL has too many parameters");
        }
        parameters.emplace_back(std::move(*name), std::move(*value));
    }
    return parameters;
}

Result<std::optional<std::string>> one_parameter(const QueryParameters &parameters, std::string_view name) {
    std::optional<std::string> value;
    for (const auto &[parameter, text] : parameters) {
        if (parameter != name) {
            continue;
        }
        if (value) {
            return fail(Errc::kInvalidRequest, "parameter " + std::string(name) + " is given twice",
                        std::string(name));
        }
        value = text;
    }
    return value;
}

}  // namespace nexus::encoding
