// Audit events of reads: batched, and never lost in silence.
#include "control_plane/services/audit/audit_queue.h"

#include "control_plane/store/audit_repository.h"
#include "tests/unit/control_plane/services/fixture.h"

namespace nexus::control {
namespace {

class AuditQueueTest : public ServiceTest {
protected:
    audit::Event event() { return admin().event(audit::kTokenRetrieved); }
    size_t rows() { return store::audit_log::list(*database_, {}, 1000)->size(); }
};

TEST_F(AuditQueueTest, StopWritesWhatIsThere) {
    AuditQueueOptions options;
    options.interval = std::chrono::hours{1};
    AuditQueue queue(*database_, clock(), nullptr, options);
    for (int i = 0; i < 25; ++i) {
        queue.push(event());
    }
    queue.stop();
    EXPECT_EQ(rows(), 25u);
    EXPECT_TRUE(store::audit_log::verify(*database_)->intact);
}

TEST_F(AuditQueueTest, AFullQueueMakesTheCallerWrite) {
    AuditQueueOptions options;
    options.interval = std::chrono::hours{1};
    options.capacity = 2;
    AuditQueue queue(*database_, clock(), nullptr, options);
    for (int i = 0; i < 5; ++i) {
        queue.push(event());
    }
    EXPECT_EQ(rows(), 3u);
    queue.stop();
    EXPECT_EQ(rows(), 5u);
    queue.push(event());
    EXPECT_EQ(rows(), 6u) << "after the end, too";
}

}  // namespace
}  // namespace nexus::control
