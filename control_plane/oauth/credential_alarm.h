// A box of the vault that is not believed is no everyday failure: somebody has been at the database, or a key
// is missing. It is named in the log, counted, and audited by who asked.
#pragma once

#include <string_view>

#include "shared/result.h"

namespace nexus::control {

class Metrics;

/// rolled_back, seal_broken, unknown_key or unreadable; "" for an error that is not about a box.
std::string_view refusal_reason(const Error &error) noexcept;
/// Logs `credential_rolled_back` or `credential_refused` and counts it; nothing for other errors.
void report_refused(const Error &error, std::string_view connection_id, Metrics *metrics);

}  // namespace nexus::control
