// What the routes of agents' keys and of control-plane keys share: lifetimes and overlaps in requests, keys
// in answers.
#pragma once

#include "control_plane/json/json.h"
#include "control_plane/server/message.h"
#include "control_plane/services/agents/agent_service.h"

namespace nexus::control {

/// The body as a JSON object; no body is an empty one. errors kInvalidJson, kPayloadTooLarge
Result<json::Value> optional_body(const Request &request);

/// Member `name`: a lifetime in seconds, at most ten years. returns when it ends; 0 = never (member absent)
UnixMs read_key_expiry(json::ObjectReader &reader, std::string_view name, UnixMs now);

struct Rotation {
    UnixMs overlap_ms = 0;
    UnixMs expires_at = 0;
};
/// {"overlap_s"?, "expires_in_s"?}: the old key lives on for a day at most a month. errors kInvalidRequest
Result<Rotation> read_rotation(const Request &request, UnixMs now);

/// {"id", "secret", "expires_at"?}: the one time that the text is shown.
json::Value new_key_json(const NewKey &key);
/// {"id", "expires_at"} of the key that a rotation replaces.
json::Value old_key_json(const RotatedKey &rotated);
/// {"id", "state", "created_at", "expires_at"?, "last_used_at"?}
json::Value key_json(const store::AgentKey &key, UnixMs now);

/// "active", "expired" or "revoked".
std::string_view key_state(UnixMs revoked_at, UnixMs expires_at, UnixMs now);
void set_time(json::Value &out, std::string_view name, UnixMs time);  // left out if it is 0

}  // namespace nexus::control
