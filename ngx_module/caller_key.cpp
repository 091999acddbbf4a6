// The caller's key: found, digested, removed.
#include "ngx_module/caller_key.h"

#include <algorithm>
#include <string>

#include "ngx_module/ngx/pool_ptr.h"
#include "ngx_module/ngx/str.h"
#include "ngx_module/strip.h"
#include "shared/crypto/digest.h"
#include "shared/record/caller_record.h"
#include "shared/secret.h"

namespace nexus::edge {

namespace {

constexpr std::string_view kBearer = "bearer ";

bool equals_ignoring_case(const ngx_str_t &text, std::string_view lower) {
    return text.len == lower.size() &&
           ngx_strncasecmp(text.data, reinterpret_cast<u_char *>(const_cast<char *>(lower.data())),
                           lower.size()) == 0;
}

/// The token of `Bearer <token>`, "" for any other scheme.
std::string_view bearer_token(std::string_view value) {
    if (value.size() <= kBearer.size() ||
        ngx_strncasecmp(reinterpret_cast<u_char *>(const_cast<char *>(value.data())),
                        reinterpret_cast<u_char *>(const_cast<char *>(kBearer.data())),
                        kBearer.size()) != 0) {
        return {};
    }
    value.remove_prefix(kBearer.size());
    const size_t start = value.find_first_not_of(' ');
    return start == std::string_view::npos ? std::string_view{} : value.substr(start);
}

/// The key that a header line presents, "" if it presents none.
std::string_view key_in(const ngx_table_elt_t &line, bool injecting) {
    const std::string_view value = to_view(line.value);
    if (equals_ignoring_case(line.key, "x-api-key") ||
        (injecting && equals_ignoring_case(line.key, "x-nexus-key"))) {
        return value;
    }
    if (!equals_ignoring_case(line.key, "authorization")) {
        return {};
    }
    const std::string_view token = bearer_token(value);
    return !injecting || record::is_agent_key(token) ? token : std::string_view{};
}

Strip verdict(const ngx_table_elt_t &line, const void *data) {
    const bool injecting = *static_cast<const bool *>(data);
    if (equals_ignoring_case(line.key, "x-api-key") || equals_ignoring_case(line.key, "x-nexus-key")) {
        return Strip::kRemoveAndOverwrite;
    }
    if (equals_ignoring_case(line.key, "x-nexus-agent") ||
        equals_ignoring_case(line.key, "x-nexus-connection")) {
        return Strip::kRemove;
    }
    if (equals_ignoring_case(line.key, "authorization") &&
        (injecting || record::is_agent_key(bearer_token(to_view(line.value))))) {
        return Strip::kRemoveAndOverwrite;
    }
    return Strip::kKeep;
}

void find_key(const ngx_http_request_t *r, bool injecting, PresentedKey &found) {
    std::string_view first;
    for (const ngx_list_part_t *part = &r->headers_in.headers.part; part != nullptr; part = part->next) {
        const auto *lines = static_cast<const ngx_table_elt_t *>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; ++i) {
            const std::string_view key = key_in(lines[i], injecting);
            if (key.empty()) {
                continue;
            }
            if (!record::is_agent_key(key) || (!first.empty() && !constant_time_equal(first, key))) {
                found.kind = PresentedKey::Kind::kMalformed;
                return;
            }
            first = key;
        }
    }
    if (first.empty()) {
        return;
    }

    std::string hex = crypto::sha256_hex(first);
    std::copy_n(hex.begin(), found.sha256_hex.size(), found.sha256_hex.begin());
    found.kind = PresentedKey::Kind::kKey;
}

void keep(void *) noexcept {}  // marks our entry in the pool's cleanup list

}  // namespace

const PresentedKey *take_caller_key(ngx_http_request_t *r, bool injecting) {
    for (ngx_pool_cleanup_t *cln = r->pool->cleanup; cln != nullptr; cln = cln->next) {
        if (cln->handler == keep) {
            const auto *found = static_cast<PresentedKey *>(cln->data);
            return strip_headers(r, verdict, &injecting) == NGX_OK ? found : nullptr;
        }
    }

    ngx_pool_cleanup_t *cln = ngx_pool_cleanup_add(r->pool, sizeof(PresentedKey));
    if (cln == nullptr) {
        return nullptr;
    }
    auto *found = ::new (cln->data) PresentedKey;
    find_key(r, injecting, *found);
    if (strip_headers(r, verdict, &injecting) != NGX_OK) {
        return nullptr;
    }
    cln->handler = keep;
    return found;
}

}  // namespace nexus::edge
