// Decoding and splitting.
#include "shared/encoding/form.h"

#include "shared/encoding/hex.h"

namespace nexus::encoding {

std::string decode_leniently(std::string_view text, bool plus_is_space) {
    std::string out;
    out.reserve(text.size());
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size() && hex_digit_value(text[i + 1]) >= 0 &&
            hex_digit_value(text[i + 2]) >= 0) {
            out += static_cast<char>(hex_digit_value(text[i + 1]) * 16 + hex_digit_value(text[i + 2]));
            i += 2;
        } else {
            out += text[i] == '+' && plus_is_space ? ' ' : text[i];
        }
    }
    return out;
}

FormPairs parse_form(std::string_view text) {
    FormPairs out;
    while (!text.empty()) {
        const size_t end = text.find('&');
        const std::string_view parameter = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (parameter.empty()) {
            continue;
        }
        const size_t equals = parameter.find('=');
        const std::string_view value =
            equals == std::string_view::npos ? std::string_view{} : parameter.substr(equals + 1);
        out.emplace_back(decode_leniently(parameter.substr(0, equals), true), decode_leniently(value, true));
    }
    return out;
}

}  // namespace nexus::encoding
