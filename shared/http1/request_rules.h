// Which requests a connection may be used for: rules of method and path, such as "GET /repos/*". What is
// judged is a request as it is sent; a path that the receiver might read as another one fits no rule.
#pragma once

#include <string>
#include <string_view>

#include "shared/result.h"

namespace nexus::http1 {

inline constexpr size_t kMaxRequestRules = 64;
inline constexpr size_t kMaxRequestRuleBytes = 512;
inline constexpr size_t kMaxRequestRulesBytes =
    8192;  // together: a record has room for credentials beside them

/// METHOD PATTERN, one blank between them. METHOD: an upper-case token, or "*". PATTERN: an absolute path
/// without query, percent-encoding and dot segments, in which "*" stands for any characters but "/", and at
/// the end for anything.
bool is_request_rule(std::string_view rule) noexcept;

/// The path of a request target, percent-decoded once.
/// errors kInvalidRequest  not in origin form, or not the same to every reader: "." and ".." segments, empty
/// ones,
///                         "\", ";", encoded slashes, "%" and control characters, malformed encodings,
///                         what is not UTF-8
Result<std::string> plain_path(std::string_view target);

/// path  of plain_path
bool request_rule_matches(std::string_view rule, std::string_view method, std::string_view path) noexcept;

}  // namespace nexus::http1
