// The forms of a secret, and the search.
#include "shared/scrub/mask.h"

#include <algorithm>
#include <array>
#include <string>

#include "shared/encoding/base64.h"
#include "shared/encoding/percent.h"

namespace nexus::scrub {

namespace {

/// Of every string the first so many bytes take part in the jumps; no string is shorter.
constexpr size_t kWindow = kShortestSecret;

size_t block(std::string_view text, size_t last) noexcept {
    const auto a = static_cast<unsigned char>(text[last - 1]);
    const auto b = static_cast<unsigned char>(text[last]);
    return ((static_cast<size_t>(a) << 3) ^ b) & 2047;
}

/// The characters of base64 that depend on the secret alone, if `before` bytes stand in front of it.
Secret base64_inside(std::string_view secret, size_t before) {
    std::string shifted(before, '\0');
    shifted.reserve(before + secret.size());
    shifted.append(secret);
    std::string text = encoding::base64_encode(shifted);
    wipe(shifted);
    const size_t bits = 8 * (before + secret.size());
    const size_t first = (8 * before + 5) / 6;
    Secret inside{std::string_view{text}.substr(first, bits / 6 - first)};
    wipe(text);
    return inside;
}

/// How a usual percent-encoding differs from that of RFC 3986.
struct Encoder {
    std::string_view kept;     // though reserved
    std::string_view encoded;  // though unreserved
    bool blank_is_plus;

    bool differs_at(std::string_view secret) const noexcept {
        return secret.find_first_of(kept) != std::string_view::npos ||
               secret.find_first_of(encoded) != std::string_view::npos ||
               (blank_is_plus && secret.find(' ') != std::string_view::npos);
    }
    bool keeps(char c) const noexcept {
        return encoding::kUnreserved.contains(c) ? encoded.find(c) == std::string_view::npos
                                                 : kept.find(c) != std::string_view::npos;
    }
};
constexpr std::array<Encoder, 4> kEncoders = {{
    {"!'()*", "", false},  // encodeURIComponent
    {"*", "~", true},      // application/x-www-form-urlencoded
    {"/", "", false},      // paths
    {"", "", true},        // queries, in Python and Go
}};

Secret encoded_by(const Encoder &encoder, std::string_view secret) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string text;
    text.reserve(3 * secret.size());  // once: no copy is left behind
    for (const char c : secret) {
        const auto byte = static_cast<unsigned char>(c);
        if (encoder.keeps(c)) {
            text.push_back(c);
        } else if (c == ' ' && encoder.blank_is_plus) {
            text.push_back('+');
        } else {
            text.append({'%', kDigits[byte >> 4], kDigits[byte & 0x0f]});
        }
    }
    return Secret{std::move(text)};
}

/// As JSON is written by those who escape slashes.
Secret with_escaped_slashes(std::string_view text) {
    std::string made;
    made.reserve(2 * text.size());
    for (size_t slash = text.find('/'); slash != std::string_view::npos; slash = text.find('/')) {
        made.append(text, 0, slash).append("\\/");
        text.remove_prefix(slash + 1);
    }
    return Secret{std::move(made.append(text))};
}

Secret with_url_alphabet(const Secret &base64) {
    Secret made = base64.clone();
    std::replace(made.data(), made.data() + made.size(), '+', '-');
    std::replace(made.data(), made.data() + made.size(), '/', '_');
    return made;
}

/// Digits of %XX in lower case.
Secret with_small_digits(std::string_view encoded) {
    Secret made{encoded};
    for (size_t i = 0; i + 2 < made.size(); ++i) {
        if (made.data()[i] == '%') {
            for (char *digit = made.data() + i + 1; digit != made.data() + i + 3; ++digit) {
                *digit = *digit >= 'A' && *digit <= 'F' ? static_cast<char>(*digit + ('a' - 'A')) : *digit;
            }
        }
    }
    return made;
}

}  // namespace

Mask::Mask() {
    shifts_.fill(kWindow - 1);
}

