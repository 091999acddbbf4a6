// Lists of header lines, of requests and of answers.
#pragma once

#include "ngx_module/ngx/ngx.h"

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

}  // namespace nexus::edge
