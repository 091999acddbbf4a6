// application/x-www-form-urlencoded (WHATWG URL standard, section 5.2).
#include "control_plane/http/http_client.h"

namespace nexus::control {

std::string form_encode(std::string_view text) {
    constexpr char kDigits[] = "0123456789ABCDEF";
    std::string encoded;
    encoded.reserve(text.size() * 3);  // once: the text may be a secret
    for (const char c : text) {
        const bool is_kept = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                             c == '*' || c == '-' || c == '.' || c == '_';
        if (is_kept) {
            encoded.push_back(c);
        } else if (c == ' ') {
            encoded.push_back('+');
        } else {
            const auto byte = static_cast<unsigned char>(c);
            encoded.append({'%', kDigits[byte >> 4], kDigits[byte & 15]});
        }
    }
    return encoded;
}

}  // namespace nexus::control
