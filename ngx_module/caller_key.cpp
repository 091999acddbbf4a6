// The caller's key or token: found, digested or kept, removed.
#include "ngx_module/caller_key.h"

#include <algorithm>
#include <string>

#include "ngx_module/ngx/str.h"
#include "ngx_module/ngx/wiped_area.h"
#include "ngx_module/strip.h"
#include "ngx_module/worker.h"
#include "shared/crypto/digest.h"
#include "shared/http1/syntax.h"
#include "shared/jose/access_token.h"
#include "shared/record/caller_record.h"
#include "shared/secret.h"
#include "shared/sigv4/signing_key.h"

namespace nexus::edge {

namespace {

constexpr std::string_view kBearer = "bearer ";

bool is_named(const ngx_table_elt_t &line, std::string_view name) {
    return http1::equal_ignoring_case(to_view(line.key), name);
}

/// The token of `Bearer <token>`, "" for any other scheme.
std::string_view bearer_token(std::string_view value) {
    if (value.size() <= kBearer.size() ||
        !http1::equal_ignoring_case(value.substr(0, kBearer.size()), kBearer)) {
        return {};
    }
    value.remove_prefix(kBearer.size());
    const size_t start = value.find_first_not_of(' ');
    return start == std::string_view::npos ? std::string_view{} : value.substr(start);
}

/// Meant for this nginx as a proxy; what else is hop-by-hop (RFC 9110 section 7.6.1) nginx leaves out itself.
bool is_for_this_hop(const ngx_table_elt_t &line) {
    return is_named(line, "proxy-authorization") || is_named(line, "proxy-connection") ||
           is_named(line, "trailer");
}

bool is_authorization(const ngx_table_elt_t &line) {
    return is_named(line, "authorization");
}

/// What a header line presents, "" if nothing that the location takes.
std::string_view presented_in(const ngx_table_elt_t &line, const CallerHeaders &headers) {
    const std::string_view value = to_view(line.value);
    if (is_named(line, "x-api-key")) {
        return headers.takes_keys ? value : std::string_view{};
    }
    if (headers.is_injecting && is_named(line, "x-nexus-key")) {
        return headers.takes_keys || headers.takes_tokens ? value : std::string_view{};
    }
    if (!is_authorization(line)) {
        return {};
    }
    const std::string_view token = bearer_token(value);
    const bool is_ours = headers.is_injecting ? record::is_agent_key(token) ||
                                                    (headers.takes_tokens && jose::looks_like_jwt(token))
                                              : headers.takes_keys || headers.takes_tokens;
    return is_ours ? token : std::string_view{};
}

Strip verdict(const ngx_table_elt_t &line, const void *data) {
    const auto &headers = *static_cast<const CallerHeaders *>(data);
    if (is_named(line, "x-api-key") || is_named(line, "x-nexus-key")) {
        return Strip::kRemoveAndOverwrite;
    }
    if (is_named(line, "x-nexus-agent") || is_named(line, "x-nexus-connection")) {
        return Strip::kRemove;
    }
    if (headers.is_injecting && is_for_this_hop(line)) {
        return Strip::kRemoveAndOverwrite;
    }
    if (!is_authorization(line)) {
        return Strip::kKeep;
    }
    const std::string_view token = bearer_token(to_view(line.value));
    const bool is_ours = headers.is_injecting || record::is_agent_key(token) ||
                         (headers.takes_tokens && jose::looks_like_jwt(token));
    return is_ours ? Strip::kRemoveAndOverwrite : Strip::kKeep;
}

/// returns false: two that differ
bool choose(std::string_view candidate, std::string_view &chosen) {
    if (!chosen.empty() && !constant_time_equal(chosen, candidate)) {
        return false;
    }
    chosen = candidate;
    return true;
}

/// returns false: several, of which nobody can say which one is meant. `found` is "" if there is none.
bool find_presented(const ngx_http_request_t *r, const CallerHeaders &headers, std::string_view &found) {
    std::string_view perhaps_for_the_provider;
    for (const ngx_list_part_t *part = &r->headers_in.headers.part; part != nullptr; part = part->next) {
        const auto *lines = static_cast<const ngx_table_elt_t *>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; ++i) {
            const std::string_view text = presented_in(lines[i], headers);
            if (text.empty()) {
                continue;
            }
            const bool is_second_choice =
                headers.is_injecting && is_authorization(lines[i]) && !record::is_agent_key(text);
            if (!choose(text, is_second_choice ? perhaps_for_the_provider : found)) {
                return false;
            }
        }
    }
    if (found.empty()) {
        found = perhaps_for_the_provider;
    }
    return true;
}

KeyDigests::Hex digest_of(std::string_view key) {
    if (Worker *w = worker()) {
        return w->key_digests().of(key);
    }
    KeyDigests::Hex hex;  // nothing is looked up here, but what is presented is judged all the same
    std::ranges::copy(crypto::sha256_hex(key), hex.begin());
    return hex;
}

/// returns false: out of memory
bool read_presented(ngx_http_request_t *r, const CallerHeaders &headers, PresentedKey &out) {
    std::string_view text;
    const bool is_one = find_presented(r, headers, text);
    out.kind = is_one && text.empty() ? PresentedKey::Kind::kNone : PresentedKey::Kind::kMalformed;
    if (!is_one || text.empty()) {
        return true;
    }
    if (headers.takes_keys && record::is_agent_key(text)) {
        out.sha256_hex = digest_of(text);
        out.kind = PresentedKey::Kind::kKey;
    } else if (headers.takes_tokens && text.size() <= jose::kMaxAccessTokenBytes &&
               jose::looks_like_jwt(text)) {
        const std::span<char> kept = wiped_area(r->pool, text.size());
        if (kept.data() == nullptr) {
            return false;
        }
        std::copy(text.begin(), text.end(), kept.begin());
        out.token = {kept.data(), kept.size()};
        out.kind = PresentedKey::Kind::kToken;
    }
    return true;
}

/// An AWS SDK with dummy credentials says by its signature what it wants the request to be signed for.
/// returns false: out of memory
bool read_hint(ngx_http_request_t *r, sigv4::Scope &out) {
    const ngx_table_elt_t *line = r->headers_in.authorization;
    const std::optional<sigv4::Scope> hint =
        line != nullptr ? sigv4::hinted_scope(to_view(line->value)) : std::nullopt;
    if (!hint) {
        return true;
    }
    const ngx_str_t region = copy_to_pool(r->pool, hint->region);
    const ngx_str_t service = copy_to_pool(r->pool, hint->service);
    out = {to_view(region), to_view(service)};
    return region.data != nullptr && service.data != nullptr;
}

void keep(void *) noexcept {}  // marks our entry in the pool's cleanup list

PresentedKey *kept_key(const ngx_http_request_t *r) {
    for (ngx_pool_cleanup_t *cln = r->pool->cleanup; cln != nullptr; cln = cln->next) {
        if (cln->handler == keep) {
            return static_cast<PresentedKey *>(cln->data);
        }
    }
    return nullptr;
}

}  // namespace

const PresentedKey *take_caller_key(ngx_http_request_t *r, const CallerHeaders &headers) {
    PresentedKey *found = kept_key(r);
    if (found == nullptr) {
        ngx_pool_cleanup_t *cln = ngx_pool_cleanup_add(r->pool, sizeof(PresentedKey));
        if (cln == nullptr) {
            return nullptr;
        }
        found = ::new (cln->data) PresentedKey;
        cln->handler = keep;
    }
    // A location before an internal redirect may have had no eye for what this one takes.
    const bool is_found =
        found->kind == PresentedKey::Kind::kKey || found->kind == PresentedKey::Kind::kToken;
    if (!is_found && !read_presented(r, headers, *found)) {
        return nullptr;
    }
    if (headers.is_injecting && found->hint.service.empty() && !read_hint(r, found->hint)) {
        return nullptr;
    }
    return strip_headers(r, verdict, &headers) == NGX_OK ? found : nullptr;
}

}  // namespace nexus::edge
