// The only file that knows Pistache: it accepts connections and waits for bytes. What the bytes mean is read
// by our own parser, their time is measured by our own table and they are answered by our own pool, because
// Pistache 0.0.5's reader loses pipelined requests, takes a second Content-Length, parses the rest of a
// refused body as a request, answers with e.what(), and has one time-out for clients and handlers alike
// (docs/decisions/).
#include <pistache/endpoint.h>
#include <pistache/peer.h>
#include <atomic>

#include "control_plane/log/log.h"
#include "control_plane/metrics/metrics.h"
#include "control_plane/server/client_address.h"
#include "control_plane/server/connection_table.h"
#include "control_plane/server/server.h"
#include "shared/crypto/random.h"
#include "shared/net/host_rule.h"

namespace nexus::control {

namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr const char *kConnectionData = "nexus";
constexpr std::chrono::hours kNever{24 * 365};  // Pistache's own time-outs

/// What all of Pistache's copies of the handler share.
struct Core {
    Core(const ServerOptions &server_options, Router server_router, Metrics *server_metrics)
        : options(server_options),
          router(std::move(server_router)),
          metrics(server_metrics),
          table(options.max_connections, {options.request_timeout, options.idle_timeout, kLinger},
                server_metrics),
          pool(options.workers) {}

    static constexpr std::chrono::seconds kLinger{2};

    RequestLimits limits() const { return {options.max_header_bytes, options.max_body_bytes, 100}; }

    const ServerOptions options;
    const Router router;
    Metrics *const metrics;
    std::atomic<bool> is_draining{false};
    std::atomic<int> in_flight{0};
    ConnectionTable table;
    WorkerPool pool;  // last: its threads use the members above
};

/// Counts a request from its last byte to its answer.
class InFlight {
public:
    explicit InFlight(Core &core) : core_(core) { count(1); }
    ~InFlight() { count(-1); }
    InFlight(const InFlight &) = delete;
    InFlight &operator=(const InFlight &) = delete;

private:
    void count(int delta) {
        core_.in_flight += delta;
        if (core_.metrics != nullptr) {
            core_.metrics->http_in_flight(delta);
        }
    }
    Core &core_;
};

void complete(Request &request, const ServerConnection &connection,
              std::span<const net::Cidr> trusted_proxies) {
    request.peer_ip = connection.peer_ip();
    request.client_ip = client_address(request, request.peer_ip, trusted_proxies);
    const std::string_view id = request.header("x-request-id");
    request.request_id = is_request_id(id) ? std::string(id) : crypto::random_uuid();
}

class ConnectionHandler final : public Pistache::Http::Handler {
public:
    HTTP_PROTOTYPE(ConnectionHandler)

    explicit ConnectionHandler(std::shared_ptr<Core> core) : core_(std::move(core)) {}

    /// A new client. Pistache's own handler does no more than keep its parser here, which its timers look at.
    void onConnection(const std::shared_ptr<Pistache::Tcp::Peer> &peer) override {
        try {
            peer->putData(ParserData, std::make_shared<Pistache::Http::RequestParser>(getMaxRequestSize()));
            peer->putData(kConnectionData,
                          core_->table.add(peer->fd(), peer->address().host(), core_->limits()));
        } catch (...) {
            log::error("connection_refused");  // no descriptor, no memory
            ::shutdown(peer->fd(), SHUT_RDWR);
        }
    }

    /// Bytes of a client. Replaces Pistache's own reading of requests.
    void onInput(const char *buffer, size_t length,
                 const std::shared_ptr<Pistache::Tcp::Peer> &peer) override {
        try {
            const auto connection =
                std::static_pointer_cast<ServerConnection>(peer->tryGetData(kConnectionData));
            if (!connection) {
                return;
            }
            ServerConnection::Incoming incoming = connection->receive({buffer, length});
            if (incoming.wants_continue) {
                connection->send_continue();
            } else if (incoming.refused) {
                refuse_malformed(*connection, *incoming.refused);
            } else if (incoming.request) {
                dispatch(connection, std::move(incoming));
            }
        } catch (const std::exception &) {
            log::error("connection_failed");
        } catch (...) {
            log::error("connection_failed");
        }
    }

