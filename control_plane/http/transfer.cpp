// See transfer.h.
#include "control_plane/http/transfer.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <algorithm>
#include <chrono>
#include <cstring>
#include <optional>
#include <string_view>

#include "shared/encoding/hex.h"
#include "shared/net/ip_literal.h"

namespace nexus::control {

namespace {

// A network that swallows what is sent ends the connection, not only the request: HTTP/2 would use it again.
constexpr unsigned kUnacknowledgedMs = 5000;

bool append(Transfer &transfer, const char *data, size_t size) {
    if (size > transfer.max_body - transfer.body_size) {
        return false;
    }
    if (transfer.body_size + size > transfer.body.size()) {
        const size_t room =
            std::max(transfer.body_size + size, std::max<size_t>(4096, transfer.body.size() * 2));
        Secret larger = Secret::zeroed(std::min(room, transfer.max_body));
        if (transfer.body_size != 0) {
            std::memcpy(larger.data(), transfer.body.view().data(), transfer.body_size);
        }
        transfer.body = std::move(larger);  // the old one is wiped
    }
    std::memcpy(transfer.body.data() + transfer.body_size, data, size);
    transfer.body_size += size;
    return true;
}

std::string_view trim(std::string_view text) {
    const size_t first = text.find_first_not_of(" \t\r\n");
    return first == std::string_view::npos ? std::string_view()
                                           : text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

void watch(Transfer &transfer, std::string connection) {
    if (transfer.watch == nullptr) {
        return;
    }
    const auto now = std::chrono::steady_clock::now();
    if (!transfer.connection.empty()) {
        transfer.watch->ended(transfer.connection, false, now);  // libcurl moves to another one
    }
    transfer.watch->begun(connection, now);
    transfer.connection = std::move(connection);
}

}  // namespace

size_t on_body(char *data, size_t, size_t size, void *context) noexcept {
    try {
        return append(*static_cast<Transfer *>(context), data, size) ? size : 0;  // 0 ends the transfer
    } catch (...) {
        return 0;
    }
}

size_t on_header(char *data, size_t, size_t size, void *context) noexcept {
    auto &transfer = *static_cast<Transfer *>(context);
    try {
        const std::string_view line(data, size);
        transfer.header_bytes += size;
        if (transfer.header_bytes > transfer.max_headers) {
            return 0;
        }
        if (line.starts_with("HTTP/")) {
            transfer.headers.clear();  // of a 1xx before this one
            transfer.has_whole_head = false;
            if (transfer.watch != nullptr) {
                transfer.watch->heard(transfer.connection, std::chrono::steady_clock::now());
            }
            return size;
        }
        if (const size_t colon = line.find(':'); colon != std::string_view::npos) {
            transfer.headers.emplace_back(encoding::to_lower_ascii(trim(line.substr(0, colon))),
                                          trim(line.substr(colon + 1)));
        }
        transfer.has_whole_head = transfer.has_whole_head || trim(line).empty();  // trailers come later
        return size;
    } catch (...) {
        return 0;
    }
}

/// The address libcurl is about to connect to is checked here, and this very address gets connected.
curl_socket_t on_open_socket(void *context, curlsocktype, curl_sockaddr *address) noexcept {
    auto &transfer = *static_cast<Transfer *>(context);
    if (!transfer.guard->allows(&address->addr, transfer.is_plain)) {
        transfer.is_denied = true;
        return CURL_SOCKET_BAD;
    }
    transfer.is_opened = true;
    const int made = ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    ::setsockopt(made, IPPROTO_TCP, TCP_USER_TIMEOUT, &kUnacknowledgedMs, sizeof kUnacknowledgedMs);
    return made;
}

/// Asked before every request, also over a connection that was kept: whoever sits at its other end must be
/// allowed. Asked once more when libcurl means to send a request again: a kept connection was closed before
/// it answered, or HTTP/2 refused the stream.
int on_connected(void *context, char *peer, char *, int peer_port, int local_port) noexcept {
    auto &transfer = *static_cast<Transfer *>(context);
    const std::optional<net::IpLiteral> address = net::IpLiteral::parse(peer);
    if (!address || !transfer.guard->allows(address->address(), transfer.is_plain)) {
        transfer.is_denied = true;
        transfer.is_opened = false;
        return CURL_PREREQFUNC_ABORT;
    }
    if (transfer.is_begun && transfer.is_single_shot) {
        return CURL_PREREQFUNC_ABORT;
    }
    if (!transfer.is_begun && std::chrono::steady_clock::now() >= transfer.send_before) {
        return CURL_PREREQFUNC_ABORT;  // the process was stopped meanwhile, or the connection took too long
    }
    try {
        watch(transfer,
              std::string(peer) + " " + std::to_string(peer_port) + " " + std::to_string(local_port));
    } catch (...) {
        return CURL_PREREQFUNC_ABORT;  // without memory
    }
    transfer.is_begun = true;
    return CURL_PREREQFUNC_OK;
}

}  // namespace nexus::control
