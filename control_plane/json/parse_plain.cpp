// jansson reads byte by byte through a stream of UTF-8 characters, which costs a token read more than opening
// its box. This reads strings as spans. It never refuses anything, it only declines.
#include "control_plane/json/parse_plain.h"

#include <jansson.h>
#include <algorithm>
#include <charconv>

namespace nexus::control::json {

namespace {

class PlainParser {
public:
    PlainParser(std::string_view text, size_t max_depth) : rest_(text), depth_left_(max_depth) {}

    /// null: declined
    Value parse() {
        skip_blanks();
        if (!rest_.starts_with('{') && !rest_.starts_with('[')) {
            return Value();
        }
        Value value = parse_value();
        skip_blanks();
        return rest_.empty() ? std::move(value) : Value();
    }

private:
    void skip_blanks() {
        const size_t end = rest_.find_first_not_of(" \t\r\n");
        rest_.remove_prefix(std::min(end, rest_.size()));
    }
    bool take(char wanted) {
        skip_blanks();
        if (!rest_.starts_with(wanted)) {
            return false;
        }
        rest_.remove_prefix(1);
        return true;
    }
    bool take_word(std::string_view word) {
        if (!rest_.starts_with(word)) {
            return false;
        }
        rest_.remove_prefix(word.size());
        return true;
    }

    Value parse_value() {
        skip_blanks();
        switch (rest_.empty() ? '\0' : rest_.front()) {
            case '{':
                return nested(&PlainParser::parse_object);
            case '[':
                return nested(&PlainParser::parse_array);
            case '"': {
                const std::optional<std::string_view> text = parse_string();
                return text ? Value(json_stringn_nocheck(text->data(), text->size())) : Value();
            }
            case 't':
                return take_word("true") ? Value::boolean(true) : Value();
            case 'f':
                return take_word("false") ? Value::boolean(false) : Value();
            case 'n':
                return take_word("null") ? Value(json_null()) : Value();
            default:
                return parse_integer();
        }
    }

    Value nested(Value (PlainParser::*parse_rest)()) {
        if (depth_left_ == 0) {
            return Value();
        }
        --depth_left_;
        rest_.remove_prefix(1);
        Value value = (this->*parse_rest)();
        ++depth_left_;
        return value;
    }

    Value parse_object() {
        Value object = Value::object();
        if (take('}')) {
            return object;
        }
        do {
            skip_blanks();
            const std::optional<std::string_view> name = parse_string();
            if (!name || !take(':')) {
                return Value();
            }
            Value member = parse_value();
            if (member.raw() == nullptr || object.contains(*name)) {
                return Value();
            }
            object.set(*name, std::move(member));
        } while (take(','));
        return take('}') ? std::move(object) : Value();
    }

    Value parse_array() {
        Value array = Value::array();
        if (take(']')) {
            return array;
        }
        do {
            Value element = parse_value();
            if (element.raw() == nullptr) {
                return Value();
            }
            array.append(std::move(element));
        } while (take(','));
        return take(']') ? std::move(array) : Value();
    }

    /// Printable ASCII without escapes.
    std::optional<std::string_view> parse_string() {
        if (!rest_.starts_with('"')) {
            return std::nullopt;
        }
        const auto *end = std::find_if(rest_.begin() + 1, rest_.end(),
                                       [](char c) { return c < 0x20 || c == 0x7f || c == '"' || c == '\\'; });
        if (end == rest_.end() || *end != '"') {
            return std::nullopt;
        }
        const std::string_view text(rest_.begin() + 1, static_cast<size_t>(end - rest_.begin() - 1));
        rest_.remove_prefix(text.size() + 2);
        return text;
    }

    /// Digits, a minus sign at most, no leading zero, small enough for any integer.
    Value parse_integer() {
        const size_t end = std::min(rest_.find_first_not_of("-0123456789"), rest_.size());
        const std::string_view digits = rest_.substr(0, end);
        const std::string_view unsigned_digits = digits.substr(digits.starts_with('-') ? 1 : 0);
        const bool has_more =
            end < rest_.size() && std::string_view(".eE+").find(rest_[end]) != std::string_view::npos;
        int64_t number = 0;
        const auto [stop, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
        if (digits.empty() || digits.size() > 18 || has_more || problem != std::errc() ||
            stop != digits.data() + digits.size() ||
            (unsigned_digits.starts_with('0') && digits.size() > 1)) {
            return Value();
        }
        rest_.remove_prefix(end);
        return Value::integer(number);
    }

    std::string_view rest_;
    size_t depth_left_;
};

}  // namespace

std::optional<Value> parse_plain(std::string_view text, size_t max_depth) {
    Value value = PlainParser(text, max_depth).parse();
    return value.raw() != nullptr ? std::optional<Value>(std::move(value)) : std::nullopt;
}

}  // namespace nexus::control::json
