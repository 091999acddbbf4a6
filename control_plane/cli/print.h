// How nexusctl prints: tables for people, JSON for programs, one sentence for problems.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "control_plane/cli/client.h"
#include "control_plane/cli/commands.h"
#include "control_plane/json/json.h"

namespace nexus::control::cli {

/// Without what a terminal could take for a command: control characters are '?'.
std::string printable(std::string_view value);
/// Left-aligned columns; control characters of the values are shown as '?'.
void print_table(const std::vector<std::string> &head, const std::vector<std::vector<std::string>> &rows);
void print_json(const json::Value &value);
/// "nexusctl: <sentence>" on stderr. returns 1
int problem(std::string_view sentence);
/// The body of a good answer, or a problem told. nullopt = told already
std::optional<json::Value> expect(const Result<Client::Answer> &answer);
/// Fetches every page of a list: of one with `items` and `next_cursor`, or of an array whose next page is in
/// Link. nullopt = told already
std::optional<std::vector<json::Value>> all_items(const Client &client, const std::string &path);
/// Every item of a list, as JSON or as a table with a row of `to_row` for each. returns the exit code
int print_list(const Client &client, const Output &output, const std::string &path,
               const std::vector<std::string> &head,
               const std::function<std::vector<std::string>(const json::Value &)> &to_row);
/// "a, b" of an array of strings.
std::string join(const json::Value &array);
std::string text(const json::Value &object, std::string_view name);
/// The same, "-" if it is not there.
std::string text_or_dash(const json::Value &object, std::string_view name);

}  // namespace nexus::control::cli
