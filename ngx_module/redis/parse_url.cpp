// The URL's grammar alone, without nginx: a test links it by itself.
#include "ngx_module/redis/parse_url.h"

#include <charconv>
#include <utility>

namespace nexus::edge {

namespace redis {
namespace {

constexpr unsigned kMaxDatabase = 1023;

tl::unexpected<Error> bad(std::string why) {
    return fail(Errc::kInvalidRequest, std::move(why));
}

}  // namespace

Result<Url> parse_url(std::string_view url) {
    constexpr std::string_view kScheme = "redis://";
    if (url.starts_with("rediss://")) {
        return bad("rediss:// (TLS) is not supported: use redis:// on a trusted network, or a Unix socket");
    }
    if (url.starts_with("sentinel://") || url.starts_with("cluster://")) {
        return bad("Sentinel and Cluster are not supported: name one server as redis:// or unix:");
    }
    if (url.starts_with("unix:")) {
        const std::string_view path = url.substr(5);
        if (!path.starts_with('/') || path.find(':') != std::string_view::npos) {
            return bad("a Unix socket is named as unix:/path/to/socket");
        }
        return Url{std::string(url), 0};
    }
    if (!url.starts_with(kScheme)) {
        return bad("the URL must begin with redis:// or unix:");
    }

    std::string_view authority = url.substr(kScheme.size());
    if (authority.find('@') != std::string_view::npos) {
        return bad("the URL must hold no credentials: use user= and password=file:PATH or password=env:NAME");
    }
    Url parsed;
    if (const size_t slash = authority.find('/'); slash != std::string_view::npos) {
        const std::string_view database = authority.substr(slash + 1);
        authority = authority.substr(0, slash);
        if (!database.empty()) {
            const char *end = database.data() + database.size();
            const auto [at, error] = std::from_chars(database.data(), end, parsed.database);
            if (error != std::errc{} || at != end || parsed.database > kMaxDatabase) {
                return bad("the database must be a number, as in redis://host:6379/0");
            }
        }
    }
    if (authority.empty() || authority.find_first_of("?#") != std::string_view::npos) {
        return bad("the URL must be redis://host[:port][/database]");
    }
    parsed.address = authority;
    return parsed;
}

}  // namespace redis

}  // namespace nexus::edge
