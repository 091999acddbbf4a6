// Looks variables up, by the table's rules, and collects what is wrong with them. Which variables there are
// and what they mean is config.cpp's and variables.cpp's business.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "control_plane/config/config.h"

namespace nexus::control {

std::string_view trim_blank(std::string_view text);
/// Entries between commas or line breaks, trimmed, empty ones left out. Views into `list`.
std::vector<std::string_view> split_list(std::string_view list);

/// For sentences about values that are no secrets: in quotes, what does not print as "?", cut where it is
/// long.
std::string quoted(std::string_view value);
/// Why a file cannot be read, as errno has it: `"/etc/x": No such file or directory`.
std::string unreadable(std::string_view path, int problem);

class ConfigReader {
public:
    explicit ConfigReader(const Environment &environment) : environment_(environment) {}

    /// sentence  follows the variable's name: "must be ..."
    void refuse(std::string_view name, std::string_view sentence);
    /// sentence  whole, and so of one variable: "NAME must be ..."
    void refuse(std::string sentence);

    // Each gives the default where the variable is unset or empty, and something harmless where it is
    // refused.
    std::string text(std::string_view name);
    Secret secret(std::string_view name);  // from NAME or the file that NAME_FILE names
    unsigned number(std::string_view name, unsigned min, unsigned max);
    bool flag(std::string_view name);
    std::vector<net::Cidr> cidrs(std::string_view name);

    size_t problem_count() const { return problems_.size(); }
    std::vector<ConfigProblem> take_problems() { return std::move(problems_); }

private:
    const std::string *find(std::string_view name) const;
    Secret from_file(std::string_view file_name, const std::string &path);

    const Environment &environment_;
    std::vector<ConfigProblem> problems_;
};

}  // namespace nexus::control
