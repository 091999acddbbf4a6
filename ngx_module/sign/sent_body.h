// The body of a serialised request, where nginx keeps it until it is sent.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

/// Text behind the head in its buffer (proxy_set_body), then the buffers that follow. Of a body that is read
/// unbuffered: nothing.
struct SentBody {
    std::string_view text;
    ngx_chain_t *buffers;

    uint64_t size() const;
};

/// head  request_head
SentBody sent_body(const ngx_http_request_t *r, std::string_view head);

/// Feeds its bytes, in order. returns false: they could not be read
bool read_body(const SentBody &body, const std::function<void(std::string_view)> &take);

}  // namespace nexus::edge
