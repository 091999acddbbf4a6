// A real (SQLite) database with its schema, a vault and a drainer, for services' tests.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>

#include "control_plane/cache/outbox_drainer.h"
#include "control_plane/json/json.h"
#include "control_plane/services/access/caller.h"
#include "control_plane/store/database.h"
#include "control_plane/vault/vault.h"
#include "tests/unit/control_plane/support/temp_dir.h"

namespace nexus::control {

/// A cache that remembers what was written, or is away.
class MemoryCache : public CacheWriter {
public:
    Result<WriteOutcome> write_token(const record::TokenRecord &record) override;
    Result<WriteOutcome> write_caller(const record::CallerRecord &record) override;
    Result<WriteOutcome> write_issuer(const record::IssuerRecord &) override {
        return WriteOutcome::kWritten;
    }
    Result<void> ping() override { return {}; }

    bool away = false;
    std::vector<record::CallerState> callers;
    std::vector<connection::State> tokens;
};

class ServiceTest : public testing::Test {
protected:
    ServiceTest();
    Clock clock() {
        return [this] { return now_.load(); };
    }
    static Caller admin();
    static json::Value parse(const std::string &text);

    test::TempDir dir_;
    std::atomic<UnixMs> now_ = 1'800'000'000'000;
    Vault vault_;
    MemoryCache cache_;
    std::unique_ptr<store::Database> database_;
    std::unique_ptr<OutboxDrainer> drainer_;
    RecordSource records_;  // what the drainer builds records with; set by the test
};

}  // namespace nexus::control
