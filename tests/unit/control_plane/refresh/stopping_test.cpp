// An engine that stops: what was sent has until its deadline, nothing else is sent, and no lease stays
// behind.
#include <latch>
#include <thread>

#include "control_plane/store/refresh_lanes.h"
#include "tests/unit/control_plane/refresh/engine_fixture.h"

namespace nexus::control {
namespace {

using namespace std::chrono_literals;
using test::kConnection;
using test::kForced;

class StoppingTest : public test::EngineTest {
protected:
    /// One whose provider takes requests and never answers.
    std::unique_ptr<RefreshEngine> silent_engine(RefreshOptions options = {}) {
        options.journal_folder = dir_.path();
        const Transport keep = [this](HttpRequest, const std::function<void(Result<HttpResponse>)> &,
                                      std::chrono::milliseconds) {
            if (++sent_ == 1) {
                first_.count_down();
            }
        };
        return std::make_unique<RefreshEngine>(*database_, vault_, *discovery_,
                                               TokenEndpoint(fetch(), clock()), keep, *drainer_, clock(),
                                               nullptr, options);
    }
    void expect_no_lease() {
        EXPECT_EQ(queued().lease_until, 0);
        EXPECT_EQ(queued().owner, "");
        EXPECT_EQ(row().state, connection::State::kActive);
    }

    std::atomic<int> sent_ = 0;
    std::latch first_{1};
};

TEST_F(StoppingTest, WhatWasSentIsNotSentAgain) {
    give_profile(R"({"refresh_token_use":"single_use","reuse_grace_s":1})");
    auto refresh = silent_engine();
    std::thread asker([&] { EXPECT_FALSE(refresh->refresh(kConnection, kForced)); });
    first_.wait();
    refresh->stop(0ms);
    asker.join();
    EXPECT_EQ(sent_, 1);
    expect_no_lease();
    EXPECT_EQ(queued().sent_at, now_) << "it may be used up";
    EXPECT_EQ(queued().due_at, now_) << "and is to be asked for again soon";

    EXPECT_TRUE(engine()->refresh(kConnection, kForced)) << "another process, at once";
    EXPECT_EQ(stored().refresh_token.view(), "r2");
}

TEST_F(StoppingTest, WhatWaitsForItsSlotIsNotSent) {
    give_profile(R"({"rate_limits":[{"requests":1,"window_s":1,"per":"client"}]})");
    const std::string provider = row().provider_id;
    ASSERT_TRUE(store::lanes::reserve(*database_, provider, 1, now_ * 1000, 1, 1'000'000));
    RefreshOptions options;
    options.slot_wait_ms = 5000;
    auto refresh = silent_engine(options);
    std::thread asker([&] { EXPECT_FALSE(refresh->refresh(kConnection, kForced)); });
    while (queued().lease_until == 0) {
        std::this_thread::sleep_for(1ms);
    }
    refresh->stop(0ms);
    asker.join();
    EXPECT_EQ(sent_, 0);
    expect_no_lease();
    EXPECT_EQ(queued().sent_at, 0);
}

TEST_F(StoppingTest, NothingIsClaimedAfterwards) {
    const int64_t before = queued().epoch;
    auto refresh = silent_engine();
    refresh->stop(0ms);
    EXPECT_EQ(refresh->refresh(kConnection, kForced).error().errc, Errc::kTokenUnavailable);
    EXPECT_EQ(queued().epoch, before);
    expect_no_lease();
}

}  // namespace
}  // namespace nexus::control
