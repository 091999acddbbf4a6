// RFC 3339 text: see time_text.h.
#include "control_plane/services/time_text.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>

namespace nexus::control {

namespace {

/// Takes `digits` digits off the front, or the text is no date-time any more.
int take_number(std::string_view &text, size_t digits, bool &good) {
    int number = 0;
    for (size_t i = 0; i < digits; ++i) {
        good = good && i < text.size() && text[i] >= '0' && text[i] <= '9';
        number = good ? number * 10 + (text[i] - '0') : 0;
    }
    text.remove_prefix(std::min(digits, text.size()));
    return number;
}

void take_one_of(std::string_view &text, std::string_view wanted, bool &good) {
    good = good && !text.empty() && wanted.find(text.front()) != std::string_view::npos;
    text.remove_prefix(text.empty() ? 0 : 1);
}

int take_fraction_ms(std::string_view &text, bool &good) {
    if (text.empty() || text.front() != '.') {
        return 0;
    }
    text.remove_prefix(1);
    size_t digits = 0;
    int ms = 0;
    for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits) {
        ms = digits < 3 ? ms * 10 + (text[digits] - '0') : ms;
    }
    good = good && digits > 0 && digits <= 9;
    for (size_t i = digits; i < 3; ++i) {
        ms *= 10;
    }
    text.remove_prefix(digits);
    return ms;
}

}  // namespace

std::optional<UnixMs> parse_rfc3339(std::string_view text) {
    using namespace std::chrono;
    bool good = true;
    int y = take_number(text, 4, good);
    take_one_of(text, "-", good);
    int m = take_number(text, 2, good);
    take_one_of(text, "-", good);
    int d = take_number(text, 2, good);
    take_one_of(text, "Tt ", good);
    int hour = take_number(text, 2, good);
    take_one_of(text, ":", good);
    int minute = take_number(text, 2, good);
    take_one_of(text, ":", good);
    int second = take_number(text, 2, good);
    int ms = take_fraction_ms(text, good);
    int offset_minutes = 0;
    if (text == "Z" || text == "z") {
        text = {};
    } else {
        int sign = !text.empty() && text.front() == '-' ? -1 : 1;
        take_one_of(text, "+-", good);
        int hours = take_number(text, 2, good);
        take_one_of(text, ":", good);
        int minutes = take_number(text, 2, good);
        good = good && hours <= 23 && minutes <= 59;
        offset_minutes = sign * (hours * 60 + minutes);
    }
    year_month_day date{year{y}, month{static_cast<unsigned>(m)}, day{static_cast<unsigned>(d)}};
    if (!good || !text.empty() || y < 1970 || !date.ok() || hour > 23 || minute > 59 || second > 60) {
        return std::nullopt;
    }
    UnixMs at = duration_cast<milliseconds>(sys_days{date}.time_since_epoch()).count();
    at += ((hour * 60 + minute - offset_minutes) * 60LL + second) * 1000 + ms;
    return at >= 0 ? std::optional{at} : std::nullopt;
}

std::string to_rfc3339(UnixMs time) {
    std::time_t seconds = time / 1000;
    std::tm parts{};
    std::array<char, 32> text{};
    if (gmtime_r(&seconds, &parts) == nullptr) {
        return {};
    }
    size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
    return {text.data(), size};
}

}  // namespace nexus::control
