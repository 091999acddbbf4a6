// Refusals of strangers: audited, in bounds.
#include "control_plane/services/audit/refusal_audit.h"

#include "control_plane/store/audit_repository.h"
#include "tests/unit/control_plane/services/fixture.h"

namespace nexus::control {
namespace {

class RefusalAuditTest : public ServiceTest {
protected:
    void refuse(const std::string &ip, const char *error = "invalid_api_key") {
        Caller caller;
        caller.ip_address = ip;
        refusals_->note(caller.event(audit::kAccessRefused, "error", error));
    }
    std::vector<std::string> written() {
        refusals_.reset();
        queue_.stop();
        std::vector<std::string> out;
        const auto rows = store::audit_log::list(*database_, {}, 1000);
        for (const audit::StoredEvent &row : *rows) {
            out.push_back(row.event.data);
        }
        return out;
    }

    AuditQueue queue_{*database_, clock(), nullptr};
    std::unique_ptr<RefusalAudit> refusals_ = std::make_unique<RefusalAudit>(queue_, clock(), nullptr);
};

TEST_F(RefusalAuditTest, TheSameThingOnceAMinute) {
    refuse("192.0.2.1");
    refuse("192.0.2.1");
    refuse("192.0.2.1", "access_denied");
    now_ += RefusalAudit::kWindowMs;
    refuse("192.0.2.1");
    const auto rows = written();
    EXPECT_EQ(rows.size(), 4u);
    EXPECT_EQ(std::count(rows.begin(), rows.end(), R"({"suppressed":1})"), 1);
}

TEST_F(RefusalAuditTest, AFloodIsCounted) {
    for (size_t i = 0; i < RefusalAudit::kPerWindow + 500; ++i) {
        refuse("10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256));
    }
    const auto rows = written();
    EXPECT_EQ(rows.size(), RefusalAudit::kPerWindow + 1);
    EXPECT_EQ(std::count(rows.begin(), rows.end(), R"({"suppressed":500})"), 1);
}

}  // namespace
}  // namespace nexus::control
