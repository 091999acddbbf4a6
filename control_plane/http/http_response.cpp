// What callers read from a response's headers.
#include <curl/curl.h>
#include <algorithm>
#include <charconv>

#include "control_plane/http/http_client.h"

namespace nexus::control {

namespace {

constexpr int64_t kMaxRetryAfter = 24 * 3600;

}  // namespace

std::string_view HttpResponse::header(std::string_view lower_name) const {
    const auto found = std::ranges::find(headers, lower_name, &std::pair<std::string, std::string>::first);
    return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

int64_t HttpResponse::retry_after_s(int64_t now_ms) const {
    const std::string text(header("retry-after"));
    int64_t seconds = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (problem == std::errc() && end == text.data() + text.size()) {
        return std::clamp<int64_t>(seconds, 0, kMaxRetryAfter);
    }
    const time_t date = text.empty() ? -1 : curl_getdate(text.c_str(), nullptr);
    return date == -1 ? 0
                      : std::clamp<int64_t>(static_cast<int64_t>(date) - now_ms / 1000, 0, kMaxRetryAfter);
}

}  // namespace nexus::control
