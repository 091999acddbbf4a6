// Parameters of a query string, for whoever answers by them: what is malformed is refused, and nothing is
// guessed (form.h is for those who sign what somebody else reads). nexusd and edges answer the same routes,
// so they read it the same way.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/result.h"

namespace nexus::encoding {

/// Names and values, in order.
using QueryParameters = std::vector<std::pair<std::string, std::string>>;

/// Names and values, decoded ("+" is a space); a name without "=" has the value "".
/// errors kInvalidRequest  bad escape, NUL, no UTF-8, more than 100
Result<QueryParameters> parse_query(std::string_view query);

/// The one value of a parameter; nullopt: it is not there. errors kInvalidRequest (given twice)
Result<std::optional<std::string>> one_parameter(const QueryParameters &parameters, std::string_view name);

}  // namespace nexus::encoding
