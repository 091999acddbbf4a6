// When keys were last used: off the request path, only forward, bounded.
#include "control_plane/services/access/last_used.h"

#include "control_plane/services/access/control_key_service.h"
#include "tests/unit/control_plane/services/fixture.h"

namespace nexus::control {
namespace {

class LastUsedTest : public ServiceTest {
protected:
    LastUsedTest() : keys_(*database_, clock()) {}
    std::string make_key() { return keys_.create(admin(), {"k", {"edge"}, "", 0})->key.key_id; }
    UnixMs used_at(const std::string &key_id) { return keys_.get(admin(), key_id)->last_used_at; }
    LastUsedOptions options(size_t capacity = 100) { return {capacity, std::chrono::hours{1}}; }
    ControlKeyService keys_;
};

TEST_F(LastUsedTest, IsWrittenInARoundAndOnlyForward) {
    const std::string key = make_key();
    const std::string other = make_key();
    LastUsed last_used(*database_, clock(), options());
    last_used.note(store::KeyTable::kControlKeys, key);
    EXPECT_EQ(used_at(key), 0) << "not yet";
    last_used.flush();
    const UnixMs first = now_;
    EXPECT_EQ(used_at(key), first);
    EXPECT_EQ(used_at(other), 0);
    now_ += 5000;
    last_used.note(store::KeyTable::kControlKeys, key);
    now_ -= 9000;  // a clock that steps back
    last_used.note(store::KeyTable::kControlKeys, key);
    last_used.flush();
    EXPECT_EQ(used_at(key), first + 5000);
    ASSERT_TRUE(store::last_used::write(*database_, store::KeyTable::kControlKeys, {{key, first}}));
    EXPECT_EQ(used_at(key), first + 5000) << "another process is behind";
}

TEST_F(LastUsedTest, WritesManyAndForgetsBeyondItsCapacity) {
    std::vector<std::pair<std::string, UnixMs>> uses;
    for (size_t i = 0; i < store::last_used::kMaxBatch; ++i) {
        uses.emplace_back(std::to_string(i), now_.load());
    }
    const std::string key = make_key();
    uses.back().first = key;
    ASSERT_TRUE(store::last_used::write(*database_, store::KeyTable::kControlKeys, uses));
    EXPECT_EQ(used_at(key), now_);
    const std::string last = make_key();
    {
        LastUsed last_used(*database_, clock(), options());
        last_used.note(store::KeyTable::kControlKeys, last);
    }
    EXPECT_EQ(used_at(last), now_) << "the end writes what is there";
}

}  // namespace
}  // namespace nexus::control
