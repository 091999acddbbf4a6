// The caller's key or token: found, digested or kept, removed.
#include "ngx_module/caller/caller_key.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "ngx_module/conf.h"
#include "ngx_module/ngx/header_lines.h"
#include "ngx_module/ngx/str.h"
#include "ngx_module/ngx/strip.h"
#include "ngx_module/ngx/wiped_area.h"
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

/// What a request header is to us.
enum class Header : uint8_t {
    kOther,
    kApiKey,
    kNexusKey,
    kNexusOther,  // X-Nexus-Agent, X-Nexus-Connection
    kAuthorization,
    /// Meant for this nginx as a proxy; what else is hop-by-hop (RFC 9110 section 7.6.1) nginx leaves out
    /// itself.
    kThisHop,
};

/// Every request's every header passes here: its length leaves at most two names to compare.
Header header_of(const ngx_table_elt_t &line) {
    const auto if_named = [&](std::string_view name, Header header) {
        return is_request_line_of(line, name) ? header : Header::kOther;
    };
    switch (line.key.len) {
        case std::string_view{"trailer"}.size():
            return if_named("trailer", Header::kThisHop);
        case std::string_view{"x-api-key"}.size():
            return if_named("x-api-key", Header::kApiKey);
        case std::string_view{"x-nexus-key"}.size():
            return if_named("x-nexus-key", Header::kNexusKey);
        case std::string_view{"authorization"}.size():
            static_assert(std::string_view{"authorization"}.size() ==
                          std::string_view{"x-nexus-agent"}.size());
            return is_request_line_of(line, "x-nexus-agent")
                       ? Header::kNexusOther
                       : if_named("authorization", Header::kAuthorization);
        case std::string_view{"proxy-connection"}.size():
            return if_named("proxy-connection", Header::kThisHop);
        case std::string_view{"x-nexus-connection"}.size():
            return if_named("x-nexus-connection", Header::kNexusOther);
        case std::string_view{"proxy-authorization"}.size():
            return if_named("proxy-authorization", Header::kThisHop);
        default:
            return Header::kOther;
    }
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

bool is_ours(std::string_view token, const CallerHeaders &headers) {
    return record::is_agent_key(token) || (headers.takes_tokens && jose::looks_like_jwt(token));
}

/// What a header line presents, "" if nothing that the location takes.
std::string_view presented_in(const ngx_table_elt_t &line, const CallerHeaders &headers) {
    const std::string_view value = to_view(line.value);
    switch (header_of(line)) {
        case Header::kApiKey:
            return headers.takes_keys ? value : std::string_view{};
        case Header::kNexusKey:
            return headers.is_injecting && (headers.takes_keys || headers.takes_tokens) ? value
                                                                                        : std::string_view{};
        case Header::kAuthorization: {
            const std::string_view token = bearer_token(value);
            const bool is_taken =
                headers.is_injecting ? is_ours(token, headers) : headers.takes_keys || headers.takes_tokens;
            return is_taken ? token : std::string_view{};
        }
        default:
            return {};
    }
}

struct Stripping {
    ngx_http_request_t *request;
    const CallerHeaders &headers;
};

/// nginx keeps what a variable once was: a location that an internal redirect leads to finds the connection
/// that the caller has named, as it finds the key.
void keep_connection(ngx_http_request_t *r) {
    ngx_http_get_indexed_variable(r, static_cast<ngx_uint_t>(main_conf(r)->connection_header_index));
}

Strip verdict(const ngx_table_elt_t &line, const void *data) {
    const auto &[request, headers] = *static_cast<const Stripping *>(data);
    switch (header_of(line)) {
        case Header::kApiKey:
        case Header::kNexusKey:
            return Strip::kRemoveAndOverwrite;
        case Header::kNexusOther:
            keep_connection(request);
            return Strip::kRemove;
        case Header::kThisHop:
            return headers.is_injecting ? Strip::kRemoveAndOverwrite : Strip::kKeep;
        case Header::kAuthorization:
            return headers.is_injecting || is_ours(bearer_token(to_view(line.value)), headers)
                       ? Strip::kRemoveAndOverwrite
                       : Strip::kKeep;
        case Header::kOther:
            break;
    }
    return Strip::kKeep;
}

/// returns false: two that differ
bool choose(std::string_view candidate, std::string_view &chosen) {
    if (!chosen.empty() && !constant_time_equal(chosen, candidate)) {
        return false;
    }
    chosen = candidate;
    return true;
}

/// How much a header line that presents something counts.
enum class Rank : uint8_t {
    kSaid,         // it is the caller's
    kPerhaps,      // a token that may be the caller's, or for the provider
    kPlaceholder,  // what an SDK sends because it has to send something
};
constexpr size_t kRanks = 3;

/// In injecting locations no client sends the provider's credential, yet many insist on sending one.
Rank rank_of(const ngx_table_elt_t &line, std::string_view text, const CallerHeaders &headers) {
    const Header header = headers.is_injecting ? header_of(line) : Header::kOther;
    if (header == Header::kAuthorization && !record::is_agent_key(text)) {
        return Rank::kPerhaps;
    }
    return header == Header::kApiKey && !is_ours(text, headers) ? Rank::kPlaceholder : Rank::kSaid;
}

/// returns false: several, of which nobody can say which one is meant. `found` is "" if there is none.
bool find_presented(const ngx_http_request_t *r, const CallerHeaders &headers, std::string_view &found) {
    std::array<std::string_view, kRanks> by_rank;
    for (const ngx_list_part_t *part = &r->headers_in.headers.part; part != nullptr; part = part->next) {
        const auto *lines = static_cast<const ngx_table_elt_t *>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; ++i) {
            const std::string_view text = presented_in(lines[i], headers);
            if (text.empty()) {
                continue;
            }
            const Rank rank = rank_of(lines[i], text, headers);
            if (!choose(text, by_rank[static_cast<size_t>(rank)]) && rank != Rank::kPlaceholder) {
                return false;
            }
        }
    }
    for (const std::string_view text : by_rank) {
        if (found.empty()) {
            found = text;
        }
    }
    return true;
}

/// SHA-256 of an agent's key; nullopt: it is none.
std::optional<crypto::Sha256Hex> digest_of_key(std::string_view text) {
    Worker *w = worker();
    if (const crypto::Sha256Hex *known = w != nullptr ? w->key_digests().find(text) : nullptr) {
        return *known;
    }
    if (!record::is_agent_key(text)) {
        return std::nullopt;
    }
    // Where nothing is looked up, what is presented is judged all the same.
    return w != nullptr ? w->key_digests().add(text) : crypto::hex_of(crypto::sha256(text));
}

/// returns false: out of memory
bool read_presented(ngx_http_request_t *r, const CallerHeaders &headers, PresentedKey &out) {
    std::string_view text;
    const bool is_one = find_presented(r, headers, text);
    out.kind = is_one && text.empty() ? PresentedKey::Kind::kNone : PresentedKey::Kind::kMalformed;
    if (!is_one || text.empty()) {
        return true;
    }
    if (const auto digest = headers.takes_keys ? digest_of_key(text) : std::nullopt) {
        out.sha256_hex = *digest;
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
    const Stripping stripping{r, headers};
    return strip_headers(r, verdict, &stripping) == NGX_OK ? found : nullptr;
}

}  // namespace nexus::edge
