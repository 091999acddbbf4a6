// Pieces of the `oauth` member that recur: lists of names and texts, choices, paths. For profile.cpp only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control_plane/json/json.h"
#include "control_plane/oauth/profile.h"

namespace nexus::control {

/// 1 to 64 bytes that need no quoting: letters, digits, '_', '-', '.', '[' and ']'.
bool is_parameter_name(std::string_view name);
bool has_control_character(std::string_view text);
/// A header that may carry a credential: not one that frames the message.
bool is_credential_header(std::string_view name);

/// {name: text}; numbers and booleans count as their text.
NamedTexts read_texts(json::ObjectReader &reader, std::string_view member);
/// {name: other name}; null and "" mean "leave it out".
NamedTexts read_renames(json::ObjectReader &reader, std::string_view member);
NamedTexts read_headers(json::ObjectReader &reader, std::string_view member);
/// [field, ...] or {name: field, ...}; fields are paths, or names of parameters.
NamedTexts read_kept(json::ObjectReader &reader, std::string_view member, bool paths);
void read_path(json::ObjectReader &reader, std::string_view member, std::string &into);

template <typename T>
T read_choice(json::ObjectReader &reader, std::string_view member,
              const std::vector<std::pair<std::string_view, T>> &choices, T fallback) {
    std::optional<std::string> text = reader.optional_string(member, 64);
    if (!text) {
        return fallback;
    }
    std::string known;
    for (const auto &[name, value] : choices) {
        if (name == *text) {
            return value;
        }
        known.append(known.empty() ? "" : ", ").append(name);
    }
    reader.refuse(member, "must be one of: " + known);
    return fallback;
}

/// The first problem of all the readers sticks.
void keep_problem(json::ObjectReader &reader, std::optional<Error> &problem);

}  // namespace nexus::control
