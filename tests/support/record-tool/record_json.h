// Records as JSON: members are named as the fields of TokenRecord, CallerRecord and IssuerRecord, times are
// Unix milliseconds, states and grants go by their names, strategy_config, credentials and aliases are objects. Absent
// members are empty.
#pragma once

#include <jansson.h>

#include "shared/record/caller_record.h"
#include "shared/record/issuer_record.h"
#include "shared/record/token_record.h"
#include "tests/support/record-tool/json_object.h"

namespace nexus::tests {

/// errors kInvalidRequest: wrong type, unknown member, state or grant
Result<record::TokenRecord> token_from_json(const json_t *object);
Result<record::CallerRecord> caller_from_json(const json_t *object);
Result<record::IssuerRecord> issuer_from_json(const json_t *object);

JsonPtr to_json(const record::TokenView &record);
JsonPtr to_json(const record::IssuerRecord &record);
/// A view does not hold what only the header says.
JsonPtr to_json(const record::Header &header, const record::CallerView &record);

}  // namespace nexus::tests
