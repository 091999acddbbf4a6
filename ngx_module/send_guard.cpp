// An output filter in front of the upstream's own.
#include "ngx_module/send_guard.h"

namespace nexus::edge {

namespace {

struct Guard {
    ngx_http_request_t *request;
    const PrivateNetworks *allowed;
    bool named_only;
    ngx_output_chain_filter_pt next;
    void *next_ctx;
};

ngx_int_t on_output(void *data, ngx_chain_t *in) noexcept {
    const auto *guard = static_cast<const Guard *>(data);
    const ngx_peer_connection_t &peer = guard->request->upstream->peer;

    const bool allowed =
        peer.sockaddr != nullptr && (guard->named_only ? is_named_private(guard->allowed, peer.sockaddr)
                                                       : is_address_allowed(guard->allowed, peer.sockaddr));
    if (!allowed) {
        ngx_log_error(NGX_LOG_ERR, guard->request->connection->log, 0,
                      "nexus: the peer's address is not one that a credential may be sent to");
        return NGX_ERROR;
    }
    return guard->next(guard->next_ctx, in);
}

}  // namespace

ngx_int_t guard_peer(ngx_http_request_t *r, const PrivateNetworks *allowed, bool named_only) noexcept {
    auto *guard = static_cast<Guard *>(ngx_palloc(r->pool, sizeof(Guard)));
    if (guard == nullptr) {
        return NGX_ERROR;
    }

    ngx_http_upstream_t *u = r->upstream;
    *guard = {r, allowed, named_only, u->output.output_filter, u->output.filter_ctx};
    if (guard->next == nullptr) {  // what nginx would have set
        guard->next = ngx_chain_writer;
        guard->next_ctx = &u->writer;
    }
    u->output.output_filter = on_output;
    u->output.filter_ctx = guard;
    return NGX_OK;
}

}  // namespace nexus::edge
