#include "control_plane/store/audit_repository.h"

#include <thread>

#include "control_plane/audit/chain.h"
#include "tests/unit/control_plane/store/fixture.h"

namespace nexus::control::store {
namespace {

class AuditTest : public StoreTest {
protected:
    void append(int count) {
        for (int i = 0; i < count; ++i) {
            ASSERT_TRUE(audit_log::append(
                *database_, {"token_retrieved", "ws", "c1", "p1", "agent:a", "", "", ""}, 1000 + i));
        }
    }
    void tamper(const std::string &sql) { ASSERT_TRUE(database_->execute(sql)) << sql; }
    AuditVerdict verdict() { return *audit_log::verify(*database_); }
    /// From here on rows are keyed, as services/audit_key does it.
    void give_key(char fill = 'k') {
        database_->set_audit_chain(std::make_shared<audit::Chain>(Secret{std::string(32, fill)}));
        ASSERT_TRUE(database_->transact([](Transaction &sql) {
            return audit_log::begin_chain(sql, {"audit.key_created", "", "", "", "system", "", "", ""}, 500);
        }));
    }
};
NEXUS_ON_BOTH_DATABASES(AuditTest);

TEST_P(AuditTest, AnUntouchedChainIsIntact) {
    EXPECT_TRUE(verdict().intact);
    append(5);
    EXPECT_TRUE(verdict().intact);
    EXPECT_EQ(verdict().rows, 5);
}

TEST_P(AuditTest, ManyAtOnceStandInTheirOrder) {
    append(2);
    std::vector<audit_log::Pending> events;
    for (int i = 0; i < 137; ++i) {
        events.push_back(
            {{"token_retrieved", "ws", "c" + std::to_string(i), "p1", "agent:a", "", "", ""}, 2000 + i});
    }
    ASSERT_TRUE(database_->transact([&](Transaction &sql) { return audit_log::append_all(sql, events); }));
    ASSERT_TRUE(database_->transact([&](Transaction &sql) { return audit_log::append_all(sql, {}); }));
    append(1);
    EXPECT_TRUE(verdict().intact);
    EXPECT_EQ(verdict().rows, 140);
    const auto listed = audit_log::list(*database_, {}, 1000);
    ASSERT_TRUE(listed);
    for (int i = 0; i < 137; ++i) {
        EXPECT_EQ((*listed)[static_cast<size_t>(137 - i)].event.connection_id, "c" + std::to_string(i));
        EXPECT_EQ((*listed)[static_cast<size_t>(137 - i)].created_at, 2000 + i);
    }
    tamper("UPDATE audit_events SET actor = 'nobody' WHERE sequence = 77");
    EXPECT_EQ(verdict().first_bad_sequence, 77);
}

TEST_P(AuditTest, AChangedRowShows) {
    append(5);
    tamper("UPDATE audit_events SET actor = 'nobody' WHERE sequence = 3");
    EXPECT_FALSE(verdict().intact);
    EXPECT_EQ(verdict().first_bad_sequence, 3);
}

TEST_P(AuditTest, ARemovedRowShows) {
    append(5);
    tamper("DELETE FROM audit_events WHERE sequence = 3");
    EXPECT_EQ(verdict().first_bad_sequence, 3);
}

TEST_P(AuditTest, ARemovedEndShows) {
    append(5);
    tamper("DELETE FROM audit_events WHERE sequence > 3");
    EXPECT_EQ(verdict().first_bad_sequence, 4);
    tamper("UPDATE audit_head SET sequence = 3");  // and its head put back, but not its hash
    EXPECT_FALSE(verdict().intact);
}

TEST_P(AuditTest, SwappedRowsShow) {
    append(5);
    tamper("UPDATE audit_events SET sequence = 99 WHERE sequence = 2");
    tamper("UPDATE audit_events SET sequence = 2 WHERE sequence = 3");
    tamper("UPDATE audit_events SET sequence = 3 WHERE sequence = 99");
    EXPECT_EQ(verdict().first_bad_sequence, 2);
}

TEST_P(AuditTest, AHashThatIsNoneShows) {
    append(2);
    tamper("UPDATE audit_events SET hash = 'zz' WHERE sequence = 2");
    EXPECT_EQ(verdict().first_bad_sequence, 2);
}

TEST_P(AuditTest, RivalsMakeOneChain) {
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] { append(10); });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    EXPECT_TRUE(verdict().intact);
    EXPECT_EQ(verdict().rows, 40);
}

