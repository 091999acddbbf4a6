#include "ngx_module/redis/tls.h"

#if (NGX_SSL)

#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "ngx_module/ngx/str.h"

namespace nexus::edge::redis {
namespace {

constexpr ngx_int_t kMaxChain = 9;

/// An IP literal is looked for among a certificate's addresses, and is no server name to announce.
bool is_ip(const std::string &host) noexcept {
    return make_address(host, 1).has_value();
}

/// SSL_set_tlsext_host_name without its C cast.
bool announce_host(ngx_ssl_conn_t *ssl, const std::string &host) noexcept {
    return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                    const_cast<char *>(host.c_str())) == 1;
}

int accept_what_openssl_accepts(int ok, X509_STORE_CTX *) noexcept {
    return ok;
}

bool expect_host(ngx_ssl_conn_t *ssl, const std::string &host) noexcept {
    if (is_ip(host)) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
    }
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, host.c_str()) == 1;
}

}  // namespace

Tls::Tls(ngx_log_t *log) noexcept {
    ngx_memzero(&ssl_, sizeof ssl_);
    ssl_.log = log;
}

Tls::~Tls() {
    if (ssl_.ctx != nullptr) {
        ngx_ssl_cleanup_ctx(&ssl_);
    }
}

bool Tls::init(ngx_conf_t *cf, const TlsParameters &parameters) {
    server_name_ = parameters.server_name;
    verify_ = parameters.verify;
    if (ngx_ssl_create(&ssl_, NGX_SSL_TLSv1_2 | NGX_SSL_TLSv1_3, nullptr) != NGX_OK) {
        return false;
    }
    SSL_CTX_set_verify_depth(ssl_.ctx, kMaxChain);
    // The buffer that is sent from grows, and may have moved when a write is repeated.
    SSL_CTX_set_mode(ssl_.ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_ENABLE_PARTIAL_WRITE);

    if (!parameters.ca.empty()) {
        ngx_str_t ca = copy_to_pool(cf->pool, parameters.ca);
        if (ca.data == nullptr || ngx_ssl_trusted_certificate(cf, &ssl_, &ca, kMaxChain) != NGX_OK) {
            return false;
        }
    } else if (verify_ && SSL_CTX_set_default_verify_paths(ssl_.ctx) != 1) {
        ngx_ssl_error(NGX_LOG_EMERG, cf->log, 0, const_cast<char *>("the system's certificates"));
        return false;
    }

    if (!parameters.certificate.empty()) {
        ngx_str_t certificate = copy_to_pool(cf->pool, parameters.certificate);
        ngx_str_t key = copy_to_pool(cf->pool, parameters.certificate_key);
        if (certificate.data == nullptr || key.data == nullptr ||
            ngx_ssl_certificate(cf, &ssl_, &certificate, &key, nullptr) != NGX_OK) {
            return false;
        }
    }
    return ngx_ssl_client_session_cache(cf, &ssl_, 1) == NGX_OK;
}

bool Tls::attach(ngx_connection_t *c, const Address &address, ngx_ssl_session_t *session) const noexcept {
    if (ngx_ssl_create_connection(&ssl_, c, NGX_SSL_CLIENT) != NGX_OK) {
        return false;
    }
    ngx_ssl_conn_t *ssl = c->ssl->connection;
    const std::string &host = server_name_.empty() ? address.host : server_name_;
    if (verify_) {
        // nginx's own callback, which comes with ngx_ssl_trusted_certificate, accepts everything.
        SSL_set_verify(ssl, SSL_VERIFY_PEER, accept_what_openssl_accepts);
        if (!expect_host(ssl, host)) {
            return false;
        }
    } else {
        SSL_set_verify(ssl, SSL_VERIFY_NONE, nullptr);
    }
    if (!is_ip(host) && !announce_host(ssl, host)) {
        return false;
    }
    return session == nullptr || ngx_ssl_set_session(c, session) == NGX_OK;
}

const char *Tls::refusal(const ngx_connection_t *c) noexcept {
    const long code = SSL_get_verify_result(c->ssl->connection);
    return code != X509_V_OK ? X509_verify_cert_error_string(code) : nullptr;
}

void Tls::detach(ngx_connection_t *c) noexcept {
    if (c->ssl != nullptr) {
        c->ssl->no_wait_shutdown = 1;
        c->ssl->no_send_shutdown = 1;
        (void)ngx_ssl_shutdown(c);
    }
}

}  // namespace nexus::edge::redis

#endif
