// PostgreSQL's URL is read by libpq's own parser, so that what is checked is what libpq will do, and handed
// on as a connection string that says everything TLS depends on: no file and no variable fills a gap.
#include <libpq-fe.h>
#include <algorithm>
#include <array>
#include <memory>

#include "control_plane/config/urls.h"

namespace nexus::control {

namespace {

struct FreeConninfo {
    void operator()(PQconninfoOption *options) const noexcept { PQconninfoFree(options); }
};
using Conninfo = std::unique_ptr<PQconninfoOption, FreeConninfo>;

tl::unexpected<Error> refuse(std::string sentence) {
    return fail(Errc::kInvalidRequest, std::move(sentence));
}

Conninfo parse_conninfo(const Secret &url) {
    std::string terminated(url.view());
    Conninfo options(PQconninfoParse(terminated.c_str(), nullptr));
    wipe(terminated);
    return options;
}

std::string_view option_of(const Conninfo &options, std::string_view name) {
    for (const PQconninfoOption *option = options.get(); option->keyword != nullptr; ++option) {
        if (name == option->keyword && option->val != nullptr) {
            return option->val;
        }
    }
    return {};
}

/// One entry of libpq's comma separated host lists; empty is the Unix socket.
bool is_local_host(std::string_view host) noexcept {
    return host.empty() || host.front() == '/' || host.front() == '@' || is_loopback_host(host);
}

bool all_local(std::string_view hosts) noexcept {
    while (true) {
        const size_t comma = hosts.find(',');
        if (!is_local_host(hosts.substr(0, comma))) {
            return false;
        }
        if (comma == std::string_view::npos) {
            return true;
        }
        hosts.remove_prefix(comma + 1);
    }
}

bool is_verifying(std::string_view mode) {
    return mode == "verify-ca" || mode == "verify-full";
}

bool is_tls(std::string_view mode) {
    return mode == "require" || is_verifying(mode);
}

/// Takes what one of the two says; nullopt if they disagree.
std::optional<std::string> either(std::string_view in_url, const std::string &in_environment) {
    if (!in_url.empty() && !in_environment.empty() && in_url != in_environment) {
        return std::nullopt;
    }
    return in_url.empty() ? in_environment : std::string(in_url);
}

/// keyword='value' (libpq manual, section "Connection Strings")
void append(std::string &text, std::string_view keyword, std::string_view value) {
    text.append(keyword).append("='");
    for (const char c : value) {
        if (c == '\'' || c == '\\') {
            text.push_back('\\');
        }
        text.push_back(c);
    }
    text.append("' ");
}

/// A password that is not percent-encoded ends at its first @ or /: what is behind that would be looked for,
/// and named in logs, as a host, a port or a database.
bool names_a_place(const Conninfo &options) {
    const std::string_view port = option_of(options, "port");
    return option_of(options, "host").find('@') == std::string_view::npos &&
           option_of(options, "dbname").find('@') == std::string_view::npos &&
           port.find_first_not_of("0123456789,") == std::string_view::npos;
}

Secret connection_string(const Conninfo &options, const std::string &mode, const std::string &root_cert) {
    constexpr std::array<std::string_view, 3> kOurs{"sslmode", "sslrootcert", "gssencmode"};
    size_t room = mode.size() + root_cert.size() * 2 + 64;
    for (const PQconninfoOption *option = options.get(); option->keyword != nullptr; ++option) {
        room += std::string_view(option->keyword).size() + 8;
        room += option->val != nullptr ? std::string_view(option->val).size() * 2 : 0;
    }
    std::string text;
    text.reserve(room);  // once: it holds the password
    for (const PQconninfoOption *option = options.get(); option->keyword != nullptr; ++option) {
        if (option->val != nullptr && std::ranges::find(kOurs, option->keyword) == kOurs.end()) {
            append(text, option->keyword, option->val);
        }
    }
    if (!mode.empty()) {
        append(text, "sslmode", mode);
    }
    if (!root_cert.empty()) {
        append(text, "sslrootcert", root_cert);
    }
    append(text, "gssencmode",
           "disable");  // encryption by Kerberos would go before TLS, and not ask for a certificate
    return Secret(std::move(text));
}

}  // namespace

Result<DatabaseTarget> parse_postgres_url(const Secret &text, const DatabaseTls &tls) {
    const Conninfo options = parse_conninfo(text);
    if (!options) {
        return refuse("is not a PostgreSQL connection URL");
    }
    if (!option_of(options, "service").empty()) {
        return refuse("must not name a service: the host would not be seen here");
    }
    if (!names_a_place(options)) {
        return refuse(
            "has no host, port and name that could be right: is its password percent-encoded (@ is %40, / is "
            "%2F)?");
    }
    std::optional<std::string> mode = either(option_of(options, "sslmode"), tls.mode);
    const std::optional<std::string> root_cert = either(option_of(options, "sslrootcert"), tls.root_cert);
    if (!mode || !root_cert) {
        return refuse(!mode ? "and DB_SSLMODE name different modes: keep one"
                            : "and DB_SSLROOTCERT name different files: keep one");
    }
    // hostaddr is what gets connected, host what a certificate is compared with: both are judged.
    const bool is_local = all_local(option_of(options, "host")) && all_local(option_of(options, "hostaddr"));
    if (mode->empty() && !root_cert->empty()) {
        *mode = "verify-full";
    } else if (mode->empty() && !is_local && tls.is_enforced) {
        *mode = "require";
    }
    if (tls.is_enforced && !is_local && !is_tls(*mode)) {
        return refuse(
            "names another host without TLS: use sslmode=verify-full (or require), or say "
            "ENFORCE_DB_SSL=false");
    }
    if (is_verifying(*mode) && root_cert->empty()) {
        return refuse(
            "is to be verified, but not by which CA: set DB_SSLROOTCERT to a file with its certificate");
    }
    if (!is_tls(*mode) && !root_cert->empty()) {
        return refuse("has a CA to verify by, but a sslmode that does without");
    }
    DatabaseTarget target;
    target.kind = DatabaseKind::kPostgres;
    target.url = connection_string(options, *mode, *root_cert);
    return target;
}

}  // namespace nexus::control
