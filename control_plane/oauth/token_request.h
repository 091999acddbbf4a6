// One request to a provider's token endpoint, put together as its profile wants it: client authentication,
// constants, renamed parameters, headers, form, JSON or query.
#pragma once

#include <string>
#include <vector>

#include "control_plane/http/http_client.h"
#include "control_plane/oauth/client.h"
#include "shared/clock.h"

namespace nexus::control {

/// fields     of the grant; constants (templates) replace those of the same name
/// errors     kMissingFields (a variable that is not known), kInvalidRequest, kInvalidKey, kCryptoFailure
Result<HttpRequest> token_request(const OAuthClient &client, const std::string &url,
                                  std::vector<FormField> fields, const NamedTexts &constants, UnixMs now);

/// The same for a provider's other endpoints (pushed requests, device codes): a form, as the standard has it.
/// fields  without client_id where the client authenticates by a form
Result<HttpRequest> endpoint_request(const OAuthClient &client, const std::string &url,
                                     std::vector<FormField> fields, UnixMs now);

/// The chain's own request: its params and nothing else; {access_token}, {refresh_token} and {client_secret}
/// may stand in them.
Result<HttpRequest> chain_request(const OAuthClient &client, const TokenChain &chain,
                                  const Secret &access_token, const Secret &refresh_token);

FormField form_field(std::string name, std::string_view value);
std::vector<FormField> clone_fields(const std::vector<FormField> &fields);

}  // namespace nexus::control