TEST_P(AuditTest, AKeyHoldsWhatWasThereBefore) {
    append(3);
    give_key();
    append(3);
    EXPECT_TRUE(verdict().intact) << verdict().problem;
    EXPECT_EQ(verdict().rows, 7);
    EXPECT_EQ(audit_log::verify_stretch(*database_, 0, 100)->unkeyed, 3);

    database_->set_audit_chain(nullptr);  // a program that has not loaded the key
    EXPECT_EQ(audit_log::append(*database_, {"x", "", "", "", "", "", "", ""}, 1).error().errc,
              Errc::kInternal);
    EXPECT_FALSE(verdict().intact);
    database_->set_audit_chain(std::make_shared<audit::Chain>(Secret{std::string(32, 'z')}));
    EXPECT_FALSE(verdict().intact) << "another key";
}

TEST_P(AuditTest, WithAKeyTheEndCannotBeCutOff) {
    give_key();
    append(5);
    tamper("DELETE FROM audit_events WHERE sequence > 3");
    tamper("UPDATE audit_head SET sequence = 3, hash = (SELECT hash FROM audit_events WHERE sequence = 3)");
    EXPECT_EQ(verdict().first_bad_sequence, 3);
    append(1);  // goes on, and says so
    EXPECT_EQ(verdict().first_bad_sequence, 4);
    EXPECT_EQ(audit_log::list(*database_, {}, 2)->back().event.type, audit::kAuditChainBroken);
    EXPECT_TRUE(audit_log::verify_stretch(*database_, 4, 100)->verdict.intact);
}

TEST_P(AuditTest, AnOlderHeadThatWasGoodOnceShowsWhileAnyoneRemembers) {
    give_key();
    append(2);
    tamper("CREATE TABLE kept AS SELECT * FROM audit_head");
    append(2);
    tamper("DELETE FROM audit_events WHERE sequence > 3");
    tamper("DELETE FROM audit_head");
    tamper("INSERT INTO audit_head SELECT * FROM kept");
    EXPECT_FALSE(verdict().intact);
    append(1);
    EXPECT_EQ(verdict().first_bad_sequence, 4);
}

TEST_P(AuditTest, StretchesJoin) {
    give_key();
    append(9);
    Result<AuditStretch> first = audit_log::verify_stretch(*database_, 0, 4);
    EXPECT_EQ(first->through, 4);
    EXPECT_EQ(first->head, 10);
    EXPECT_EQ(audit_log::verify_stretch(*database_, 4, 4)->through, 8);
    EXPECT_EQ(audit_log::verify_stretch(*database_, 8, 4)->through, 10);
    EXPECT_TRUE(audit_log::verify_stretch(*database_, 999, 4)->verdict.intact);
    tamper("DELETE FROM audit_events WHERE sequence = 4");
    EXPECT_EQ(audit_log::verify_stretch(*database_, 4, 4)->verdict.first_bad_sequence, 4);
}

