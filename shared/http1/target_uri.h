// The URI that a request's head is about, without its query, in the form in which signatures name it.
#pragma once

#include <string>
#include <string_view>

namespace nexus::http1 {

/// "https://host": in lower case, with the port unless it is the scheme's own.
/// host  of the Host line
std::string origin(bool is_tls, std::string_view host);

/// The origin, and the path as it is sent.
/// target  of the request line, beginning with "/"
std::string target_uri(bool is_tls, std::string_view host, std::string_view target);

}  // namespace nexus::http1
