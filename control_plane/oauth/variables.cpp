// Variables and kept fields: see variables.h.
#include "control_plane/oauth/variables.h"

#include <algorithm>

#include "control_plane/oauth/pattern.h"

namespace nexus::control {

namespace {

using From = OAuthVariable::From;

constexpr size_t kMaxKept = 64;
constexpr size_t kMaxKeptBytes = 1024;

std::string member_of(const OAuthVariable &variable) {
    return "variables." + variable.name;
}

tl::unexpected<Error> missing(const OAuthVariable &variable) {
    return fail(Errc::kMissingFields, "missing " + member_of(variable), member_of(variable));
}

tl::unexpected<Error> unfit(const OAuthVariable &variable) {
    return fail(Errc::kInvalidRequest, "member " + member_of(variable) + " must match its pattern",
                member_of(variable));
}

}  // namespace

bool is_value_of(const OAuthVariable &variable, std::string_view value) {
    bool printable = std::all_of(value.begin(), value.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
    Result<Pattern> pattern = Pattern::compile(variable.pattern);
    return printable && pattern && pattern->matches(value);
}

Result<Variables> user_variables(const OAuthProfile &profile, const json::Value &given) {
    Variables out;
    json::Value object = given.is_null() ? json::Value::object() : given.borrow();
    json::ObjectReader reader(object, "variables");
    const OAuthVariable *absent = nullptr;
    for (const OAuthVariable &variable : profile.variables) {
        if (variable.from != From::kUser) {
            continue;
        }
        std::optional<std::string> value = reader.optional_string(variable.name, Pattern::kMaxValueBytes);
        if (!value || value->empty()) {
            value = variable.default_value;
        } else if (!is_value_of(variable, *value)) {
            reader.refuse(variable.name, "must match its pattern");
        }
        if (value) {
            out[variable.name] = std::move(*value);
        } else if (absent == nullptr) {
            absent = &variable;
        }
    }
    if (Result<void> finished = reader.finish(); !finished) {
        return fail(finished.error());
    }
    return absent != nullptr ? missing(*absent) : Result<Variables>{std::move(out)};
}

Result<Variables> parse_variables(std::string_view text) {
    Variables out;
    if (text.empty() || text == "{}") {
        return out;
    }
    Result<json::Value> object = json::parse_object(text);
    if (!object) {
        return fail(Errc::kMalformedRecord, "the connection's variables are unreadable");
    }
    for (const std::string &name : object->names()) {
        out[name] = std::string{object->get(name).as_string()};
    }
    return out;
}

std::string to_json_text(const Variables &variables) {
    return merged_json("{}", variables);
}

Result<void> add_callback_variables(const OAuthProfile &profile, const Parameter &parameter,
                                    Variables &variables) {
    for (const OAuthVariable &variable : profile.variables) {
        if (variable.from != From::kCallback) {
            continue;
        }
        std::optional<std::string> value = parameter(variable.field);
        if (!value || value->empty()) {
            value = variable.default_value;
        } else if (!is_value_of(variable, *value)) {
            return unfit(variable);
        }
        if (!value) {
            return missing(variable);
        }
        variables[variable.name] = std::move(*value);
    }
    return {};
}

NamedTexts kept_callback_fields(const OAuthProfile &profile, const Parameter &parameter) {
    NamedTexts out;
    for (const auto &[name, field] : profile.keep_callback_fields) {
        std::optional<std::string> value = parameter(field);
        if (value && !value->empty() && value->size() <= kMaxKeptBytes) {
            out.emplace_back(name, std::move(*value));
        }
    }
    return out;
}

std::string merged_json(std::string_view object, const NamedTexts &more) {
    Result<json::Value> parsed = json::parse_object(object);
    json::Value out = parsed ? std::move(*parsed) : json::Value::object();
    for (const auto &[name, value] : more) {
        if (out.contains(name) || out.size() < kMaxKept) {
            out.set(name, value);
        }
    }
    return out.dump_text();
}

std::string merged_json(std::string_view object, const Variables &more) {
    return merged_json(object, NamedTexts(more.begin(), more.end()));
}

}  // namespace nexus::control
