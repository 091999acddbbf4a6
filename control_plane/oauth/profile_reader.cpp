// Pieces of the `oauth` member: see profile_reader.h.
#include "control_plane/oauth/profile_reader.h"

#include <algorithm>
#include <array>

#include "control_plane/oauth/json_path.h"
#include "shared/http1/syntax.h"

namespace nexus::control {

namespace {

constexpr size_t kMaxEntries = 32;
constexpr size_t kMaxText = 1024;

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
    return std::any_of(names.begin(), names.end(),
                       [&](std::string_view other) { return http1::equal_ignoring_case(name, other); });
}

/// The object `member`, bounded; null if it is absent or wrong.
json::Value small_object(json::ObjectReader &reader, std::string_view member) {
    json::Value object = reader.object_or_null(member);
    if (object.size() > kMaxEntries) {
        reader.refuse(member, "must have at most 32 members");
        return {};
    }
    for (const std::string &name : object.names()) {
        if (name.empty() || name.size() > 128 || has_control_character(name)) {
            reader.refuse(member, "must have names of 1 to 128 printable bytes");
            return {};
        }
    }
    return object;
}

}  // namespace

bool is_parameter_name(std::string_view name) {
    constexpr std::string_view kOther = "_-.[]";
    return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               kOther.find(c) != std::string_view::npos;
    });
}

bool has_control_character(std::string_view text) {
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool is_credential_header(std::string_view name) {
    return name.size() <= 128 && http1::is_token(name) &&
           !is_one_of(name, {"host", "connection", "content-length", "transfer-encoding", "te", "trailer",
                             "upgrade", "expect", "keep-alive", "proxy-connection"});
}

NamedTexts read_texts(json::ObjectReader &reader, std::string_view member) {
    NamedTexts out;
    json::Value object = small_object(reader, member);
    for (const std::string &name : object.names()) {
        json::Value value = object.get(name);
        std::string text = scalar_text(value);
        bool scalar = !value.is_null() && !value.is_object() && !value.is_array();
        if (!scalar || text.size() > kMaxText || has_control_character(text)) {
            reader.refuse(member, "must hold texts of at most 1024 bytes");
            return {};
        }
        out.emplace_back(name, std::move(text));
    }
    return out;
}

NamedTexts read_renames(json::ObjectReader &reader, std::string_view member) {
    NamedTexts out;
    json::Value object = small_object(reader, member);
    for (const std::string &name : object.names()) {
        json::Value value = object.get(name);
        std::string other{value.as_string()};
        if (!(value.is_null() || value.is_string()) || !(other.empty() || is_parameter_name(other))) {
            reader.refuse(member, "must hold names of parameters, or null");
            return {};
        }
        out.emplace_back(name, std::move(other));
    }
    return out;
}

NamedTexts read_headers(json::ObjectReader &reader, std::string_view member) {
    NamedTexts out = read_texts(reader, member);
    for (const auto &[name, value] : out) {
        if (!is_credential_header(name) || is_one_of(name, {"authorization", "content-type", "cookie"})) {
            reader.refuse(member, "must hold headers that the client does not set itself");
        }
    }
    return out;
}

NamedTexts read_kept(json::ObjectReader &reader, std::string_view member, bool paths) {
    NamedTexts out;
    json::Value value = reader.any(member);
    if (value.is_object()) {
        out = read_texts(reader, member);
    } else if (!value.is_null()) {
        for (std::string &field : reader.strings_or_empty(member, kMaxEntries, 256)) {
            out.emplace_back(field, field);
        }
    }
    for (const auto &[name, field] : out) {
        if (name.empty() || name.size() > 128 || (paths ? !is_json_path(field) : !is_parameter_name(field))) {
            reader.refuse(member, paths ? "must hold paths" : "must hold names of parameters");
        }
    }
    return out;
}

void read_path(json::ObjectReader &reader, std::string_view member, std::string &into) {
    into = reader.string_or(member, into, 256);
    if (!is_json_path(into)) {
        reader.refuse(member, "must be a path such as data.access_token or /data/access_token");
    }
}

void keep_problem(json::ObjectReader &reader, std::optional<Error> &problem) {
    Result<void> finished = reader.finish();
    if (!finished && !problem) {
        problem = finished.error();
    }
}

}  // namespace nexus::control
