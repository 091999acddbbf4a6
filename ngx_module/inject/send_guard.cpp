// An output filter in front of the upstream's own.
#include "ngx_module/inject/send_guard.h"

#include <algorithm>
#include <optional>

#include "ngx_module/inject/egress.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/str.h"
#include "shared/net/host_rule.h"

namespace nexus::edge {

namespace {

struct Guard {
    ngx_http_request_t *request;
    const Access *access;
    bool named_only;
    ngx_output_chain_filter_pt next;
    void *next_ctx;
};

/// The name that the destination's certificate is to bear, as nginx takes it: proxy_ssl_name or the
/// destination's own, without a port. nginx works it out for a new connection only.
///
/// returns nullopt where a variable of proxy_ssl_name cannot be had
std::optional<ngx_str_t> certificate_name(ngx_http_request_t *r) {
    const ngx_http_upstream_t &u = *r->upstream;
    if (!u.peer.cached) {
        return u.ssl_name;
    }

    ngx_str_t name = u.ssl_name;
    if (u.conf->ssl_name != nullptr && ngx_http_complex_value(r, u.conf->ssl_name, &name) != NGX_OK) {
        return std::nullopt;
    }
    const std::string_view text = to_view(name);
    const size_t address_end = text.starts_with('[') ? text.find(']') : 0;
    if (address_end != std::string_view::npos) {
        name.len = std::min(text.size(), text.find(':', address_end));
    }
    return name;
}

/// What nginx asks of a new connection with proxy_ssl_verify. One that is used again may have been made for
/// a location that asks less.
bool is_verified(ngx_connection_t *peer, ngx_str_t name) {
    return SSL_get_verify_result(peer->ssl->connection) == X509_V_OK &&
           ngx_ssl_check_host(peer, &name) == NGX_OK;
}

/// Of a peer over TLS: was its certificate checked, and against a name that the credential may go to?
const char *what_is_wrong_with_tls(const Guard &guard) {
    const ngx_http_upstream_t &u = *guard.request->upstream;
    if (!u.ssl) {
        return nullptr;
    }
    if (u.conf->ssl_verify == 0 && !is_named_private(guard.access->conf->allow_private, u.peer.sockaddr)) {
        return "the destination's certificate is not checked (proxy_ssl_verify)";
    }

    const std::optional<ngx_str_t> wanted = certificate_name(guard.request);
    if (!wanted) {
        return "proxy_ssl_name has no value";
    }
    if (u.conf->ssl_verify != 0 && u.peer.cached && !is_verified(u.peer.connection, *wanted)) {
        return "the kept connection was made without a check of the destination's certificate, or for "
               "another name";
    }
    const std::string_view name = net::without_brackets(to_view(*wanted));
    const in_port_t port = ngx_inet_get_port(u.peer.sockaddr);
    return name.empty() || is_host_allowed(*guard.access->token, guard.access->conf->allow_hosts, name, port)
               ? nullptr
               : "the name on the destination's certificate is not among the allowed hosts";
}

const char *what_is_wrong(const Guard &guard) {
    const sockaddr *address = guard.request->upstream->peer.sockaddr;
    const PrivateNetworks *allowed = guard.access->conf->allow_private;
    if (address == nullptr ||
        !(guard.named_only ? is_named_private(allowed, address) : is_address_allowed(allowed, address))) {
        return "the peer's address is not one that a credential may be sent to";
    }
    return what_is_wrong_with_tls(guard);
}

ngx_int_t on_output(void *data, ngx_chain_t *in) noexcept {
    const auto *guard = static_cast<const Guard *>(data);
    ngx_log_t *log = guard->request->connection->log;
    const char *wrong = guarded_or<const char *>("the peer could not be judged", log, "judging a peer",
                                                 [&] { return what_is_wrong(*guard); });
    if (wrong != nullptr) {
        ngx_log_error(NGX_LOG_ERR, log, 0, "nexus: %s", wrong);
        return NGX_ERROR;
    }
    return guard->next(guard->next_ctx, in);
}

}  // namespace

ngx_int_t guard_peer(ngx_http_request_t *r, const Access &access, bool named_only) noexcept {
    auto *guard = static_cast<Guard *>(ngx_palloc(r->pool, sizeof(Guard)));
    if (guard == nullptr) {
        return NGX_ERROR;
    }

    ngx_http_upstream_t *u = r->upstream;
    *guard = {r, &access, named_only, u->output.output_filter, u->output.filter_ctx};
    if (guard->next == nullptr) {  // what nginx would have set
        guard->next = ngx_chain_writer;
        guard->next_ctx = &u->writer;
    }
    u->output.output_filter = on_output;
    u->output.filter_ctx = guard;
    return NGX_OK;
}

}  // namespace nexus::edge
