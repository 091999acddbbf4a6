// How a credential goes onto a request (reference 1.8): oauth2, header, query_param, basic_auth, cookie.
// Decides names and values; putting them on the wire is the edge's business. Strategies that sign: signing.h.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shared/record/token_record.h"
#include "shared/result.h"
#include "shared/secret.h"

namespace nexus::strategy {

/// A header value is `prefix` and `value`, one behind the other; a query parameter has no prefix, and name
/// and value are percent-encoded already; a cookie replaces the caller's of that name. Both are views: into
/// the record, which must live as long, or into `made`.
struct Injection {
    enum class Place : uint8_t { kHeader, kQuery, kCookie };
    Place place = Place::kHeader;
    std::string name;
    std::string_view prefix;
    std::string_view value;
    Secret made;

    struct Line {
        std::string_view name;
        std::string_view prefix;
        std::string_view value;
    };
    std::vector<Line> more;  // headers beside the first; names of their own, views into the record
};

bool is_known(std::string_view strategy) noexcept;

/// record  an active record
/// errors  kStrategyFailed  not active, unknown strategy, missing config or credential, a value with control
///                          characters, or a header that frames the request (Host, Content-Length, ...)
/// source  members and defaults: oauth2 {Authorization, "Bearer ", access_token}; header {header_name
///         Authorization, credential_field api_key, value_prefix ""; up to eight, see header_rules.h};
///         query_param {param_name required, credential_field api_key}; basic_auth {username_field username,
///         password_field password}; cookie {cookie_name required, credential_field api_key}
Result<Injection> injection_for(const record::TokenView &record);

}  // namespace nexus::strategy
