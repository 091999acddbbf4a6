// Removing header lines for good.
#include "ngx_module/ngx/strip.h"

#include <cstring>

namespace nexus::edge {

// A new list rather than moved elements: headers_in has pointers into the old one (host, cookies, ...), which
// stay valid that way. `hash = 0` would not do: the proxy module does not look at it in requests.
ngx_int_t strip_headers(ngx_http_request_t *r, Strip (*decide)(const ngx_table_elt_t &line, const void *data),
                        const void *data) noexcept {
    ngx_uint_t lines_in = 1;  // at least: a list cannot be empty
    for (const ngx_list_part_t *part = &r->headers_in.headers.part; part != nullptr; part = part->next) {
        lines_in += part->nelts;
    }
    ngx_list_t kept;
    if (ngx_list_init(&kept, r->pool, lines_in, sizeof(ngx_table_elt_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    bool anything = false;
    for (ngx_list_part_t *part = &r->headers_in.headers.part; part != nullptr; part = part->next) {
        auto *lines = static_cast<ngx_table_elt_t *>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; ++i) {
            const Strip verdict = decide(lines[i], data);
            if (verdict == Strip::kKeep) {
                auto *copy = static_cast<ngx_table_elt_t *>(ngx_list_push(&kept));
                if (copy == nullptr) {
                    return NGX_ERROR;
                }
                *copy = lines[i];
                continue;
            }
            anything = true;
            if (verdict == Strip::kRemoveAndOverwrite) {
                std::memset(lines[i].value.data, '*', lines[i].value.len);
            }
            if (r->headers_in.authorization == &lines[i]) {
                r->headers_in.authorization = nullptr;
            }
        }
    }
    if (!anything) {
        return NGX_OK;
    }

    // `last` points into the struct itself while there is one part only
    r->headers_in.headers = kept;
    if (kept.last == &kept.part) {
        r->headers_in.headers.last = &r->headers_in.headers.part;
    }
    return NGX_OK;
}

}  // namespace nexus::edge
