// Credentials that are no secrets: a record keeps them beside the secrets, and a provider's answers rightly
// repeat them.
#pragma once

#include <string_view>

#include "shared/record/token_record.h"

namespace nexus::strategy {

/// Is the credential of that name nothing but a name? token_type and scope of every record; aws_sigv4's
/// access_key, oauth1's consumer_key, basic_auth's user name; and of a `header` with several lines what is
/// called like an account's or a client's name (email, username, client_id, ...), if another line carries
/// something else.
bool is_public_field(const record::TokenView &record, std::string_view field);

}  // namespace nexus::strategy
