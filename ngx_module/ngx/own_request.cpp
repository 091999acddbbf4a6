// A connection that has no socket, and a request on it.
#include "ngx_module/ngx/own_request.h"

#include <sys/un.h>
#include <initializer_list>
#include <new>

#include "ngx_module/ngx/event.h"

namespace nexus::edge {
namespace {

// What variables such as $remote_addr find: a peer of no address.
sockaddr_un g_nobody{AF_UNIX, {}};

ngx_str_t g_method = ngx_string("GET");
ngx_str_t g_protocol = ngx_string("HTTP/1.1");
ngx_str_t g_uri = ngx_string("/");

class OwnConnection {
public:
    explicit OwnConnection(ngx_log_t *log) noexcept
        : log_(*log),
          bury_(log, this, [](void *self) noexcept { delete static_cast<OwnConnection *>(self); }) {
        log_.handler = nullptr;
        log_.data = &log_ctx_;
        log_.action = nullptr;
        log_ctx_.connection = &connection_;

        for (ngx_event_t *ev : {&read_, &write_}) {
            ev->data = &connection_;
            ev->log = &log_;
            ev->handler = [](ngx_event_t *) {};
            ev->active = 1;  // so that nginx does not want to poll a descriptor
        }
        write_.ready = 1;  // upstream answers go on to the filters
        write_.write = 1;
        connection_.read = &read_;
        connection_.write = &write_;
        connection_.fd = static_cast<ngx_socket_t>(-1);
        connection_.log = &log_;
        connection_.sockaddr = reinterpret_cast<sockaddr *>(&g_nobody);
        connection_.socklen = sizeof(sa_family_t);
        connection_.local_sockaddr = connection_.sockaddr;
        connection_.local_socklen = connection_.socklen;
        connection_.tcp_nodelay = NGX_TCP_NODELAY_DISABLED;
        connection_.tcp_nopush = NGX_TCP_NOPUSH_DISABLED;
        connection_.data = &http_;
    }
    ~OwnConnection() {
        for (ngx_event_t *ev : {&read_, &write_}) {  // limit_req and the like use them for a delay
            if (ev->timer_set) {
                ngx_del_timer(ev);
            }
            if (ev->posted) {
                ngx_delete_posted_event(ev);
            }
        }
    }
    OwnConnection(const OwnConnection &) = delete;
    OwnConnection &operator=(const OwnConnection &) = delete;

    ngx_http_request_t *make_request(ngx_http_core_srv_conf_t *server) noexcept;

private:
    static void on_request_destroyed(void *data) noexcept {
        // nginx may still look at the connection in this turn.
        static_cast<OwnConnection *>(data)->bury_.post_next();
    }

    ngx_connection_t connection_{};
    ngx_event_t read_{};
    ngx_event_t write_{};
    ngx_log_t log_;
    ngx_http_log_ctx_t log_ctx_{};
    ngx_http_connection_t http_{};
    Event bury_;
};

// The subrequest has ended, and nginx wakes its parent.
void on_subrequest_over(ngx_http_request_t *r) noexcept {
    drop_own_request(r);
}

ngx_http_request_t *OwnConnection::make_request(ngx_http_core_srv_conf_t *server) noexcept {
    http_.conf_ctx = server->ctx;
    ngx_http_request_t *r = ngx_http_create_request(&connection_);
    if (r == nullptr) {
        return nullptr;
    }
    connection_.data = r;
    ngx_pool_cleanup_t *cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == nullptr ||
        ngx_list_init(&r->headers_in.headers, r->pool, 1, sizeof(ngx_table_elt_t)) != NGX_OK) {
        drop_own_request(r);
        return nullptr;
    }
    cln->handler = on_request_destroyed;
    cln->data = this;

    r->method = NGX_HTTP_GET;
    r->method_name = g_method;
    r->http_protocol = g_protocol;
    r->http_version = NGX_HTTP_VERSION_11;
    r->uri = g_uri;
    r->unparsed_uri = g_uri;
    r->headers_in.server = server->server_name;
    r->internal = 1;
    r->logged = 1;  // not in the access log: nobody sent it
    r->write_event_handler = on_subrequest_over;
    return r;
}

}  // namespace

ngx_http_request_t *make_own_request(ngx_http_core_srv_conf_t *server, ngx_log_t *log) noexcept {
    auto *connection = new (std::nothrow) OwnConnection(log);
    if (connection == nullptr) {
        return nullptr;
    }
    ngx_http_request_t *r = connection->make_request(server);
    if (r == nullptr) {
        delete connection;
    }
    return r;
}

void run_own_request(ngx_http_request_t *r) noexcept {
    ngx_http_run_posted_requests(r->connection);
}

void drop_own_request(ngx_http_request_t *r) noexcept {
    ngx_http_free_request(r, 0);
}

}  // namespace nexus::edge