TEST_P(AuditTest, OldRowsGoAndTheChainHolds) {
    give_key();
    append(10);  // rows 2 to 11, at 1000 to 1009
    EXPECT_EQ(*audit_log::trim(*database_, 1004, 3, 9000), 3);
    EXPECT_EQ(*audit_log::trim(*database_, 1004, 1000, 9000), 2);
    EXPECT_EQ(*audit_log::trim(*database_, 1004, 1000, 9000), 0);
    EXPECT_TRUE(verdict().intact) << verdict().problem;
    EXPECT_EQ(audit_log::verify_stretch(*database_, 0, 100)->first_sequence, 6);
    const auto rows = *audit_log::list(*database_, {}, 1000);
    EXPECT_EQ(rows.back().sequence, 6);
    EXPECT_EQ(rows.front().event.data, R"({"through":5,"rows":2})");
    append(1);
    EXPECT_TRUE(verdict().intact);

    tamper("DELETE FROM audit_events WHERE sequence = 6");
    EXPECT_EQ(verdict().first_bad_sequence, 6);
    EXPECT_EQ(*audit_log::trim(*database_, 1008, 1000, 9000), 0) << "a chain with a hole stays as it is";
    tamper(
        "UPDATE audit_head SET first_sequence = 7, anchor = (SELECT previous_hash FROM audit_events WHERE "
        "sequence = 7)");
    EXPECT_FALSE(verdict().intact) << "only we may move the beginning";
}

TEST_P(AuditTest, NothingChangedIsTrimmedAway) {
    give_key();
    append(10);  // rows 2 to 11, at 1000 to 1009
    tamper("UPDATE audit_events SET created_at = 1 WHERE sequence BETWEEN 4 AND 10");
    EXPECT_EQ(*audit_log::trim(*database_, 1002, 1000, 9000), 2)
        << "rows 1 and 2; 3 may have been changed, too";
    EXPECT_EQ(*audit_log::trim(*database_, 1002, 1000, 9000), 0);
    EXPECT_EQ(verdict().first_bad_sequence, 4);
}

TEST_P(AuditTest, TheNewestRowIsNeverTrimmed) {
    append(3);
    EXPECT_EQ(*audit_log::trim(*database_, 999999, 1000, 9000), 2);
    EXPECT_TRUE(verdict().intact);
    EXPECT_EQ(audit_log::list(*database_, {}, 10)->size(), 2u);
}

TEST_P(AuditTest, AStretchTellsOfTokenVersions) {
    for (const char *data : {R"({"token_version":3})", R"({"x":1,"token_version":2})", "{}"}) {
        ASSERT_TRUE(audit_log::append(*database_, {"token.refreshed", "", "c1", "", "", "", "", data}, 1));
    }
    const auto versions = audit_log::verify_stretch(*database_, 0, 10)->token_versions;
    EXPECT_EQ(versions, (std::map<std::string, int64_t>{{"c1", 3}}));
}

TEST_P(AuditTest, AListIsFilteredAndNewestFirst) {
    append(3);
    ASSERT_TRUE(audit_log::append(*database_, {"oauth_error", "", "c2", "", "", "", "", ""}, 5000));
    AuditFilter filter;
    EXPECT_EQ(audit_log::list(*database_, filter, 2)->front().sequence, 4);
    filter.event_type = "token_retrieved";
    EXPECT_EQ(audit_log::list(*database_, filter, 10)->size(), 3u);
    filter.since = 1001;
    EXPECT_EQ(audit_log::list(*database_, filter, 10)->size(), 2u);
    filter.before_sequence = 3;
    EXPECT_EQ(audit_log::list(*database_, filter, 10)->size(), 1u);
    filter.connection_id = "c2";
    EXPECT_TRUE(audit_log::list(*database_, filter, 10)->empty());
    const auto count = [&](auto set) {
        AuditFilter one;
        set(one);
        return audit_log::list(*database_, one, 10)->size();
    };
    EXPECT_EQ(count([](AuditFilter &f) { f.workspace_id = "ws"; }), 3u);
    EXPECT_EQ(count([](AuditFilter &f) { f.provider_id = "p1"; }), 3u);
    EXPECT_EQ(count([](AuditFilter &f) { f.actor = "agent:a"; }), 3u);
    EXPECT_EQ(count([](AuditFilter &f) { f.actor = "agent:b"; }), 0u);
    EXPECT_EQ(count([](AuditFilter &f) { f.until = 1002; }), 2u);
    EXPECT_EQ(count([](AuditFilter &f) { f.since = 1002, f.until = 5000; }), 1u);
}

}  // namespace
}  // namespace nexus::control::store
