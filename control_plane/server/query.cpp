// Query strings into parameters ("+" as in HTML forms).
#include "control_plane/server/message.h"
#include "shared/encoding/percent.h"
#include "shared/encoding/utf8.h"

namespace nexus::control {

namespace {

constexpr size_t kMaxParameters = 100;

}  // namespace

Result<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view query) {
    std::vector<std::pair<std::string, std::string>> parameters;
    while (!query.empty()) {
        const size_t end = std::min(query.find('&'), query.size());
        const std::string_view pair = query.substr(0, end);
        query.remove_prefix(std::min(end + 1, query.size()));
        if (pair.empty()) {
            continue;
        }
        const size_t equals = std::min(pair.find('='), pair.size());
        Result<std::string> name = encoding::percent_decode(pair.substr(0, equals), true);
        Result<std::string> value =
            encoding::percent_decode(pair.substr(std::min(equals + 1, pair.size())), true);
        if (!name || !value) {
            return fail(name ? value.error() : name.error());
        }
        if (!encoding::is_utf8(*name) || !encoding::is_utf8(*value)) {
            return fail(Errc::kInvalidRequest, "the URL has a parameter that is not UTF-8");
        }
        if (parameters.size() == kMaxParameters) {
            return fail(Errc::kInvalidRequest, "the URL has too many parameters");
        }
        parameters.emplace_back(std::move(*name), std::move(*value));
    }
    return parameters;
}

}  // namespace nexus::control
