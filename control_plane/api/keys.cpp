// Keys in requests and answers: see keys.h.
#include "control_plane/api/keys.h"

#include "control_plane/services/time_text.h"

namespace nexus::control {

namespace {

constexpr int64_t kMaxKeyLifetimeS = 10LL * 365 * 24 * 3600;
constexpr int64_t kDefaultOverlapS = 24LL * 3600;
constexpr int64_t kMaxOverlapS = 30LL * 24 * 3600;

}  // namespace

Result<json::Value> optional_body(const Request &request) {
    return request.body.empty() ? Result<json::Value>{json::Value::object()} : request.json_body();
}

UnixMs read_key_expiry(json::ObjectReader &reader, std::string_view name, UnixMs now) {
    const int64_t lifetime_s = reader.integer_or(name, 0, 1, kMaxKeyLifetimeS);
    return lifetime_s == 0 ? 0 : now + lifetime_s * 1000;
}

Result<Rotation> read_rotation(const Request &request, UnixMs now) {
    Result<json::Value> body = optional_body(request);
    if (!body) {
        return fail(body.error());
    }
    json::ObjectReader reader(*body);
    Rotation out;
    out.overlap_ms = reader.integer_or("overlap_s", kDefaultOverlapS, 0, kMaxOverlapS) * 1000;
    out.expires_at = read_key_expiry(reader, "expires_in_s", now);
    if (Result<void> finished = reader.finish(); !finished) {
        return fail(finished.error());
    }
    return out;
}

json::Value new_key_json(const NewKey &key) {
    json::Value out = json::Value::object();
    out.set("id", key.key_id).set("secret", key.text);
    set_time(out, "expires_at", key.expires_at);
    return out;
}

json::Value old_key_json(const RotatedKey &rotated) {
    json::Value out = json::Value::object();
    out.set("id", rotated.old_key_id);
    set_time(out, "expires_at", rotated.old_expires_at);
    return out;
}

json::Value key_json(const store::AgentKey &key, UnixMs now) {
    json::Value out = json::Value::object();
    out.set("id", key.key_id)
        .set("state", key_state(key.revoked_at, key.expires_at, now))
        .set("created_at", to_rfc3339(key.created_at));
    set_time(out, "expires_at", key.expires_at);
    set_time(out, "last_used_at", key.last_used_at);
    return out;
}

std::string_view key_state(UnixMs revoked_at, UnixMs expires_at, UnixMs now) {
    if (revoked_at != 0) {
        return "revoked";
    }
    return expires_at != 0 && expires_at <= now ? "expired" : "active";
}

void set_time(json::Value &out, std::string_view name, UnixMs time) {
    if (time != 0) {
        out.set(name, to_rfc3339(time));
    }
}

}  // namespace nexus::control
