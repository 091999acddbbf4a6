// The forms of a secret, and the search.
#include "shared/scrub/mask.h"

#include <algorithm>
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
        const Secret percent{encoding::percent_encode(secret)};
        add_needle(percent.view());
        add_needle(with_small_digits(percent.view()).view());
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
