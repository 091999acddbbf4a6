// Submitted credentials against their schema: see credential_schema.h.
#include <re2/re2.h>

#include <algorithm>

#include "control_plane/services/credentials/credential_pattern.h"
#include "control_plane/services/credentials/credential_schema.h"

namespace nexus::control {

namespace {

bool has_control_character(std::string_view text) {
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

size_t characters(std::string_view utf8) {
    return static_cast<size_t>(
        std::count_if(utf8.begin(), utf8.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

re2::RE2::Options pattern_options() {
    re2::RE2::Options options;
    options.set_log_errors(false);  // it would quote the pattern
    options.set_max_mem(kMaxPatternMemory);
    return options;
}

}  // namespace

bool is_usable_pattern(std::string_view pattern) {
    return pattern.size() <= kMaxPatternBytes &&
           re2::RE2(re2::StringPiece(pattern.data(), pattern.size()), pattern_options()).ok();
}

bool matches_pattern(std::string_view pattern, std::string_view value) {
    re2::RE2 compiled(re2::StringPiece(pattern.data(), pattern.size()), pattern_options());
    return compiled.ok() && re2::RE2::PartialMatch(re2::StringPiece(value.data(), value.size()), compiled);
}

std::optional<std::string> problem_with(const CredentialField &field, std::string_view value) {
    if (value.empty()) {
        return field.is_required ? std::optional<std::string>{"is required"} : std::nullopt;
    }
    if (value.size() > kMaxCredentialBytes || characters(value) > field.max_length) {
        return "must have at most " + std::to_string(field.max_length) + " characters";
    }
    if (has_control_character(value)) {
        return "must have no line breaks and no control characters";
    }
    if (characters(value) < field.min_length) {
        return "must have at least " + std::to_string(field.min_length) + " characters";
    }
    bool is_option = field.options.empty() ||
                     std::find(field.options.begin(), field.options.end(), value) != field.options.end();
    if (!is_option) {
        return "must be one of the choices";
    }
    if (!field.pattern.empty() && !matches_pattern(field.pattern, value)) {
        return "does not have the expected form";
    }
    return std::nullopt;
}

Result<std::vector<std::pair<std::string, Secret>>> read_credentials(const CredentialSchema &schema,
                                                                     const json::Value &credentials) {
    json::ObjectReader reader(credentials, "credentials");
    std::vector<std::pair<std::string, Secret>> out;
    for (const CredentialField &field : schema.fields) {
        std::optional<Secret> value;
        if (field.is_required) {
            value = reader.required_secret(field.name, kMaxCredentialBytes);
        } else {
            value = reader.optional_secret(field.name, kMaxCredentialBytes);
        }
        if (!value || value->empty()) {
            continue;
        }
        if (std::optional<std::string> problem = problem_with(field, value->view())) {
            reader.refuse(field.name, *problem);
        }
        out.emplace_back(field.name, std::move(*value));
    }
    if (Result<void> finished = reader.finish(); !finished) {
        return fail(finished.error());
    }
    return out;
}

}  // namespace nexus::control
