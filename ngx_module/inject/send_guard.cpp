// An output filter in front of the upstream's own.
#include "ngx_module/inject/send_guard.h"

#include "ngx_module/inject/egress.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/str.h"

namespace nexus::edge {

namespace {

struct Guard {
    ngx_http_request_t *request;
    const Access *access;
    bool named_only;
    ngx_output_chain_filter_pt next;
    void *next_ctx;
};

/// Of a peer over TLS: was its certificate checked, and against a name that the credential may go to? nginx
/// keeps no name of a connection that it has used before; it was asked about when it was made.
const char *what_is_wrong_with_tls(const Guard &guard) {
    const ngx_http_upstream_t &u = *guard.request->upstream;
    if (!u.ssl || u.peer.cached) {
        return nullptr;
    }
    if (u.conf->ssl_verify == 0 && !is_named_private(guard.access->conf->allow_private, u.peer.sockaddr)) {
        return "the destination's certificate is not checked (proxy_ssl_verify)";
    }
    std::string_view name = to_view(u.ssl_name);
    if (name.starts_with('[') && name.ends_with(']')) {
        name = name.substr(1, name.size() - 2);
    }
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
