// The store on either database: each case gets an empty, migrated one.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>

#include "control_plane/store/connection_repository.h"
#include "control_plane/store/database.h"
#include "control_plane/store/provider_repository.h"
#include "tests/unit/control_plane/support/postgres_server.h"
#include "tests/unit/control_plane/support/temp_dir.h"

namespace nexus::control::store {

/// The program's one PostgreSQL.
test::PostgresServer &postgres();

class StoreTest : public testing::TestWithParam<DatabaseKind> {
protected:
    StoreTest();

    DatabaseTarget target() const;
    std::unique_ptr<Database> open(DatabaseOptions options = {}, Metrics *metrics = nullptr) const;

    /// A provider and a connection to begin with. returns the connection
    Connection add_connection(const std::string &workspace = "ws", UnixMs created_at = 1000);
    Provider add_provider(const std::string &name);

    test::TempDir dir_;
    std::string schema_;
    std::unique_ptr<Database> database_;
};

std::string kind_name(const testing::TestParamInfo<DatabaseKind> &info);
Provider make_provider(const std::string &name);
Connection make_connection(const std::string &provider_id);

}  // namespace nexus::control::store

#define NEXUS_ON_BOTH_DATABASES(suite)                                                                      \
    INSTANTIATE_TEST_SUITE_P(Store, suite, testing::Values(DatabaseKind::kSqlite, DatabaseKind::kPostgres), \
                             kind_name)
