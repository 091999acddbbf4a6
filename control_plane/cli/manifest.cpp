// The manifest of `nexusctl provider apply`: see manifest.h.
#include "control_plane/cli/manifest.h"

#include <yaml-cpp/yaml.h>

#include <charconv>

namespace nexus::control::cli {

namespace {

constexpr int kMaxDepth = 12;

tl::unexpected<Error> refuse(std::string message) {
    return fail(Errc::kInvalidRequest, std::move(message));
}

// Plain true and false are booleans; plain numbers count only inside a credential schema and rate limits, and
// as seconds, since everything else of a profile is text. What comes out of a variable is always text.
Result<json::Value> scalar(const YAML::Node &node, const Lookup &lookup, bool numbers) {
    const std::string &text = node.Scalar();
    bool plain = node.Tag() == "?";
    if (plain && (text == "true" || text == "false")) {
        return json::Value::boolean(text == "true");
    }
    int64_t number = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (plain && numbers && error == std::errc{} && end == text.data() + text.size()) {
        return json::Value::integer(number);
    }
    return expand_variables(text, lookup).map([](const std::string &value) {
        return json::Value::string(value);
    });
}

Result<json::Value> to_json(const YAML::Node &node, const Lookup &lookup, bool numbers, int depth);

Result<json::Value> list(const YAML::Node &node, const Lookup &lookup, bool numbers, int depth) {
    json::Value out = json::Value::array();
    for (const YAML::Node &item : node) {
        Result<json::Value> value = to_json(item, lookup, numbers, depth + 1);
        if (!value) {
            return value;
        }
        out.append(std::move(*value));
    }
    return out;
}

Result<json::Value> map(const YAML::Node &node, const Lookup &lookup, bool numbers, int depth,
                        bool is_rename = false) {
    json::Value out = json::Value::object();
    for (const auto &entry : node) {
        const std::string &name = entry.first.Scalar();
        if (out.contains(name)) {
            return refuse("line " + std::to_string(entry.first.Mark().line + 1) + ": " + name +
                          " comes twice");
        }
        if (entry.second.IsNull()) {
            if (is_rename) {
                out.set(name, json::Value{});  // "leave it out"
            }
            continue;
        }
        bool is_number = name == "credential_schema" || name == "default_expires_in" ||
                         name == "reuse_grace_s" || name == "rate_limits";
        Result<json::Value> value = entry.second.IsMap() && name.ends_with("_rename")
                                        ? map(entry.second, lookup, numbers, depth + 1, true)
                                        : to_json(entry.second, lookup, numbers || is_number, depth + 1);
        if (!value) {
            return refuse(name + ": " + value.error().message);
        }
        out.set(name, std::move(*value));
    }
    return out;
}

Result<json::Value> to_json(const YAML::Node &node, const Lookup &lookup, bool numbers, int depth) {
    if (depth > kMaxDepth) {
        return refuse("nested too deeply");
    }
    if (node.IsScalar()) {
        return scalar(node, lookup, numbers);
    }
    if (node.IsSequence()) {
        return list(node, lookup, numbers, depth);
    }
    return node.IsMap() ? map(node, lookup, numbers, depth) : Result<json::Value>{json::Value{}};
}

Result<std::vector<ManifestProvider>> read_document(const YAML::Node &document, const Lookup &lookup) {
    if (!document.IsMap() || document.size() != 1 || !document["providers"] ||
        !document["providers"].IsSequence()) {
        return refuse("the manifest must have one member: providers, a list");
    }
    std::vector<ManifestProvider> out;
    for (const YAML::Node &item : document["providers"]) {
        std::string where = "provider " + std::to_string(out.size() + 1);
        if (!item.IsMap()) {
            return refuse(where + " is no map");
        }
        Result<json::Value> profile = to_json(item, lookup, false, 0);
        if (!profile) {
            return refuse(where + ": " + profile.error().message);
        }
        std::string name{profile->get("name").as_string()};
        if (name.empty()) {
            return refuse(where + " has no name");
        }
        for (const ManifestProvider &other : out) {
            if (other.name == name) {
                return refuse("the name " + name + " comes twice");
            }
        }
        out.push_back(ManifestProvider{std::move(name), std::move(*profile)});
    }
    return out;
}

}  // namespace

Result<std::string> expand_variables(std::string_view text, const Lookup &lookup) {
    std::string out;
    while (!text.empty()) {
        size_t dollar = text.find('$');
        out.append(text.substr(0, dollar));
        if (dollar == std::string_view::npos) {
            break;
        }
        text.remove_prefix(dollar);
        if (text.starts_with("$$")) {
            out += '$';
            text.remove_prefix(2);
            continue;
        }
        if (!text.starts_with("${")) {
            out += '$';
            text.remove_prefix(1);
            continue;
        }
        size_t end = text.find('}');
        if (end == std::string_view::npos || end == 2) {
            return refuse("a ${ without a name and }");
        }
        std::string name{text.substr(2, end - 2)};
        std::optional<std::string> value = lookup(name);
        if (!value) {
            return refuse("the environment variable " + name + " is not set");
        }
        out.append(*value);
        text.remove_prefix(end + 1);
    }
    return out;
}

Result<std::vector<ManifestProvider>> parse_manifest(const std::string &yaml, const Lookup &lookup) {
    try {
        return read_document(YAML::Load(yaml), lookup);
    } catch (const YAML::Exception &problem) {
        return refuse("line " + std::to_string(problem.mark.line + 1) + ": " + problem.msg);
    }
}

}  // namespace nexus::control::cli
