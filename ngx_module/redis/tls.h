// TLS to Redis and Sentinel by nginx's own: one context per kind of server, made while the configuration is
// read. When the handshake runs is connection.h's business.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "ngx_module/ngx/ngx.h"
#include "ngx_module/redis/address.h"

namespace nexus::edge::redis {

/// What nexus_redis says about it. Paths as written.
struct TlsParameters {
    std::string ca;           // file; empty = the system's
    std::string server_name;  // what certificates must be for; empty = what the server goes by
    std::string certificate;  // of this client; file, empty = none
    std::string certificate_key;
    bool verify = true;
};

#if (NGX_SSL)

struct SessionDelete {
    void operator()(ngx_ssl_session_t *session) const noexcept { ngx_ssl_free_session(session); }
};
using TlsSession = std::unique_ptr<ngx_ssl_session_t, SessionDelete>;

class Tls {
public:
    explicit Tls(ngx_log_t *log) noexcept;
    ~Tls();
    Tls(const Tls &) = delete;
    Tls &operator=(const Tls &) = delete;

    /// false: nginx has logged why
    bool init(ngx_conf_t *cf, const TlsParameters &parameters);

    /// Makes `c` a TLS connection to `address` whose handshake fails unless the certificate is trusted and
    /// for that server. false: out of memory
    bool attach(ngx_connection_t *c, const Address &address, ngx_ssl_session_t *session) const noexcept;

    /// Why the certificate was not accepted, if that is why a handshake failed. Static text
    static const char *refusal(const ngx_connection_t *c) noexcept;

    /// Ends TLS on `c` without waiting for the peer.
    static void detach(ngx_connection_t *c) noexcept;

private:
    mutable ngx_ssl_t ssl_;
    std::string server_name_;
    bool verify_ = true;
};

#endif

}  // namespace nexus::edge::redis
