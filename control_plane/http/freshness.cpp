// Freshness of responses: see freshness.h.
#include "control_plane/http/freshness.h"

#include <curl/curl.h>
#include <algorithm>
#include <charconv>
#include <string>

namespace nexus::control {

namespace {

constexpr int64_t kLongest = int64_t{365} * 24 * 3600;

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t' || text.front() == '"')) {
        text.remove_prefix(1);
    }
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '"')) {
        text.remove_suffix(1);
    }
    return text;
}

bool equals_ignoring_case(std::string_view a, std::string_view lower) {
    return std::ranges::equal(a, lower, [](char x, char y) {
        return (x >= 'A' && x <= 'Z' ? static_cast<char>(x - 'A' + 'a') : x) == y;
    });
}

std::optional<int64_t> parse_seconds(std::string_view text) {
    int64_t seconds = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (end != text.data() + text.size() || text.empty() || text.front() == '-') {
        return std::nullopt;
    }
    // A number too large for us is a long time (RFC 9111 section 1.2.2).
    return problem == std::errc::result_out_of_range ? kLongest : std::min(seconds, kLongest);
}

struct CacheControl {
    std::optional<int64_t> max_age;
    bool must_ask = false;  // no-store, no-cache, or a max-age that is none
};

CacheControl parse_cache_control(std::string_view text) {
    CacheControl out;
    while (!text.empty()) {
        const size_t comma = std::min(text.find(','), text.size());
        const std::string_view directive = trim(text.substr(0, comma));
        text.remove_prefix(std::min(comma + 1, text.size()));
        const size_t equals = std::min(directive.find('='), directive.size());
        const std::string_view name = trim(directive.substr(0, equals));
        if (equals_ignoring_case(name, "no-store") || equals_ignoring_case(name, "no-cache")) {
            out.must_ask = true;
        } else if (equals_ignoring_case(name, "max-age") && !out.max_age) {
            const std::string_view value =
                equals < directive.size() ? trim(directive.substr(equals + 1)) : std::string_view{};
            out.max_age = parse_seconds(value);
            out.must_ask = out.must_ask || !out.max_age;
        }
    }
    return out;
}

}  // namespace

std::optional<int64_t> fresh_for_s(const HttpResponse &response, int64_t now_ms) {
    const CacheControl control = parse_cache_control(response.header("cache-control"));
    if (control.must_ask) {
        return 0;
    }
    if (control.max_age) {
        const int64_t age = parse_seconds(trim(response.header("age"))).value_or(0);
        return std::max<int64_t>(0, *control.max_age - age);
    }
    const std::string expires(response.header("expires"));
    if (expires.empty()) {
        return std::nullopt;
    }
    const time_t until = curl_getdate(expires.c_str(), nullptr);
    if (until == -1) {
        return 0;  // "0" and other nonsense: it has expired (section 5.3)
    }
    const time_t date = curl_getdate(std::string(response.header("date")).c_str(), nullptr);
    const int64_t from = date == -1 ? now_ms / 1000 : static_cast<int64_t>(date);
    return std::clamp<int64_t>(static_cast<int64_t>(until) - from, 0, kLongest);
}

}  // namespace nexus::control
