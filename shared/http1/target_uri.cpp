// Scheme, host, port, path.
#include "shared/http1/target_uri.h"

#include "shared/encoding/hex.h"

namespace nexus::http1 {

std::string origin(bool is_tls, std::string_view host) {
    const std::string_view own_port = is_tls ? ":443" : ":80";
    if (host.ends_with(own_port)) {
        host.remove_suffix(own_port.size());
    }
    return std::string{is_tls ? "https://" : "http://"}.append(encoding::to_lower_ascii(host));
}

std::string target_uri(bool is_tls, std::string_view host, std::string_view target) {
    return origin(is_tls, host).append(target.substr(0, target.find('?')));
}

}  // namespace nexus::http1
