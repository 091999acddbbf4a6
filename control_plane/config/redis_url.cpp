// Redis' URL has the edge's grammar (shared/resp/url.h), with credentials in front of the host as clients of
// Redis write them, and a database behind the path of a Unix socket.
#include "control_plane/config/urls.h"
#include "shared/encoding/hex.h"
#include "shared/net/host_rule.h"

namespace nexus::control {

namespace {

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
    const std::optional<unsigned> database = resp::parse_database(text.substr(3));
    if (!database) {
        return refuse("has a database number that is not 0 to 1023");
    }
    target.database = *database;
    return target;
}

}  // namespace

Result<RedisTarget> parse_redis_url(const Secret &text) {
    const std::string_view url = text.view();
    if (url.starts_with("unix:")) {
        return parse_unix(url.substr(5));
    }

    const size_t scheme_end = url.find("://");
    const size_t at = url.rfind('@');
    RedisTarget target;
    std::string bare(url);
    if (scheme_end != std::string_view::npos && at != std::string_view::npos && at >= scheme_end + 3) {
        const size_t login_at = scheme_end + 3;
        wipe(bare);
        bare.assign(url.substr(0, login_at)).append(url.substr(at + 1));
        Result<RedisLogin> login = parse_login(url.substr(login_at, at - login_at));
        if (!login) {
            return fail(login.error());
        }
        target.login = std::move(*login);
    }
    Result<resp::Url> parsed = resp::parse_url(bare);
    if (!parsed) {
        return refuse("cannot be used: " + parsed.error().message);
    }

    target.kind = parsed->kind;
    target.tls.is_on = parsed->tls;
    target.master_name = std::move(parsed->master_name);
    target.database = parsed->database;
    for (const std::string &address : parsed->addresses) {
        const Result<net::HostPort> server = net::parse_host_port(address);
        if (!server || server->host.empty()) {
            return refuse("has no valid HOST[:PORT] in \"" + address + "\"");
        }
        target.servers.push_back(
            {server->host, server->port != 0 ? server->port : resp::default_port(target.kind)});
    }
    return target;
}

}  // namespace nexus::control
