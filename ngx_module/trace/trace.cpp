// Finding, removing and adding the lines.
#include "ngx_module/trace/trace.h"

#include <algorithm>
#include <array>
#include <utility>

#include <openssl/rand.h>

#include "ngx_module/ngx/header_lines.h"
#include "ngx_module/ngx/str.h"
#include "ngx_module/ngx/strip.h"
#include "ngx_module/trace/trace_parent.h"

namespace nexus::edge {

namespace {

constexpr std::string_view kTraceParent = "traceparent";
constexpr std::string_view kTraceState = "tracestate";

template <typename Visit>
void each_line(const ngx_http_request_t *r, Visit &&visit) noexcept {
    for (const ngx_list_part_t *part = &r->headers_in.headers.part; part != nullptr; part = part->next) {
        const auto *lines = static_cast<const ngx_table_elt_t *>(part->elts);
        std::for_each(lines, lines + part->nelts, visit);
    }
}

struct Found {
    size_t parents = 0;
    size_t states = 0;
    std::string_view value;  // of the last `traceparent`

    bool is_valid() const noexcept { return parents == 1 && is_trace_parent(value); }
};

Found find(const ngx_http_request_t *r) noexcept {
    Found found;
    each_line(r, [&](const ngx_table_elt_t &line) {
        if (is_request_line_of(line, kTraceParent)) {
            ++found.parents;
            found.value = to_view(line.value);
        } else if (is_request_line_of(line, kTraceState)) {
            ++found.states;
        }
    });
    return found;
}

Strip drop_trace(const ngx_table_elt_t &line, const void *) {
    return is_request_line_of(line, kTraceParent) || is_request_line_of(line, kTraceState) ? Strip::kRemove
                                                                                           : Strip::kKeep;
}

/// Random bytes for one trace, out of a store that is filled for many at once. nullptr: there are none to be
/// had, and a request goes without a trace rather than not at all.
const unsigned char *random_bytes() noexcept {
    static std::array<unsigned char, 64 * kTraceRandomBytes> store;  // of this worker
    static size_t used = store.size();
    if (used == store.size()) {
        if (RAND_bytes(store.data(), static_cast<int>(store.size())) != 1) {
            return nullptr;
        }
        used = 0;
    }
    return store.data() + std::exchange(used, used + kTraceRandomBytes);
}

/// `lower`: the name, static text.
ngx_int_t add_request_line(ngx_http_request_t *r, std::string_view lower, std::string_view value) noexcept {
    const ngx_str_t copy = copy_to_pool(r->pool, value);
    auto *line = static_cast<ngx_table_elt_t *>(ngx_list_push(&r->headers_in.headers));
    if (copy.data == nullptr || line == nullptr) {
        return NGX_ERROR;
    }
    *line = {};
    line->key = to_ngx_str(lower);
    line->lowcase_key = line->key.data;
    line->hash = ngx_hash_key(line->lowcase_key, line->key.len);
    line->value = copy;
    return NGX_OK;
}

ngx_int_t begin_trace(ngx_http_request_t *r) noexcept {
    const unsigned char *random = random_bytes();
    if (random == nullptr) {
        return NGX_OK;
    }
    const auto made =
        make_trace_parent(std::span<const unsigned char, kTraceRandomBytes>(random, kTraceRandomBytes));
    return add_request_line(r, kTraceParent, {made.data(), made.size()});
}

}  // namespace

ngx_conf_enum_t trace_modes[] = {
    {ngx_string("off"), static_cast<ngx_uint_t>(TraceMode::kOff)},
    {ngx_string("pass"), static_cast<ngx_uint_t>(TraceMode::kPass)},
    {ngx_string("on"), static_cast<ngx_uint_t>(TraceMode::kOn)},
    {ngx_null_string, 0},
};

ngx_int_t settle_trace(ngx_http_request_t *r, TraceMode mode) noexcept {
    // A request line that nginx refuses comes here by error_page, before there is a list of headers.
    if (mode == TraceMode::kOff || r->headers_in.headers.last == nullptr) {
        return NGX_OK;
    }
    const Found found = find(r);
    if (found.is_valid()) {
        return NGX_OK;
    }
    if (found.parents + found.states != 0 && strip_headers(r, drop_trace, nullptr) != NGX_OK) {
        return NGX_ERROR;
    }
    return mode == TraceMode::kOn ? begin_trace(r) : NGX_OK;
}

std::string_view trace_parent(const ngx_http_request_t *r) noexcept {
    const Found found = find(r);
    return found.is_valid() ? found.value : std::string_view{};
}

ngx_int_t copy_trace(const ngx_http_request_t *r, ngx_http_request_t *to) noexcept {
    if (trace_parent(r).empty()) {
        return NGX_OK;
    }
    ngx_int_t rc = NGX_OK;
    each_line(r, [&](const ngx_table_elt_t &line) {
        for (const std::string_view name : {kTraceParent, kTraceState}) {
            if (rc == NGX_OK && is_request_line_of(line, name)) {
                rc = add_request_line(to, name, to_view(line.value));
            }
        }
    });
    return rc;
}

}  // namespace nexus::edge
