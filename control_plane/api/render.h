// JSON that several groups of routes share, and the paging parameters.
#pragma once

#include <string>

#include "control_plane/json/json.h"
#include "control_plane/server/message.h"
#include "control_plane/services/connections/connection_service.h"
#include "control_plane/services/consents/capture_service.h"
#include "control_plane/services/consents/consent_service.h"
#include "control_plane/services/consents/reconnect_link.h"
#include "shared/clock.h"
#include "shared/record/token_record.h"

namespace nexus::control {

struct Paging {
    int64_t limit = 50;
    std::string cursor;
};

/// limit 1..1000 and cursor. errors kInvalidRequest
Result<Paging> read_paging(const Request &request, int64_t default_limit = 50);

/// The member workspace_id, which a caller with a workspace of its own may leave out: "" is that one.
std::string read_workspace(json::ObjectReader &reader, const Caller &caller);
/// The same where no workspace is an answer too. An empty text is refused: it would widen what it should
/// narrow.
std::string optional_workspace(json::ObjectReader &reader);

/// The member if_generation: what is changed must still be of this generation.
std::optional<int64_t> read_if_generation(json::ObjectReader &reader);

/// A query parameter that must be there and not empty. errors kMissingFields, kInvalidRequest
Result<std::string> required_query(const Request &request, std::string_view name);

/// {"items": [...], "next_cursor": text or absent}
json::Value page_json(json::Value items, const std::string &next_cursor);

/// What a list that may be narrowed to one workspace is asked for with: workspace_id ("" = not said), limit,
/// cursor.
struct WorkspaceListQuery {
    std::string workspace_id;
    Paging paging;
};

/// errors kInvalidRequest, also for any other parameter
Result<WorkspaceListQuery> read_workspace_list(const Request &request);

/// A page of the store, {items, next_cursor}, as an answer; `to_json` renders one item.
template <typename Page, typename ToJson>
Response list_response(const Page &page, ToJson &&to_json) {
    json::Value items = json::Value::array();
    for (const auto &item : page.items) {
        items.append(to_json(item));
    }
    return Response::json(200, page_json(std::move(items), page.next_cursor));
}

/// Reference 1.7, as the edge's /v1/token answers: strategy, credentials (without refresh_token), expiry.
json::Value token_json(const record::TokenRecord &record, UnixMs now);
/// {"status": state, "expiry"?}
json::Value status_json(const record::TokenRecord &record);
/// A connection as operators see it.
json::Value connection_json(const ConnectionView &view, const ReconnectLinks &links);
json::Value consent_json(const Consent &consent);
/// return_url?, scopes?, variables?, allow_other_account? of a body that asks for another flow.
void read_reconnect(json::ObjectReader &reader, ReconnectRequest &into);
/// subject_token and subject_token_type, for grant token_exchange; without the latter an access token is
/// meant.
SubjectToken read_subject(json::ObjectReader &reader);
/// {"provider_name", "schema"}
json::Value capture_form_json(const CaptureForm &form);

/// DESIGN 4's body, with `reason` and `reconnect_url` for attention_required.
Response token_error(const Error &error, const Request &request, const ReconnectLinks &links);

}  // namespace nexus::control
