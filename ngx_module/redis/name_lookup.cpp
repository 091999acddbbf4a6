#include "ngx_module/redis/name_lookup.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <cstring>
#include <span>
#include <utility>

#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/str.h"

namespace nexus::edge::redis {
namespace {

/// The literal of a resolved address, with the announced port; the name stays what certificates are held
/// against.
std::optional<Address> to_address(const sockaddr *resolved, const resp::HostPort &server) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    const void *bytes = nullptr;
    if (resolved->sa_family == AF_INET) {
        bytes = &reinterpret_cast<const sockaddr_in *>(resolved)->sin_addr;
    } else if (resolved->sa_family == AF_INET6) {
        bytes = &reinterpret_cast<const sockaddr_in6 *>(resolved)->sin6_addr;
    }
    if (bytes == nullptr || inet_ntop(resolved->sa_family, bytes, text.data(), text.size()) == nullptr) {
        return std::nullopt;
    }
    auto address = make_address(text.data(), server.port);
    if (address) {
        address->host = server.host;
    }
    return address;
}

}  // namespace

void NameLookup::start(const resp::HostPort &server, Done done, const Address *present) {
    if (is_running() && server == server_) {
        return;
    }
    cancel();
    server_ = server;
    done_ = std::move(done);
    present_ = present != nullptr ? std::optional(*present) : std::nullopt;
    if (auto literal = make_address(server.host, server.port)) {
        finish(std::move(literal));
        return;
    }
    if (conf_.resolver == nullptr) {
        refuse("was announced, which needs a resolver in the http block");
        finish(std::nullopt);
        return;
    }
    ask_resolver();
}

void NameLookup::ask_resolver() {
    ngx_resolver_ctx_t *asked = ngx_resolve_start(conf_.resolver, nullptr);
    if (asked == nullptr || asked == NGX_NO_RESOLVER) {
        finish(std::nullopt);
        return;
    }
    asked->name = to_ngx_str(server_.host);
    asked->handler = [](ngx_resolver_ctx_t *resolved) {
        static_cast<NameLookup *>(resolved->data)->on_resolved(resolved);
    };
    asked->data = this;
    asked->timeout = conf_.resolver_timeout;
    asked->cancelable = 1;
    resolving_ = asked;
    // An answer at once (from the resolver's cache) has cleared resolving_ already. On failure nginx frees
    // it.
    if (ngx_resolve_name(asked) != NGX_OK && resolving_ == asked) {
        resolving_ = nullptr;
        refuse("could not be asked for");
        finish(std::nullopt);
    }
}

void NameLookup::on_resolved(ngx_resolver_ctx_t *resolved) noexcept {
    resolving_ = nullptr;
    guarded_event(log_, "a resolved name", [&] {
        std::optional<Address> address;
        if (resolved->state == NGX_OK && resolved->naddrs > 0) {
            address = choose(*resolved);
            refused_.clear();
        } else {
            refuse(ngx_resolver_strerror(resolved->state));
        }
        ngx_resolve_name_done(resolved);
        finish(std::move(address));
    });
}

std::optional<Address> NameLookup::choose(const ngx_resolver_ctx_t &resolved) const {
    const std::span addresses(resolved.addrs, resolved.naddrs);
    for (size_t i = 0; present_ && i < addresses.size(); ++i) {
        auto address = to_address(addresses[i].sockaddr, server_);
        if (address == present_) {
            return address;
        }
    }
    return to_address(addresses[static_cast<size_t>(ngx_random()) % addresses.size()].sockaddr, server_);
}

void NameLookup::finish(std::optional<Address> address) {
    const Done done = std::exchange(done_, {});
    if (done) {
        done(std::move(address));
    }
}

void NameLookup::cancel() noexcept {
    done_ = {};
    if (resolving_ != nullptr) {
        ngx_resolve_name_done(resolving_);
        resolving_ = nullptr;
    }
}

void NameLookup::refuse(const char *why) noexcept {
    if (refused_ == server_.host) {
        return;
    }
    guarded_event(log_, "logging a name", [&] { refused_ = server_.host; });
    ngx_log_error(NGX_LOG_ERR, log_, 0, "nexus: Redis %s: the name \"%s\" %s", conf_.name.c_str(),
                  server_.host.c_str(), why);
}

}  // namespace nexus::edge::redis
