// Text into HTML: see html.h.
#include "control_plane/web/html.h"

namespace nexus::control::web {

std::string escape(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            case '\'':
                out += "&#39;";
                break;
            default: {
                auto byte = static_cast<unsigned char>(c);
                bool kept = (byte >= 0x20 && byte != 0x7f) || c == '\t' || c == '\n' || c == '\r';
                if (kept) {
                    out.push_back(c);
                }
            }
        }
    }
    return out;
}

std::string attribute(std::string_view name, std::string_view value) {
    return " " + std::string{name} + "=\"" + escape(value) + "\"";
}

}  // namespace nexus::control::web
