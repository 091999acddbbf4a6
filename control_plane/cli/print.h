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

/// Without what a terminal could take for a command, or show elsewhere than it stands: control characters of
/// C0 and C1, ends of lines and paragraphs, marks of direction and what is no UTF-8 are '?'.
std::string printable(std::string_view value);
/// A line on stdout, printable: all that is not JSON goes through here or print_table, whoever chose its
/// words.
void print_line(std::string_view line);
/// A line of a name and what it has, which begins behind `width` columns.
void print_member(std::string_view name, std::string_view value, size_t width = 13);
/// Left-aligned columns, printable.
void print_table(const std::vector<std::string> &head, const std::vector<std::vector<std::string>> &rows);
void print_json(const json::Value &value);
/// "nexusctl: <sentence>" on stderr. returns 1
int problem(std::string_view sentence);
/// The body of a good answer, or a problem told. nullopt = told already
std::optional<json::Value> expect(const Result<Client::Answer> &answer);
/// The same where the answer must have that member: what somebody else's JSON lacks is not taken for none.
std::optional<json::Value> expect(const Result<Client::Answer> &answer, std::string_view member);
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
