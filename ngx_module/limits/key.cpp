// Keys of requests.
#include "ngx_module/limits/key.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "ngx_module/access/access.h"
#include "ngx_module/ngx/str.h"
#include "shared/http1/syntax.h"

namespace nexus::edge::limits {

namespace {

constexpr std::string_view kKindNames[] = {"address", "caller", "workspace", "connection", "provider", "all"};

constexpr std::string_view kOfCaller[] = {"nexus_caller", "nexus_auth_method", "nexus_workspace"};
constexpr std::string_view kOfConnection[] = {"nexus_connection",   "nexus_provider",  "nexus_state",
                                              "nexus_token_source", "nexus_token_ttl", "nexus_resolve_time",
                                              "nexus_api_base_url"};

/// nginx's variables have names without case.
bool is_one_of(std::string_view name, std::span<const std::string_view> names) {
    return std::ranges::any_of(
        names, [&](std::string_view known) { return http1::equal_ignoring_case(name, known); });
}

/// The name of a variable that `text` begins with.
std::string_view leading_name(std::string_view text) {
    constexpr std::string_view kCharacters =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
    return text.substr(0, text.find_first_not_of(kCharacters));
}

std::string_view known_key(KeyKind kind, const Access *access) {
    if (kind == KeyKind::kAll) {
        return "all";
    }
    if (access == nullptr) {
        return {};
    }
    switch (kind) {
        case KeyKind::kCaller:
            return access->caller ? access->caller->agent_id() : std::string_view{};
        case KeyKind::kWorkspace:
            return access->caller ? access->caller->workspace_id() : std::string_view{};
        case KeyKind::kConnection:
            return access->token_lookup.id;
        case KeyKind::kProvider:
            return access->token ? access->token->provider() : std::string_view{};
        default:
            return {};
    }
}

}  // namespace

std::optional<KeyKind> parse_key_kind(std::string_view word) noexcept {
    const auto *found = std::ranges::find(kKindNames, word);
    return found != std::end(kKindNames) ? std::optional{static_cast<KeyKind>(found - kKindNames)}
                                         : std::nullopt;
}

Stage stage_of(KeyKind kind) noexcept {
    switch (kind) {
        case KeyKind::kCaller:
        case KeyKind::kWorkspace:
            return Stage::kCaller;
        case KeyKind::kConnection:
        case KeyKind::kProvider:
            return Stage::kConnection;
        case KeyKind::kAddress:
        case KeyKind::kAll:
        case KeyKind::kValue:
            break;
    }
    return Stage::kEarly;
}

Stage stage_of_value(std::string_view text) noexcept {
    Stage stage = Stage::kEarly;
    for (size_t at = text.find('$'); at != std::string_view::npos; at = text.find('$')) {
        text.remove_prefix(at + 1);
        if (text.starts_with('{')) {
            text.remove_prefix(1);
        }
        const std::string_view name = leading_name(text);
        if (is_one_of(name, kOfCaller)) {
            stage = std::max(stage, Stage::kCaller);
        } else if (is_one_of(name, kOfConnection)) {
            stage = Stage::kConnection;
        }
    }
    return stage;
}

ngx_int_t read_key(ngx_http_request_t *r, const Access *access, const Key &key, KeyText &out) noexcept {
    if (key.kind == KeyKind::kValue) {
        ngx_str_t text;
        if (ngx_http_complex_value(r, key.value, &text) != NGX_OK) {
            return NGX_ERROR;
        }
        out.text = to_view(text);
    } else if (key.kind == KeyKind::kAddress) {
        read_address(r, out);
    } else {
        out.text = known_key(key.kind, access);
    }
    return NGX_OK;
}

void read_address(const ngx_http_request_t *r, KeyText &out) noexcept {
    const sockaddr *address = r->connection->sockaddr;
    char *const bytes = out.address.data();
    bytes[0] = 'u';
    if (address->sa_family == AF_INET) {
        bytes[0] = '4';
        std::memcpy(bytes + 1, &reinterpret_cast<const sockaddr_in *>(address)->sin_addr, 4);
    } else if (address->sa_family == AF_INET6) {
        const in6_addr &v6 = reinterpret_cast<const sockaddr_in6 *>(address)->sin6_addr;
        const bool is_v4 = IN6_IS_ADDR_V4MAPPED(&v6);
        bytes[0] = is_v4 ? '4' : '6';
        std::memcpy(bytes + 1, is_v4 ? v6.s6_addr + 12 : v6.s6_addr, is_v4 ? 4 : 8);
    }
    out.text = {bytes, out.address.size()};
}

}  // namespace nexus::edge::limits
