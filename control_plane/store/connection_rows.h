// How a connection looks as a row; shared by the files that implement ConnectionRepository.
#pragma once

#include "control_plane/store/connection_repository.h"

#define NEXUS_CONNECTION_COLUMNS                                                                          \
    "id, workspace_id, user_id, provider_id, state, generation, scopes, return_url, flow_id, "            \
    "flow_expires_at, "                                                                                   \
    "code_verifier_box, nonce, flow_scopes, account_subject, attention_reason, expires_at, refreshable, " \
    "last_refreshed_at, created_at, updated_at, "      \
    "labels, metadata, variables, flow_variables, flow_allows_other_account, code_verifier_key_id, "      \
    "token_version, deleted_at, request_rules"
#define NEXUS_SELECT_CONNECTION "SELECT " NEXUS_CONNECTION_COLUMNS " FROM connections "

namespace nexus::control::store {

Result<Connection> read_connection(const Row &row);
tl::unexpected<Error> connection_not_found();

}  // namespace nexus::control::store
