// Bodies of the gateway API: members as the reference implementation's clients know them, without
// refresh_token.
#pragma once

#include "ngx_module/answer/json_text.h"
#include "shared/clock.h"
#include "shared/record/token_record.h"

namespace nexus::edge {

/// `strategy`, `credentials`, `expiry`, `scopes`; for oauth2 the members of `credentials` at the top level
/// too. `now` decides on `expired`.
void write_token_body(JsonText &json, const record::TokenView &token, UnixMs now);

/// `status`, and `expiry` if asked for.
void write_status_body(JsonText &json, const record::TokenView &token, bool with_expiry);

}  // namespace nexus::edge
