// SO_PEERCRED: see socket_peer.h.
#include "ngx_module/caller/socket_peer.h"

#include <sys/socket.h>

namespace nexus::edge {

namespace {

constexpr uint32_t kOverflowUid = 65534;

}  // namespace

// The socket is asked, not c->sockaddr: the realip module may have put another address there.
std::optional<uint32_t> peer_uid(const ngx_http_request_t *r) noexcept {
    int domain = 0;
    socklen_t length = sizeof domain;
    if (getsockopt(r->connection->fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) != 0 || domain != AF_UNIX) {
        return std::nullopt;
    }
    ucred credentials{};
    length = sizeof credentials;
    if (getsockopt(r->connection->fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0 ||
        length != sizeof credentials || credentials.uid == kOverflowUid ||
        credentials.uid == static_cast<uid_t>(-1)) {
        return std::nullopt;
    }
    return credentials.uid;
}

}  // namespace nexus::edge
