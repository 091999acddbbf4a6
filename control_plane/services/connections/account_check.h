// Reconnecting keeps the upstream account: whoever has a connection's link must not put another account
// behind its id. Told by the id_token's subject, and by the kept field that the profile names
// (oauth.account_field).
#pragma once

#include <optional>
#include <string>

#include "control_plane/oauth/profile.h"
#include "control_plane/store/connection_repository.h"
#include "shared/result.h"

namespace nexus::control {

/// connection  as the flow found it; a first connection has no account yet, and some flows allow another one
/// subject     of the verified id_token; "" = there was none
/// kept        fields of the callback and the token answer
/// errors      kConflict with detail "account": another one, or one that does not say who it is
Result<void> check_same_account(const store::Connection &connection, const OAuthProfile &profile,
                                const std::string &subject, const NamedTexts &kept);

/// What is stored of an account does not outlive it: takes out of `change`, which may bring another one's
/// credentials, what only the account before has said.
/// change  with the whole metadata; account_field  "" = the profile names none
void disown(store::ConnectionChange &change, const std::string &account_field, const NamedTexts &kept);

bool is_other_account(const Error &error) noexcept;

}  // namespace nexus::control