void Mask::add(std::string_view secret) {
    if (secret.size() < kShortestSecret) {
        return;
    }
    add_needle(secret);
    if (!encoding::kUnreserved.covers(secret)) {
        add_percent_encoded(Secret{encoding::percent_encode(secret)});
    }
    for (const Encoder &encoder : kEncoders) {
        if (encoder.differs_at(secret)) {
            add_percent_encoded(encoded_by(encoder, secret));
        }
    }
    if (secret.find('/') != std::string_view::npos) {
        add_needle(with_escaped_slashes(secret).view());
    }
    for (const size_t before : {0, 1, 2}) {
        const Secret base64 = base64_inside(secret, before);
        add_needle(base64.view());
        if (base64.view().find('+') != std::string_view::npos ||
            base64.view().find('/') != std::string_view::npos) {
            add_needle(with_url_alphabet(base64).view());
        }
    }
}

void Mask::add_percent_encoded(const Secret &encoded) {
    add_needle(encoded.view());
    if (encoded.view().find('%') != std::string_view::npos) {
        add_needle(with_small_digits(encoded.view()).view());
    }
}

void Mask::add_needle(std::string_view text) {
    const bool is_known = std::any_of(needles_.begin(), needles_.end(),
                                      [&](const Secret &needle) { return needle.view() == text; });
    if (is_known || text.size() < kShortestSecret) {
        return;
    }
    needles_.emplace_back(text);
    longest_ = std::max(longest_, text.size());
    begins_[static_cast<unsigned char>(text.front())] = true;
    note_shifts(text);
}

void Mask::note_shifts(std::string_view needle) noexcept {
    for (size_t last = 1; last < kWindow; ++last) {
        uint8_t &shift = shifts_[block(needle, last)];
        shift = std::min(shift, static_cast<uint8_t>(kWindow - 1 - last));
    }
}

/// Length of the longest string that stands at `at`, 0 if none does.
size_t Mask::length_at(std::string_view text, size_t at) const noexcept {
    size_t longest = 0;
    if (begins_[static_cast<unsigned char>(text[at])]) {
        for (const Secret &needle : needles_) {
            if (needle.size() > longest && text.substr(at).starts_with(needle.view())) {
                longest = needle.size();
            }
        }
    }
    return longest;
}

/// Calls found(from, to) for every occurrence, in order; stops when it says false.
template <typename Found>
void Mask::search(std::string_view text, Found found) const noexcept {
    for (size_t at = 0; at + kWindow <= text.size();) {
        const size_t shift = shifts_[block(text, at + kWindow - 1)];
        if (shift != 0) {
            at += shift;
            continue;
        }
        if (const size_t length = length_at(text, at); length != 0 && !found(at, at + length)) {
            return;
        }
        ++at;
    }
}

bool Mask::cover(std::span<char> text) const noexcept {
    size_t from = 0,
           to = 0;  // found and not covered yet: strings that overlap are found in the bytes as they were
    bool any = false;
    search({text.data(), text.size()}, [&](size_t begin, size_t end) {
        any = true;
        std::fill(text.begin() + static_cast<std::ptrdiff_t>(from),
                  text.begin() + static_cast<std::ptrdiff_t>(std::min(to, begin)), '*');
        from = std::max(from, begin);
        to = std::max(to, end);
        return true;
    });
    std::fill(text.begin() + static_cast<std::ptrdiff_t>(from),
              text.begin() + static_cast<std::ptrdiff_t>(to), '*');
    return any;
}

bool Mask::occurs_in(std::string_view text) const noexcept {
    bool any = false;
    search(text, [&](size_t, size_t) {
        any = true;
        return false;
    });
    return any;
}

size_t Mask::open_end(std::string_view text) const noexcept {
    size_t length = std::min(text.size(), longest_ != 0 ? longest_ - 1 : 0);
    for (; length != 0; --length) {
        const std::string_view end = text.substr(text.size() - length);
        if (!begins_[static_cast<unsigned char>(end.front())]) {
            continue;
        }
        for (const Secret &needle : needles_) {
            if (needle.size() > length && needle.view().starts_with(end)) {
                return length;
            }
        }
    }
    return 0;
}

}  // namespace nexus::scrub
