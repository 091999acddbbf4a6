// What callers read from a response's headers.
#include <curl/curl.h>
#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <optional>

#include "control_plane/http/http_client.h"

namespace nexus::control {

namespace {

constexpr int64_t kMaxRetryAfter = 24 * 3600;
// A larger number of seconds is a point of time, one larger still has milliseconds.
constexpr int64_t kLeastTimeS = 1'000'000'000;
constexpr int64_t kLeastTimeMs = 1'000'000'000'000;

// Seconds, a fraction of one counts as a whole one: "120", "64.57". nullopt = anything else.
std::optional<int64_t> parse_seconds(std::string_view text) {
    int64_t seconds = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (problem != std::errc()) {
        return std::nullopt;
    }
    const std::string_view rest = text.substr(static_cast<size_t>(end - text.data()));
    if (rest.empty()) {
        return seconds;
    }
    if (rest.front() != '.' || rest.find_first_not_of("0123456789", 1) != std::string_view::npos) {
        return std::nullopt;
    }
    return rest.find_first_not_of(".0") == std::string_view::npos ? seconds : seconds + 1;
}

std::optional<int64_t> first_number(const HttpResponse &response,
                                    std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names) {
        if (const std::optional<int64_t> number = parse_seconds(response.header(name))) {
            return number;
        }
    }
    return std::nullopt;
}

// When the window of a rate limit ends. Some send it with every answer, so it counts only where the window is
// used up.
int64_t window_ends_in_s(const HttpResponse &response, int64_t now_ms) {
    const bool is_used_up =
        response.status == 429 || first_number(response, {"ratelimit-remaining", "x-ratelimit-remaining",
                                                          "x-rate-limit-remaining"}) == 0;
    const int64_t reset =
        is_used_up ? first_number(response, {"ratelimit-reset", "x-ratelimit-reset", "x-rate-limit-reset"})
                         .value_or(0)
                   : 0;
    const int64_t now_s = now_ms / 1000;
    return reset >= kLeastTimeMs ? reset / 1000 - now_s : reset >= kLeastTimeS ? reset - now_s : reset;
}

}  // namespace

std::string_view HttpResponse::header(std::string_view lower_name) const {
    const auto found = std::ranges::find(headers, lower_name, &std::pair<std::string, std::string>::first);
    return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

int64_t HttpResponse::retry_after_s(int64_t now_ms) const {
    const std::string text(header("retry-after"));
    if (text.empty()) {
        return std::clamp<int64_t>(window_ends_in_s(*this, now_ms), 0, kMaxRetryAfter);
    }
    if (const std::optional<int64_t> seconds = parse_seconds(text)) {
        return std::clamp<int64_t>(*seconds, 0, kMaxRetryAfter);
    }
    const time_t date = curl_getdate(text.c_str(), nullptr);
    return date == -1 ? 0
                      : std::clamp<int64_t>(static_cast<int64_t>(date) - now_ms / 1000, 0, kMaxRetryAfter);
}

}  // namespace nexus::control
