// What was wrong with a text, for callers that must tell one problem from the others.
#pragma once

#include "shared/result.h"

namespace nexus::control::json {

/// Does this error of `parse` say that an object has a member twice?
bool is_duplicate_member(const Error &error) noexcept;

}  // namespace nexus::control::json
