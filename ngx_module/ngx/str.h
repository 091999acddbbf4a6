// Between ngx_str_t and std::string_view.
#pragma once

#include <cstring>
#include <string_view>

#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

inline std::string_view to_view(const ngx_str_t &text) {
    return {reinterpret_cast<const char *>(text.data), text.len};
}

/// Points into `text`: for "%V" in log lines and for nginx functions that only read.
inline ngx_str_t to_ngx_str(std::string_view text) {
    return {text.size(), reinterpret_cast<u_char *>(const_cast<char *>(text.data()))};
}

/// A copy in the pool, with a zero behind it for C functions. data == nullptr: out of memory.
inline ngx_str_t copy_to_pool(ngx_pool_t *pool, std::string_view text) {
    ngx_str_t copy = ngx_null_string;
    copy.data = static_cast<u_char *>(ngx_pnalloc(pool, text.size() + 1));
    if (copy.data == nullptr) {
        return copy;
    }
    if (!text.empty()) {
        std::memcpy(copy.data, text.data(), text.size());
    }
    copy.data[text.size()] = '\0';
    copy.len = text.size();
    return copy;
}

}  // namespace nexus::edge
