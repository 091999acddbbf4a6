// The text grows in Secrets, so that what is left behind is wiped.
#include "control_plane/json/print.h"

#include <jansson.h>
#include <algorithm>
#include <cstring>

namespace nexus::control::json {

namespace {

constexpr size_t kFirstRoom = 4096;

class Printer {
public:
    void print(const json_t *value) {
        switch (json_typeof(value)) {
            case JSON_OBJECT:
                return print_object(const_cast<json_t *>(value));
            case JSON_ARRAY:
                return print_array(value);
            case JSON_STRING:
                return print_string({json_string_value(value), json_string_length(value)});
            default:
                return print_scalar(value);
        }
    }
    Secret take() {
        text_.truncate(size_);
        return std::move(text_);
    }

private:
    char *room_for(size_t more) {
        if (text_.size() - size_ < more) {
            Secret larger = Secret::zeroed(std::max({kFirstRoom, 2 * text_.size(), size_ + more}));
            if (size_ != 0) {
                std::memcpy(larger.data(), text_.data(), size_);
            }
            text_ = std::move(larger);
        }
        return text_.data() + size_;
    }
    void append(std::string_view bytes) {
        if (!bytes.empty()) {
            std::memcpy(room_for(bytes.size()), bytes.data(), bytes.size());
            size_ += bytes.size();
        }
    }

    void print_object(json_t *object) {
        const char *before = "{";
        for (void *at = json_object_iter(object); at != nullptr; at = json_object_iter_next(object, at)) {
            append(before);
            print_string({json_object_iter_key(at), json_object_iter_key_len(at)});
            append(":");
            print(json_object_iter_value(at));
            before = ",";
        }
        append(*before == '{' ? "{}" : "}");
    }

    void print_array(const json_t *array) {
        append("[");
        for (size_t i = 0; i < json_array_size(array); ++i) {
            append(i == 0 ? "" : ",");
            print(json_array_get(array, i));
        }
        append("]");
    }

    /// jansson holds valid UTF-8 only, so nothing but these characters is special (RFC 8259 section 7).
    void print_string(std::string_view text) {
        append("\"");
        while (!text.empty()) {
            const auto special = std::ranges::find_if(
                text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; });
            const auto plain = static_cast<size_t>(special - text.begin());
            append(text.substr(0, plain));
            text.remove_prefix(plain);
            if (!text.empty()) {
                append_escaped(text.front());
                text.remove_prefix(1);
            }
        }
        append("\"");
    }

    void append_escaped(char c) {
        switch (c) {
            case '"':
                return append("\\\"");
            case '\\':
                return append("\\\\");
            case '\b':
                return append("\\b");
            case '\f':
                return append("\\f");
            case '\n':
                return append("\\n");
            case '\r':
                return append("\\r");
            case '\t':
                return append("\\t");
            default: {
                constexpr std::string_view kHex = "0123456789ABCDEF";
                const auto byte = static_cast<unsigned char>(c);
                const char text[] = {'\\', 'u', '0', '0', kHex[byte >> 4], kHex[byte & 15]};
                return append({text, sizeof text});
            }
        }
    }

    void print_scalar(const json_t *value) {
        char text[64];  // a number has at most 25 characters
        append({text, std::min(sizeof text, json_dumpb(value, text, sizeof text, JSON_ENCODE_ANY))});
    }

    Secret text_;
    size_t size_ = 0;
};

}  // namespace

Secret print(const json_t *value) {
    Printer printer;
    printer.print(value);
    return printer.take();
}

}  // namespace nexus::control::json
