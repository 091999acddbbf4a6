// Request heads, edited. Input: header value, header to remove, query parameter name and block, split by NUL.
// What comes out must parse again, hold the credential exactly once and keep the bytes behind the head.
#include <algorithm>
#include <string>

#include "shared/encoding/percent.h"
#include "shared/http1/header_block.h"
#include "tests/fuzz/fuzz.h"

namespace nexus {
namespace {

using fuzz::require;

size_t count_lines(std::string_view block, std::string_view start) {
    size_t found = 0;
    for (size_t at = block.find(start); at != std::string_view::npos; at = block.find(start, at + 1)) {
        ++found;
    }
    return found;
}

void edit(std::string_view value, std::string_view remove, std::string_view parameter,
          std::string_view block) {
    const http1::HeaderLine line{"X-Fuzz-Credential", value};
    const std::string name = encoding::percent_encode(parameter);
    const std::string query = name.empty() ? "" : name + "=secret";
    const http1::BlockEdit edit{
        .set = {&line, 1}, .remove = {&remove, 1}, .query = query, .query_name = name};

    std::string out(http1::edited_size_bound(block, edit), '\0');
    const auto size = http1::edit_block(block, edit, out);
    const auto head = http1::head_size(block);
    if (!size) {
        return;
    }
    require(head && *size <= out.size());
    out.resize(*size);

    const auto new_head = http1::head_size(out);
    require(new_head && std::string_view{out}.substr(*new_head) == block.substr(*head));
    const std::string_view kept = std::string_view{out}.substr(0, *new_head);
    require(count_lines(kept, "\r\nX-Fuzz-Credential: ") == 1);
    require(http1::find_header(kept, remove).empty() || remove == "X-Fuzz-Credential" ||
            http1::find_header(kept, remove).data() == http1::find_header(kept, "X-Fuzz-Credential").data());
    if (!query.empty()) {
        const std::string_view request_line = kept.substr(0, kept.find("\r\n"));
        require(request_line.find(query) != std::string_view::npos);
    }
}

}  // namespace
}  // namespace nexus

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    std::string_view rest = nexus::fuzz::as_text(data, size);
    const std::string_view value = nexus::fuzz::take_part(rest);
    const std::string_view remove = nexus::fuzz::take_part(rest);
    const std::string_view parameter = nexus::fuzz::take_part(rest);
    nexus::edit(value, remove, parameter, rest);
    return 0;
}
