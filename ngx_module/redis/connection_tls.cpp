// A connection's TLS: the handshake between connecting and greeting, and the session that the next one
// resumes.
#include "ngx_module/redis/connection.h"

#include "ngx_module/ngx/guarded.h"

namespace nexus::edge::redis {

#if (NGX_SSL)

void Connection::begin_tls() noexcept {
    handshaking_ = true;
    connection_->pool = ngx_create_pool(NGX_MIN_POOL_SIZE, log_);  // for nginx's own part of TLS
    if (connection_->pool == nullptr) {
        lose("could not be greeted: out of memory", 0);
        return;
    }
    ngx_ssl_session_t *session = session_server_ == address_.text ? session_.get() : nullptr;
    if (!login_.tls->attach(connection_, address_, session)) {
        lose("could not be greeted by TLS", 0);
        return;
    }
    // With TLS 1.3 a session comes at any time later, several times.
    connection_->ssl->save_session = [](ngx_connection_t *c) {
        auto *self = static_cast<Connection *>(c->data);
        guarded_event(self->log_, "a TLS session", [&] {
            self->session_server_ = self->address_.text;
            self->session_.reset(ngx_ssl_get_session(c));
        });
    };
    const ngx_int_t rc = ngx_ssl_handshake(connection_);
    if (rc == NGX_AGAIN) {
        connection_->ssl->handler = [](ngx_connection_t *c) noexcept {
            static_cast<Connection *>(c->data)->on_handshake();
        };
        return;
    }
    on_handshake();
}

// nginx has put its own event handlers in the place of ours.
void Connection::on_handshake() noexcept {
    handshaking_ = false;
    if (!connection_->ssl->handshaked) {
        const char *refusal = Tls::refusal(connection_);
        log_loss(
            refusal != nullptr ? "has a certificate that is not accepted" : "failed in the TLS handshake",
            refusal != nullptr ? refusal : "", 0);
        session_.reset();
        lose("", 0);
        return;
    }
    set_handlers();
    connected_ = true;
    greet();
    flush();
    if (connection_ != nullptr) {
        read();  // some may have come with the handshake's last bytes
    }
}

#else

void Connection::begin_tls() noexcept {}
void Connection::on_handshake() noexcept {}

#endif

}  // namespace nexus::edge::redis
