// The only file that knows Pistache: it accepts connections, waits for bytes and cuts idle clients. What the
// bytes mean is read by our own parser and answered by our own pool, because Pistache 0.0.5's reader loses
// pipelined requests, takes a second Content-Length, parses the rest of a refused body as a request and
// answers with e.what() (docs/decisions/).
#include <pistache/endpoint.h>
#include <pistache/peer.h>
#include <atomic>

#include "control_plane/log/log.h"
#include "control_plane/metrics/metrics.h"
#include "control_plane/server/client_address.h"
#include "control_plane/server/connection.h"
#include "control_plane/server/server.h"
#include "control_plane/server/worker_pool.h"
#include "shared/crypto/random.h"

namespace nexus::control {

namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr const char *kConnectionData = "nexus";

/// What all of Pistache's copies of the handler share.
struct Core {
    Core(const ServerOptions &server_options, Router server_router, Metrics *server_metrics)
        : options(server_options),
          router(std::move(server_router)),
          metrics(server_metrics),
          pool(options.worker_threads, options.queue_limit) {}

    RequestLimits limits() const { return {options.max_header_bytes, options.max_body_bytes, 100}; }

    const ServerOptions options;
    const Router router;
    Metrics *const metrics;
    std::atomic<bool> is_draining{false};
    std::atomic<int> in_flight{0};
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

    /// Bytes of a client. Replaces Pistache's own reading of requests.
    void onInput(const char *buffer, size_t length,
                 const std::shared_ptr<Pistache::Tcp::Peer> &peer) override {
        try {
            const std::shared_ptr<ServerConnection> connection = connection_of(peer);
            ServerConnection::Incoming incoming = connection->receive({buffer, length});
            if (incoming.wants_continue) {
                connection->send_continue();
            } else if (incoming.refused) {
                refuse_malformed(*connection, *incoming.refused);
            } else if (incoming.request) {
                getParser(peer)->reset();  // the idle clock starts anew
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
    std::shared_ptr<ServerConnection> connection_of(const std::shared_ptr<Pistache::Tcp::Peer> &peer) {
        if (std::shared_ptr<void> known = peer->tryGetData(kConnectionData)) {
            return std::static_pointer_cast<ServerConnection>(known);
        }
        auto made = std::make_shared<ServerConnection>(peer->fd(), peer->address().host(), core_->limits());
        peer->putData(kConnectionData, made);
        return made;
    }

    void dispatch(const std::shared_ptr<ServerConnection> &connection, ServerConnection::Incoming incoming) {
        const std::shared_ptr<Request> request = std::move(incoming.request);
        complete(*request, *connection, core_->options.trusted_proxies);
        const bool keeps_alive = incoming.keeps_alive && !core_->is_draining;
        const bool is_head = incoming.is_head_method;
        if (core_->is_draining) {
            refuse(*connection, *request, is_head, "the server is stopping");
            return;
        }

        const auto started = SteadyClock::now();
        const auto counted = std::make_shared<InFlight>(*core_);
        const bool is_queued = core_->pool.submit([core = core_.get(), connection, request, counted, started,
                                                   keeps_alive, is_head] {
            const Response response = core->router.handle(*request);
            if (core->metrics != nullptr) {
                const std::chrono::duration<double> took = SteadyClock::now() - started;
                core->metrics->http_request(request->route, request->method, response.status, took.count());
            }
            connection->answer(response, {keeps_alive, is_head, request->request_id});
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

    static void refuse(ServerConnection &connection, const Request &request, bool is_head,
                       std::string_view why) {
        connection.answer(error_response({Errc::kOverloaded, std::string(why), {}, 1}, request.request_id),
                          {false, is_head, request.request_id});
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
        const bool is_v6 = options.address.find(':') != std::string::npos;
        const std::string host = is_v6 ? "[" + options.address + "]" : options.address;
        auto endpoint = std::make_unique<Pistache::Http::Endpoint>(
            Pistache::Address(host + ":" + std::to_string(options.port)));
        auto settings = Pistache::Http::Endpoint::options()
                            .threads(static_cast<int>(options.io_threads))
                            .flags(Pistache::Tcp::Options::ReuseAddr | Pistache::Tcp::Options::CloseOnExec |
                                   Pistache::Tcp::Options::NoDelay)
                            .headerTimeout(options.io_timeout)
                            .bodyTimeout(options.io_timeout)
                            .keepaliveTimeout(options.io_timeout);
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
