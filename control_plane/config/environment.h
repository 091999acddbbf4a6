// The process's environment, beyond the variables that config.h reads.
#pragma once

namespace nexus::control {

/// Takes libpq's own variables away (PGHOSTADDR, PGSSLMODE, PGSERVICE, ...): DATABASE_URL and DB_* say
/// everything. Before there are threads.
void forget_libpq_environment();

}  // namespace nexus::control
