#include "control_plane/store/audit_repository.h"

#include <thread>

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
}

}  // namespace
}  // namespace nexus::control::store
