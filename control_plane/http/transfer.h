// What one request's callbacks share: they are C functions' targets, so noexcept; they only copy bytes, count
// them, and check addresses.
#pragma once

#include <curl/curl.h>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "control_plane/http/connection_watch.h"
#include "control_plane/http/egress_guard.h"
#include "shared/secret.h"

namespace nexus::control {

/// Everything the callbacks of one transfer touch.
struct Transfer {
    const EgressGuard *guard = nullptr;
    ConnectionWatch *watch = nullptr;  // nullptr: nobody else has the connection
    std::string connection;            // for the watch; "" = not begun
    bool is_plain = false;
    bool is_denied = false;  // an address was
    bool is_opened = false;  // and another one was not
    bool keeps_connection = false;
    bool is_single_shot = false;  // HttpRequest says what that is
    std::chrono::steady_clock::time_point send_before = std::chrono::steady_clock::time_point::max();
    bool is_begun = false;        // libcurl was let to write the request: from here on nobody knows
    bool has_whole_head = false;  // of the answer
    size_t max_body = 0;
    size_t max_headers = 0;
    Secret body;  // grows by doubling; its size is the room, body_size what is filled
    size_t body_size = 0;
    size_t header_bytes = 0;
    std::vector<std::pair<std::string, std::string>> headers;
};

/// For CURLOPT_WRITEFUNCTION and CURLOPT_HEADERFUNCTION: 0 ends the transfer.
size_t on_body(char *data, size_t, size_t size, void *context) noexcept;
size_t on_header(char *data, size_t, size_t size, void *context) noexcept;
/// For CURLOPT_OPENSOCKETFUNCTION.
curl_socket_t on_open_socket(void *context, curlsocktype, curl_sockaddr *address) noexcept;
/// For CURLOPT_PREREQFUNCTION.
int on_connected(void *context, char *peer, char *, int peer_port, int local_port) noexcept;

}  // namespace nexus::control
