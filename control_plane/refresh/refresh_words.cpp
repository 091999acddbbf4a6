// What a refresh speaks in: see refresh_words.h.
#include "control_plane/refresh/refresh_words.h"

#include <algorithm>
#include <utility>

#include "control_plane/json/json.h"

namespace nexus::control {

audit::Event refresh_event(std::string_view type, std::string_view reason) {
    audit::Event event;
    event.type = type;
    event.actor = "system";
    if (!reason.empty()) {
        event.data = json::Value::object().set("reason", reason).dump_text();
    }
    return event;
}

audit::Event refresh_event_of(const store::Connection &connection, std::string_view type,
                              std::string_view reason) {
    audit::Event event = refresh_event(type, reason);
    event.connection_id = connection.id;
    event.workspace_id = connection.workspace_id;
    event.provider_id = connection.provider_id;
    return event;
}

Error token_unavailable(int64_t retry_after_s) {
    return Error{Errc::kTokenUnavailable,
                 "the token cannot be refreshed right now",
                 {},
                 std::max<int64_t>(1, retry_after_s)};
}

Error token_unavailable_until(UnixMs until, UnixMs now) {
    return token_unavailable((until - now + 999) / 1000);
}

Error refresh_refused(std::string reason, int64_t retry_after_s) {
    return Error{Errc::kProviderError, "the provider refused the refresh request", std::move(reason),
                 retry_after_s};
}

}  // namespace nexus::control
