// Lists of header lines, of requests and of answers.
#pragma once

#include <cstring>
#include <string_view>

#include "ngx_module/ngx/ngx.h"
#include "ngx_module/ngx/str.h"
#include "shared/http1/syntax.h"

namespace nexus::edge {

/// Calls visit(line) for each. Lines of answers with hash 0 are not sent.
template <typename Visit>
void for_each_line(ngx_list_t &lines, Visit visit) {
    for (ngx_list_part_t *part = &lines.part; part != nullptr; part = part->next) {
        auto *line = static_cast<ngx_table_elt_t *>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; ++i) {
            visit(line[i]);
        }
    }
}

/// Is it a request's line of that name? nginx has read each of them in lower case, too; a module that has
/// added one may have left that out.
///
/// name  in lower case
inline bool is_request_line_of(const ngx_table_elt_t &line, std::string_view name) noexcept {
    if (line.key.len != name.size()) {
        return false;
    }
    return line.lowcase_key != nullptr ? std::memcmp(line.lowcase_key, name.data(), name.size()) == 0
                                       : http1::equal_ignoring_case(to_view(line.key), name);
}

/// Adds a line to an answer's head or trailers. name, value: live as long as the request. returns NGX_OK or
/// NGX_ERROR
inline ngx_int_t add_line(ngx_list_t &lines, std::string_view name, std::string_view value) noexcept {
    auto *line = static_cast<ngx_table_elt_t *>(ngx_list_push(&lines));
    if (line == nullptr) {
        return NGX_ERROR;
    }
    *line = {};
    line->hash = 1;
    line->key = to_ngx_str(name);
    line->value = to_ngx_str(value);
    return NGX_OK;
}
inline ngx_int_t add_line(ngx_http_request_t *r, std::string_view name, std::string_view value) noexcept {
    return add_line(r->headers_out.headers, name, value);
}

}  // namespace nexus::edge
