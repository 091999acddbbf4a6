#include "control_plane/redis/socket.h"

#include <poll.h>
#include <array>
#include <cerrno>
#include <system_error>

#include "shared/net/host_rule.h"

namespace nexus::control {

namespace {

using std::chrono::milliseconds;

struct FreeList {
    void operator()(curl_slist *list) const noexcept { curl_slist_free_all(list); }
};
using ListPtr = std::unique_ptr<curl_slist, FreeList>;

template <typename Value>
void set(CURL *handle, CURLoption option, Value value) {
    curl_easy_setopt(handle, option, value);
}

/// The certificate is for the name in the URL; where that is not where the server is, `connect_to` says so.
void set_tls(CURL *handle, const RedisTls &tls) {
    set(handle, CURLOPT_SSL_ENABLE_ALPN, 0L);  // Redis has no name there
    set(handle, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
    if (!tls.ca_file.empty()) {
        set(handle, CURLOPT_CAINFO, tls.ca_file.c_str());
    }
    set(handle, CURLOPT_CAPATH, static_cast<const char *>(nullptr));  // the system's, beside the file
    if (!tls.certificate_file.empty()) {
        set(handle, CURLOPT_SSLCERT, tls.certificate_file.c_str());
        set(handle, CURLOPT_SSLKEY, tls.certificate_key_file.c_str());
        set(handle, CURLOPT_KEYPASSWD, "");  // or OpenSSL would ask for one at the terminal
    }
}

using ErrorText = std::array<char, CURL_ERROR_SIZE>;

std::string reason(CURLcode code, const ErrorText &problem) {
    return problem[0] != '\0' ? problem.data() : curl_easy_strerror(code);
}

/// curl's own sentence would name the host and the port of the URL, which a Unix socket has no use for. Which
/// socket it is, the log says beside it.
std::string unix_reason(CURL *handle, CURLcode code) {
    long number = 0;
    curl_easy_getinfo(handle, CURLINFO_OS_ERRNO, &number);
    return number != 0 ? std::generic_category().message(static_cast<int>(number)) : curl_easy_strerror(code);
}

}  // namespace

std::string server_name(const RedisTarget &target, const resp::HostPort &server) {
    return target.unix_path.empty() ? net::in_brackets(server.host) + ":" + std::to_string(server.port)
                                    : target.unix_path;
}

tl::unexpected<Error> redis_unavailable(std::string_view why) {
    return fail(Error{Errc::kCacheUnavailable, "Redis is not available: " + std::string(why), {}, 1});
}

Result<RedisSocket> RedisSocket::connect(const RedisTarget &target, const resp::HostPort &server,
                                         milliseconds timeout) {
    start_curl();
    EasyPtr owner(curl_easy_init());
    CURL *handle = owner.get();
    if (handle == nullptr) {
        return redis_unavailable("out of memory");
    }

    ErrorText problem{};
    const std::string port = std::to_string(server.port);
    const std::string host = net::in_brackets(target.unix_path.empty() ? server.host : "localhost");
    const std::string name = target.tls.server_name.empty() ? host : net::in_brackets(target.tls.server_name);
    const std::string url =
        (target.tls.is_on ? "https://" : "http://") + name + (target.unix_path.empty() ? ":" + port : "");
    const ListPtr connect_to(
        name == host ? nullptr
                     : curl_slist_append(nullptr, (name + ":" + port + ":" + host + ":" + port).c_str()));
    set(handle, CURLOPT_ERRORBUFFER, problem.data());
    set(handle, CURLOPT_URL, url.c_str());
    set(handle, CURLOPT_CONNECT_ONLY, 1L);
    set(handle, CURLOPT_CONNECT_TO, connect_to.get());
    set(handle, CURLOPT_PROXY, "");
    set(handle, CURLOPT_NOSIGNAL, 1L);
    // A resolver thread that got no answer in time is left behind: all that write to Redis wait here.
    set(handle, CURLOPT_QUICK_EXIT, 1L);
    set(handle, CURLOPT_TCP_KEEPALIVE, 1L);
    set(handle, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
    set(handle, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(timeout.count()));
    set(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
    if (!target.unix_path.empty()) {
        set(handle, CURLOPT_UNIX_SOCKET_PATH, target.unix_path.c_str());
    }
    if (target.tls.is_on) {
        set_tls(handle, target.tls);
    }

    const CURLcode code = curl_easy_perform(handle);
    set(handle, CURLOPT_ERRORBUFFER, static_cast<char *>(nullptr));
    curl_socket_t fd = CURL_SOCKET_BAD;
    if (code != CURLE_OK || curl_easy_getinfo(handle, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK ||
        fd == CURL_SOCKET_BAD) {
        const std::string why = target.unix_path.empty() ? reason(code, problem) : unix_reason(handle, code);
        return redis_unavailable("it cannot be reached (" + why + ")");
    }
    return RedisSocket(std::move(owner), fd);
}

Result<void> RedisSocket::wait(short events, Deadline deadline) const {
    while (true) {
        const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) {
            return redis_unavailable("it did not answer in time");
        }
        pollfd one{fd_, events, 0};
        const int ready = ::poll(&one, 1, static_cast<int>(left.count()));
        if (ready > 0) {
            return {};
        }
        if (ready < 0 && errno != EINTR) {
            return redis_unavailable("it cannot be waited for");
        }
    }
}

Result<void> RedisSocket::send(std::string_view bytes, Deadline deadline) {
    while (!bytes.empty()) {
        size_t sent = 0;
        const CURLcode code = curl_easy_send(handle_.get(), bytes.data(), bytes.size(), &sent);
        if (code == CURLE_AGAIN) {
            if (Result<void> ready = wait(POLLOUT, deadline); !ready) {
                return ready;
            }
        } else if (code != CURLE_OK) {
            return redis_unavailable("the connection was lost");
        }
        bytes.remove_prefix(sent);
    }
    return {};
}

Result<size_t> RedisSocket::receive(std::span<char> room, Deadline deadline) {
    while (true) {
        size_t received = 0;
        const CURLcode code = curl_easy_recv(handle_.get(), room.data(), room.size(), &received);
        if (code == CURLE_OK && received > 0) {
            return received;
        }
        if (code != CURLE_AGAIN) {
            return redis_unavailable("the connection was lost");
        }
        if (Result<void> ready = wait(POLLIN, deadline); !ready) {
            return fail(ready.error());
        }
    }
}

}  // namespace nexus::control
