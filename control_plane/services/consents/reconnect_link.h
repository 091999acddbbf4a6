// The standing link with which a person renews a connection that needs one: BASE_URL/connect/{ticket}. The
// ticket is signed and holds no secret; all it can do is begin a flow on that connection, which ends at the
// return_url of the last one and refuses another account.
#pragma once

#include <string>

#include "control_plane/config/config.h"
#include "control_plane/oauth/state_token.h"
#include "control_plane/store/connection_repository.h"

namespace nexus::control {

class ReconnectLinks {
public:
    ReconnectLinks(const StateSigner &signer, const Config &config, Clock clock)
        : signer_(signer), config_(config), clock_(std::move(clock)) {}

    /// The same text all day, so that whoever repeats it repeats one link; good for 30 days.
    std::string link_to(std::string_view connection_id) const;

private:
    const StateSigner &signer_;
    const Config &config_;
    Clock clock_;
};

/// May a link begin a flow on it: attention, expired, failed or pending, and alive. A connection that works
/// is renewed by the API only.
bool needs_person(const store::Connection &connection) noexcept;

}  // namespace nexus::control
