// Redis' URL has the edge's grammar (shared/resp/url.h), with credentials in front of the host as clients of
// Redis write them, and a database behind the path of a Unix socket.
#include <charconv>

#include "control_plane/config/urls.h"
#include "shared/encoding/hex.h"
#include "shared/net/host_rule.h"

namespace nexus::control {

namespace {

constexpr uint16_t kDefaultPort = 6379;
constexpr uint16_t kDefaultSentinelPort = 26379;

tl::unexpected<Error> refuse(std::string sentence) {
    return fail(Errc::kInvalidRequest, std::move(sentence));
}

Result<Secret> unescape(std::string_view text) {
    Secret plain = Secret::zeroed(text.size());
    size_t size = 0;
    for (size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            Result<std::string> byte = encoding::hex_decode(text.substr(i + 1, 2));
            if (!byte || byte->size() != 1) {
                return refuse("has a % that is not followed by two hexadecimal digits");
            }
            c = byte->front();
            i += 2;
        }
        plain.data()[size++] = c;
    }
    return Secret(plain.view().substr(0, size));
}

Result<RedisLogin> parse_login(std::string_view userinfo) {
    const size_t colon = userinfo.find(':');
    Result<Secret> username = unescape(userinfo.substr(0, colon));
    Result<Secret> password =
        unescape(colon == std::string_view::npos ? std::string_view() : userinfo.substr(colon + 1));
    if (!username || !password) {
        return fail(username ? password.error() : username.error());
    }
    return RedisLogin{std::move(*username), std::move(*password)};
}

/// unix:/path or unix:///path, each with ?db=N behind it if wanted
Result<RedisTarget> parse_unix(std::string_view rest) {
    if (rest.starts_with("//")) {
        rest.remove_prefix(2);
    }
    RedisTarget target;
    const size_t query = rest.find('?');
    target.unix_path = std::string(rest.substr(0, query));
    if (!target.unix_path.starts_with('/')) {
        return refuse("must give an absolute path after unix:");
    }
    if (query == std::string_view::npos) {
        return target;
    }
    const std::string_view text = rest.substr(query + 1);
    if (!text.starts_with("db=")) {
        return refuse("may have ?db=N behind the path, nothing else");
    }
    const char *end = text.data() + text.size();
    const auto [at, problem] = std::from_chars(text.data() + 3, end, target.database);
    if (problem != std::errc() || at != end || target.database < 0 || target.database > 1023) {
        return refuse("has a database number that is not 0 to 1023");
    }
    return target;
}

}  // namespace

Result<RedisTarget> parse_redis_url(const Secret &text) {
    const std::string_view url = text.view();
    if (url.starts_with("unix:")) {
        return parse_unix(url.substr(5));
    }

    const size_t host_at = std::min(url.find("://"), url.size() - std::min<size_t>(url.size(), 3)) + 3;
    const size_t at = url.rfind('@');
    const bool has_login = at != std::string_view::npos && at >= host_at && host_at <= url.size();
    RedisTarget target;
    std::string bare(url);
    if (has_login) {
        Result<RedisLogin> login = parse_login(url.substr(host_at, at - host_at));
        if (!login) {
            wipe(bare);
            return fail(login.error());
        }
        target.login = std::move(*login);
        wipe(bare);
        bare.assign(url.substr(0, host_at)).append(url.substr(at + 1));
    }
    Result<resp::Url> parsed = resp::parse_url(bare);
    if (!parsed) {
        return refuse("cannot be used: " + parsed.error().message);
    }

    target.kind = parsed->kind;
    target.tls.is_on = parsed->tls;
    target.master_name = std::move(parsed->master_name);
    target.database = static_cast<int>(parsed->database);
    for (const std::string &address : parsed->addresses) {
        const Result<net::HostPort> server = net::parse_host_port(address);
        if (!server || server->host.empty()) {
            return refuse("has no valid HOST[:PORT] in \"" + address + "\"");
        }
        const uint16_t usual =
            target.kind == resp::Url::Kind::kSentinel ? kDefaultSentinelPort : kDefaultPort;
        target.servers.push_back({server->host, server->port != 0 ? server->port : usual});
    }
    return target;
}

}  // namespace nexus::control
