// Percent-decoding of paths and query strings (RFC 3986 section 2.1; '+' as in HTML forms).
#include "control_plane/server/message.h"
#include "shared/encoding/hex.h"

namespace nexus::control {

namespace {

constexpr size_t kMaxParameters = 100;

}  // namespace

Result<std::string> percent_decode(std::string_view text, bool plus_is_space) {
    std::string plain;
    plain.reserve(text.size());
    for (size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            const Result<std::string> byte = encoding::hex_decode(text.substr(i + 1, 2));
            if (!byte || byte->size() != 1 || byte->front() == '\0') {
                return fail(Errc::kInvalidRequest, "the URL has a bad percent-encoding");
            }
            c = byte->front();
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        plain.push_back(c);
    }
    return plain;
}

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
        Result<std::string> name = percent_decode(pair.substr(0, equals), true);
        Result<std::string> value = percent_decode(pair.substr(std::min(equals + 1, pair.size())), true);
        if (!name || !value) {
            return fail(name ? value.error() : name.error());
        }
        if (parameters.size() == kMaxParameters) {
            return fail(Errc::kInvalidRequest, "the URL has too many parameters");
        }
        parameters.emplace_back(std::move(*name), std::move(*value));
    }
    return parameters;
}

}  // namespace nexus::control
