#include "control_plane/audit/event.h"

#include <gtest/gtest.h>
#include <functional>

#include "shared/encoding/hex.h"
#include "tests/unit/control_plane/audit/sample.h"

namespace nexus::control::audit {
namespace {

TEST(ChainHash, IsStable) {
    // Rows that exist must verify for ever: this value may not change.
    EXPECT_EQ(encoding::hex_encode(crypto::as_view(chain_hash(sample()))),
              "d107f68e53101b369d00f31ae9a13c04d4892edb61c925f554d4c63f2d9284a0");
}

TEST(ChainHash, CoversEveryField) {
    const crypto::Sha256 hash = chain_hash(sample());
    const std::function<void(StoredEvent &)> edits[] = {
        [](StoredEvent &row) { row.sequence = 4; },
        [](StoredEvent &row) { row.id.back() = '0'; },
        [](StoredEvent &row) { row.created_at += 1; },
        [](StoredEvent &row) { row.event.type = "x"; },
        [](StoredEvent &row) { row.event.workspace_id = "x"; },
        [](StoredEvent &row) { row.event.connection_id = "x"; },
        [](StoredEvent &row) { row.event.provider_id = "x"; },
        [](StoredEvent &row) { row.event.actor = "x"; },
        [](StoredEvent &row) { row.event.ip_address = "x"; },
        [](StoredEvent &row) { row.event.user_agent = "x"; },
        [](StoredEvent &row) { row.event.data = "[]"; },
        [](StoredEvent &row) { row.previous_hash.front() = 1; },
        [](StoredEvent &row) {  // a byte that wanders over the border of two fields
            row.event.workspace_id = "wsc";
            row.event.connection_id = "1";
        },
    };
    for (const auto &edit : edits) {
        StoredEvent row = sample();
        edit(row);
        EXPECT_NE(chain_hash(row), hash);
    }
}

TEST(Bounded, HoldsUtf8Only) {
    Event event = sample().event;
    event.user_agent = "curl\xff";  // PostgreSQL would refuse the row, and with it what else is written
    EXPECT_EQ(bounded(event).user_agent, "curl\xef\xbf\xbd");
}

TEST(Bounded, CutsAtCharacterBorders) {
    Event event = sample().event;
    event.user_agent.assign(kMaxFieldBytes - 1, 'a').append("\xc3\xa9");
    event.actor = std::string("a\0b", 3);
    event.data = std::string(kMaxDataBytes + 1, 'x');
    const Event cut = bounded(event);
    EXPECT_EQ(cut.user_agent, std::string(kMaxFieldBytes - 1, 'a'));
    EXPECT_EQ(cut.actor, "ab");
    EXPECT_EQ(cut.data, R"({"cut":true})");
    event.data.clear();
    EXPECT_EQ(bounded(event).data, "{}");
}

}  // namespace
}  // namespace nexus::control::audit
