// Answers for browsers: who wants HTML, pages with their headers, what an error says to a person.
#pragma once

#include "control_plane/config/config.h"
#include "control_plane/server/message.h"
#include "control_plane/services/consents/flow_end.h"
#include "control_plane/web/page.h"

namespace nexus::control {

/// Does Accept name text/html? Programs that fetch a link do not; browsers do.
bool wants_html(const Request &request);

Response page_response(int status, const web::MessagePage &page, bool allow_http = false);
Response page_response(int status, const web::FormPage &page, bool allow_http);

/// The error as a page for a browser, as DESIGN 4's JSON for anybody else.
Response flow_error(const Error &error, const Request &request);

/// Back to return_url, or, where that is not possible, a page (JSON) that says how the flow ended. The flow's
/// cookie goes.
Response flow_end(const FlowEnd &end, const Request &request, const Config &config,
                  int redirect_status = 302);

/// A redirect out of a flow: 302 or 303, no-store, no-referrer.
Response flow_redirect(int status, std::string_view location);

}  // namespace nexus::control
