// Outgoing HTTP for those who ask much at once and do not wait: one thread drives all requests by libcurl's
// multi interface. What a request sets, who may be reached, and what an answer means are HttpClient's rules
// (exchange.h); beside them there is HTTP/2 over TLS, many requests on one connection (docs/decisions/0038).
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

#include "control_plane/http/http_client.h"
#include "shared/result.h"

namespace nexus::control {

class HttpMulti {
public:
    /// Runs on the client's one thread, which does nothing else meanwhile: it hands the answer on and is
    /// quick. It may call send() and in_flight(), and must not call stop() or end the client. What it throws
    /// is logged and dropped.
    using Done = std::function<void(Result<HttpResponse>)>;

    /// max_in_flight  requests that are with libcurl at a time
    /// max_waiting    requests beside them that wait for a place, in the order they came
    /// quiet_limit    a connection that gave no answer for so long is cut when a request on it times out
    explicit HttpMulti(HttpClientOptions options, Metrics *metrics = nullptr, size_t max_in_flight = 512,
                       size_t max_waiting = 4096,
                       std::chrono::milliseconds quiet_limit = std::chrono::seconds(5));
    ~HttpMulti();  // stop()
    HttpMulti(const HttpMulti &) = delete;
    HttpMulti &operator=(const HttpMulti &) = delete;

    /// Thread safe, never blocks on the network. `done` is called exactly once. The total time-out counts
    /// from here, waiting included.
    /// send_within  the request is begun by then or not at all, even if this process is stopped in between
    /// errors as HttpClient::send; kProviderUnavailable also when one of the times ran out before it was begun
    ///        kOverloaded  as many are in flight and waiting as may be, or the client is ending: `done` has
    ///                     then been called on the caller's own thread, before send() returns
    void send(HttpRequest request, Done done,
              std::chrono::milliseconds send_within = std::chrono::hours(1));

    /// Requests whose `done` was not called yet, those that wait included.
    size_t in_flight() const;

    /// Ends what is outstanding: kProviderSilent what was begun, else kProviderUnavailable. Returns when each
    /// `done` has been called. Once is enough.
    void stop();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace nexus::control
