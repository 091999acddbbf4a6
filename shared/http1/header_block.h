// Edits a serialised HTTP/1.x request head (request line, header lines, blank line, maybe body text behind
// it), as nginx's proxy module wrote it, so that a credential goes on after every rewrite and never enters
// nginx's own structures. Pure text work: fuzzed alone.
#pragma once

#include <memory_resource>
#include <span>
#include <string_view>
#include <vector>

#include "shared/result.h"
#include "shared/secret.h"

namespace nexus::http1 {

struct HeaderLine {
    std::string_view name;
    std::string_view value;
    std::string_view prefix = {};  // stands before `value`, as in "Bearer "
};

struct BlockEdit {
    std::span<const HeaderLine> set;           // every line of that name (any case) goes, this one comes
    std::span<const std::string_view> remove;  // names (any case) whose lines go
    std::string_view query;                    // "name=value" to append to the request target; "" = none
    std::string_view query_name;  // percent-encoded name whose present occurrences are removed first
};

/// The head of the block up to and including the blank line. errors kInvalidRequest (no end of head,
/// malformed request line, folded or malformed header line, bare CR or LF, NUL)
Result<size_t> head_size(std::string_view block);

struct RequestLine {
    std::string_view method;
    std::string_view target;
    std::string_view version;
};

/// A head's parts, as views. errors kInvalidRequest, as head_size
struct Head {
    RequestLine request;
    std::pmr::vector<HeaderLine> lines;  // values without the blanks around them
};
/// scratch  outlives the head
Result<Head> parse_head(std::string_view block,
                        std::pmr::memory_resource *scratch = std::pmr::get_default_resource());

/// Value of the first line of that name, "" if there is none.
std::string_view find_header(std::string_view block, std::string_view name);

/// Is there a line of that name, even an empty one?
bool has_header(std::string_view block, std::string_view name);

/// Upper bound of what `edit` can produce, for one allocation.
size_t edited_size_bound(std::string_view block, const BlockEdit &edit);

/// Writes the edited block to `out` (at least edited_size_bound). Bytes behind the head are kept as they are.
/// `out` must not overlap `block`.
/// returns bytes written; after an error `out` may hold a part of them. errors kInvalidRequest: malformed
/// block (folded line, bare CR or LF, NUL, "#" in the target), a name that is no token, a value with control
/// characters, a query that is not percent-encoded
Result<size_t> edit_block(std::string_view block, const BlockEdit &edit, std::span<char> out);

}  // namespace nexus::http1
