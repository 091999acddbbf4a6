// Which origins are allowed: entries as an operator writes them, compared with Origin headers as a browser
// writes them. What follows for a request is policy.h's business.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "shared/result.h"

namespace nexus::cors {

class OriginSet {
public:
    /// Adds one entry:
    ///
    ///   https://app.example.org, http://localhost:8080   that origin
    ///   https://*.example.org                            every name below example.org, not example.org
    ///   itself null                                             documents without an origin (sandboxed
    ///   frames, files)
    ///   *                                                every origin
    ///
    /// Written in any case and with a default port, it means the same. errors kInvalidRequest, naming the
    /// entry
    Result<void> add(std::string_view entry);

    /// Origin headers are compared byte by byte, because browsers write an origin in one way only (Fetch
    /// section 3.2, "serializing a request origin").
    bool allows(std::string_view origin) const noexcept;

    bool allows_any() const noexcept { return any_; }
    bool allows_null() const noexcept { return null_; }
    bool empty() const noexcept { return !any_ && !null_ && exact_.empty() && subdomains_.empty(); }

private:
    struct Hash {
        using is_transparent = void;
        size_t operator()(std::string_view text) const noexcept {
            return std::hash<std::string_view>{}(text);
        }
    };
    /// https://*.example.org:8443 as "https://" and ".example.org:8443".
    struct Subdomains {
        std::string scheme;
        std::string suffix;
    };

    bool any_ = false;
    bool null_ = false;
    std::unordered_set<std::string, Hash, std::equal_to<>> exact_;
    std::vector<Subdomains> subdomains_;
};

/// Is `host` (the value of a Host header) the host and port of `origin`? The scheme is left out: a proxy in
/// front may have ended TLS.
bool is_origin_of_host(std::string_view origin, std::string_view host) noexcept;

}  // namespace nexus::cors