    /// Never called: onInput does not use Pistache's parser.
    void onRequest(const Pistache::Http::Request &, Pistache::Http::ResponseWriter) override {}

private:
    void dispatch(const std::shared_ptr<ServerConnection> &connection, ServerConnection::Incoming incoming) {
        const std::shared_ptr<Request> request = std::move(incoming.request);
        complete(*request, *connection, core_->options.trusted_proxies);
        const bool keeps_alive = incoming.keeps_alive;
        const bool is_head = incoming.is_head_method;
        // Counted before the look at is_draining, so that `stop` never sees 0 with a request on its way in.
        const auto counted = std::make_shared<InFlight>(*core_);
        if (core_->is_draining) {
            refuse(*connection, *request, is_head, "the server is stopping");
            return;
        }

        const auto started = SteadyClock::now();
        const bool is_queued = core_->pool.submit([core = core_.get(), connection, request, counted, started,
                                                   keeps_alive, is_head] {
            const bool is_stale = SteadyClock::now() - started > core->options.request_timeout;
            const Response response =
                is_stale ? overloaded(*request, "the server is busy") : core->router.handle(*request);
            if (core->metrics != nullptr) {
                const std::chrono::duration<double> took = SteadyClock::now() - started;
                core->metrics->http_request(request->route, request->method, response.status, took.count());
            }
            connection->answer(response, {keeps_alive && !core->is_draining, is_head, request->request_id});
        });
        if (!is_queued) {
            if (core_->metrics != nullptr) {
                core_->metrics->http_overloaded();
            }
            refuse(*connection, *request, is_head, "the server is busy");
        }
    }

    void refuse_malformed(ServerConnection &connection, const Error &error) {
        const std::string request_id = crypto::random_uuid();
        const Response response = error_response(error, request_id);
        if (core_->metrics != nullptr) {
            core_->metrics->http_request("none", "other", response.status, 0);
        }
        connection.answer(response, {false, false, request_id});
    }

    static Response overloaded(const Request &request, std::string_view why) {
        return error_response({Errc::kOverloaded, std::string(why), {}, 1}, request.request_id);
    }

    void refuse(ServerConnection &connection, const Request &request, bool is_head, std::string_view why) {
        const Response response = overloaded(request, why);
        if (core_->metrics != nullptr) {
            core_->metrics->http_request("none", request.method, response.status, 0);
        }
        connection.answer(response, {false, is_head, request.request_id}, std::chrono::milliseconds(0));
    }

    std::shared_ptr<Core> core_;
};

}  // namespace

struct Server::Impl {
    Impl(const ServerOptions &options, Router router, Metrics *metrics)
        : core(std::make_shared<Core>(options, std::move(router), metrics)) {}

    std::shared_ptr<Core> core;
    std::unique_ptr<Pistache::Http::Endpoint> endpoint;
};

Server::Server(ServerOptions options, Router router, Metrics *metrics)
    : impl_(std::make_unique<Impl>(options, std::move(router), metrics)) {}

Server::~Server() {
    stop(std::chrono::milliseconds(0));
}

Result<void> Server::start() {
    const ServerOptions &options = impl_->core->options;
    try {
        const std::string host = net::in_brackets(options.address);
        auto endpoint = std::make_unique<Pistache::Http::Endpoint>(
            Pistache::Address(host + ":" + std::to_string(options.port)));
        auto settings = Pistache::Http::Endpoint::options()
                            .threads(static_cast<int>(options.io_threads))
                            .flags(Pistache::Tcp::Options::ReuseAddr | Pistache::Tcp::Options::CloseOnExec |
                                   Pistache::Tcp::Options::NoDelay)
                            .headerTimeout(kNever)
                            .bodyTimeout(kNever)
                            .keepaliveTimeout(kNever);
        endpoint->init(settings);
        endpoint->setHandler(Pistache::Http::make_handler<ConnectionHandler>(impl_->core));
        endpoint->serveThreaded();
        impl_->endpoint = std::move(endpoint);
    } catch (const std::exception &) {
        return fail(Errc::kInternal, "cannot listen on " + options.address + " port " +
                                         std::to_string(options.port) + ": is it in use?");
    }
    return {};
}

uint16_t Server::port() const noexcept {
    return impl_->endpoint ? static_cast<uint16_t>(impl_->endpoint->getPort()) : uint16_t{0};
}

void Server::stop(std::chrono::milliseconds grace) {
    impl_->core->is_draining = true;
    if (!impl_->endpoint) {
        return;
    }
    const auto deadline = SteadyClock::now() + grace;
    while (impl_->core->in_flight > 0 && SteadyClock::now() < deadline) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    if (impl_->core->in_flight > 0) {
        log::warn("stopped_with_requests_in_flight", {{"count", impl_->core->in_flight.load()}});
    }
    impl_->endpoint->shutdown();
    impl_->endpoint.reset();
}

}  // namespace nexus::control
