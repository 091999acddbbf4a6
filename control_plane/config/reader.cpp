// An empty variable counts as unset, as compose files leave them.
#include "control_plane/config/reader.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <system_error>

namespace nexus::control {

namespace {

constexpr size_t kMaxSecretFileBytes = 64 * 1024;
constexpr std::string_view kBlank = " \t\r\n";

const Variable &variable(std::string_view name) {
    const auto all = config_variables();
    return *std::find_if(all.begin(), all.end(), [&](const Variable &entry) { return entry.name == name; });
}

std::string hint(std::string_view name) {
    return name.ends_with("_KEY") ? "; make one with: openssl rand -base64 32" : "";
}

}  // namespace

std::string_view trim_blank(std::string_view text) {
    const size_t first = text.find_first_not_of(kBlank);
    return first == std::string_view::npos ? std::string_view()
                                           : text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::vector<std::string_view> split_list(std::string_view list) {
    std::vector<std::string_view> entries;
    while (!list.empty()) {
        const size_t end = std::min(list.find_first_of(",\n"), list.size());
        if (const std::string_view entry = trim_blank(list.substr(0, end)); !entry.empty()) {
            entries.push_back(entry);
        }
        list.remove_prefix(std::min(end + 1, list.size()));
    }
    return entries;
}

std::string quoted(std::string_view value) {
    constexpr size_t kMostBytes = 100;
    std::string text = "\"";
    for (const char c : value.substr(0, kMostBytes)) {
        text.push_back(c >= ' ' && c <= '~' ? c : '?');
    }
    return text.append(value.size() > kMostBytes ? "...\"" : "\"");
}

std::string unreadable(std::string_view path, int problem) {
    return quoted(path) + ": " + std::generic_category().message(problem);
}

void ConfigReader::refuse(std::string_view name, std::string_view sentence) {
    problems_.push_back({std::string(name), std::string(name) + " " + std::string(sentence)});
}

void ConfigReader::refuse(std::string sentence) {
    std::string name = sentence.substr(0, sentence.find(' '));
    problems_.push_back({std::move(name), std::move(sentence)});
}

const std::string *ConfigReader::find(std::string_view name) const {
    const auto found = environment_.find(std::string(name));
    return found == environment_.end() || trim_blank(found->second).empty() ? nullptr : &found->second;
}

std::string ConfigReader::text(std::string_view name) {
    const std::string *value = find(name);
    return std::string(
        trim_blank(value != nullptr ? std::string_view(*value) : variable(name).default_value));
}

Secret ConfigReader::secret(std::string_view name) {
    const std::string file_name = std::string(name) + "_FILE";
    const std::string *value = find(name);
    const std::string *file = find(file_name);
    if (value != nullptr && file != nullptr) {
        refuse(name, "and " + file_name + " are both set: keep one");
        return {};
    }
    if (file != nullptr) {
        return from_file(file_name, *file);
    }
    if (value == nullptr && variable(name).required) {
        refuse(name,
               "is required (or " + file_name + "): " + std::string(variable(name).meaning) + hint(name));
        return {};
    }
    return Secret(trim_blank(value != nullptr ? std::string_view(*value) : variable(name).default_value));
}

Secret ConfigReader::from_file(std::string_view file_name, const std::string &path) {
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    Secret content = Secret::zeroed(kMaxSecretFileBytes + 1);
    file.read(content.data(), static_cast<std::streamsize>(content.size()));
    const size_t size = static_cast<size_t>(file.gcount());
    if (!file.is_open() || file.bad()) {
        // Somebody may have put the secret itself where its file's name belongs. Base64 may begin with a
        // slash.
        const bool is_path = path.starts_with('/') && !path.ends_with('=');
        refuse(file_name, "names a file that cannot be read: " +
                              unreadable(is_path ? path : "(not shown: no absolute path)", errno));
        return {};
    }
    const std::string_view text = trim_blank(content.view().substr(0, size));
    if (text.empty() || size > kMaxSecretFileBytes) {
        refuse(file_name, "names a file that is empty or larger than 64 KiB: " + quoted(path));
        return {};
    }
    return Secret(text);
}

unsigned ConfigReader::number(std::string_view name, unsigned min, unsigned max) {
    const std::string value = text(name);
    unsigned result = 0;
    const auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), result);
    if (problem != std::errc() || end != value.data() + value.size() || result < min || result > max) {
        refuse(name, "must be a number from " + std::to_string(min) + " to " + std::to_string(max) +
                         ", not " + quoted(value));
        return min;
    }
    return result;
}

bool ConfigReader::flag(std::string_view name) {
    const std::string value = text(name);
    if (value != "true" && value != "false") {
        refuse(name, "must be true or false, not " + quoted(value));
    }
    return value != "false";
}

std::vector<net::Cidr> ConfigReader::cidrs(std::string_view name) {
    Result<std::vector<net::Cidr>> parsed = net::parse_cidr_list(text(name));
    if (!parsed) {
        const Error &why = parsed.error();
        const std::string entry = why.detail.empty() ? "" : quoted(why.detail) + " is ";
        refuse(name, "must be a list of networks such as 10.0.0.0/8: " + entry + why.message);
        return {};
    }
    return std::move(*parsed);
}

}  // namespace nexus::control
