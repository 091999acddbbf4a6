// What strategies have in common: reading a record's config and credentials, and refusing what could break
// out of its place in a request. No message repeats a value.
#pragma once

#include <string>
#include <string_view>

#include "shared/record/token_record.h"
#include "shared/result.h"

namespace nexus::strategy {

[[gnu::cold]] tl::unexpected<Error> failed(std::string message, std::string_view detail = {});

std::string_view config_or(const record::TokenView &record, std::string_view name,
                           std::string_view otherwise);

/// The named credential, present and without control characters. errors kStrategyFailed
Result<std::string_view> credential(const record::TokenView &record, std::string_view field);

/// Can a line of that name carry a credential or a signature? Not if it frames the request. errors
/// kStrategyFailed
Result<void> check_header_name(std::string_view name);

}  // namespace nexus::strategy
