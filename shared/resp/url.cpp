// The URL's grammar alone: names are not resolved here.
#include "shared/resp/url.h"

#include <array>
#include <charconv>
#include <utility>

namespace nexus::resp {
namespace {

constexpr unsigned kMaxDatabase = 1023;
constexpr size_t kMaxAddresses = 16;

struct Scheme {
    std::string_view text;
    Url::Kind kind;
    bool tls;
    std::string_view form;
};

constexpr std::array kSchemes = {
    Scheme{"redis://", Url::Kind::kServer, false, "redis://host[:port][/database]"},
    Scheme{"rediss://", Url::Kind::kServer, true, "rediss://host[:port][/database]"},
    Scheme{"sentinel://", Url::Kind::kSentinel, false, "sentinel://host[:port],.../master-name[/database]"},
    Scheme{"sentinels://", Url::Kind::kSentinel, true, "sentinels://host[:port],.../master-name[/database]"},
    Scheme{"cluster://", Url::Kind::kCluster, false, "cluster://host[:port],..."},
    Scheme{"clusters://", Url::Kind::kCluster, true, "clusters://host[:port],..."},
};

tl::unexpected<Error> bad(std::string why) {
    return fail(Errc::kInvalidRequest, std::move(why));
}

/// Takes the part up to the first `separator` off the front of `rest`.
std::string_view take_part(std::string_view &rest, char separator) {
    const size_t end = rest.find(separator);
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return part;
}

Result<Url> parse_unix(std::string_view url) {
    const std::string_view path = url.substr(5);
    if (!path.starts_with('/') || path.find(':') != std::string_view::npos) {
        return bad("a Unix socket is named as unix:/path/to/socket");
    }
    Url parsed;
    parsed.addresses.emplace_back(url);
    return parsed;
}

/// Sentinel names masters by letters, digits and ".-_".
bool is_master_name(std::string_view name) {
    constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    return !name.empty() && name.size() <= 128 && name.find_first_not_of(kAllowed) == std::string_view::npos;
}

Result<Url> parse_rest(const Scheme &scheme, std::string_view rest) {
    Url parsed;
    parsed.kind = scheme.kind;
    parsed.tls = scheme.tls;
    const std::string form = "the URL must be " + std::string(scheme.form);

    std::string_view hosts = take_part(rest, '/');
    if (hosts.empty() || hosts.back() == ',' || hosts.find_first_of("?#") != std::string_view::npos ||
        rest.find_first_of("?#") != std::string_view::npos) {
        return bad(form);
    }
    while (!hosts.empty()) {
        const std::string_view host = take_part(hosts, ',');
        if (host.empty() || parsed.addresses.size() == kMaxAddresses) {
            return bad(host.empty() ? form : "more than 16 hosts: name a few, the others are found");
        }
        parsed.addresses.emplace_back(host);
    }
    if (scheme.kind == Url::Kind::kServer && parsed.addresses.size() > 1) {
        return bad("several hosts are a cluster:// or the Sentinels of sentinel://host,host/master-name");
    }

    if (scheme.kind == Url::Kind::kSentinel) {
        parsed.master_name = take_part(rest, '/');
        if (!is_master_name(parsed.master_name)) {
            return bad("Sentinel's name of the master is missing or wrong: " + form);
        }
    }
    if (!rest.empty() && scheme.kind == Url::Kind::kCluster) {
        return bad("a cluster has no databases: " + form);
    }
    if (!rest.empty()) {
        const std::optional<unsigned> database = parse_database(rest);
        if (!database) {
            return bad("the database must be a number from 0 to 1023: " + form);
        }
        parsed.database = *database;
    }
    return parsed;
}

}  // namespace

std::optional<unsigned> parse_database(std::string_view text) noexcept {
    unsigned number = 0;
    const char *end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, number);
    return error == std::errc{} && at == end && number <= kMaxDatabase ? std::optional(number) : std::nullopt;
}

Result<Url> parse_url(std::string_view url) {
    if (url.find('@') != std::string_view::npos && !url.starts_with("unix:")) {
        return bad("the URL must hold no credentials: use user= and password=file:PATH or password=env:NAME");
    }
    if (url.starts_with("unix:")) {
        return parse_unix(url);
    }
    for (const Scheme &scheme : kSchemes) {
        if (url.starts_with(scheme.text)) {
            return parse_rest(scheme, url.substr(scheme.text.size()));
        }
    }
    return bad("the URL must begin with redis:// or unix:, rediss:// (TLS), sentinel:// or cluster://");
}

}  // namespace nexus::resp
