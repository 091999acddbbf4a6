// The canonical forms that AWS Signature Version 4 signs: of a path, of a query, of header lines. All of them
// are made from the bytes as they are sent, so that what is signed is what arrives. Source: "Create a signed
// AWS API request" (AWS IAM user guide), step 1.
#pragma once

#include <memory_resource>
#include <span>
#include <string>
#include <string_view>

#include "shared/http1/header_block.h"

namespace nexus::sigv4 {

/// How a service reads paths. S3: bytes that are percent-encoded once, dots and empty segments as they are.
/// All others: normalised (RFC 3986 section 5.2.4, empty segments left out) and encoded once more than they
/// are sent.
enum class PathStyle : uint8_t { kS3, kOther };

PathStyle path_style_of(std::string_view service) noexcept;

/// path  as it is sent, percent-encoded, without its query; "" counts as "/"
std::pmr::string canonical_path(std::string_view path, PathStyle style,
                                std::pmr::memory_resource *scratch = std::pmr::get_default_resource());

/// query  as it is sent, without the "?". Parameters are decoded ("+" is a blank), encoded anew and sorted by
/// name, then
///        value; a "%" that no two digits follow stands for itself.
std::string canonical_query(std::string_view query);

/// Header lines as they are signed: names in lower case, sorted; values trimmed, runs of blanks as one; lines
/// of one name joined by commas in the order in which they are sent.
struct CanonicalHeaders {
    std::pmr::string lines;  // "name:value\n" each
    std::pmr::string names;  // "host;x-amz-date"
};
CanonicalHeaders canonical_headers(std::span<const http1::HeaderLine> lines,
                                   std::pmr::memory_resource *scratch = std::pmr::get_default_resource());

}  // namespace nexus::sigv4
