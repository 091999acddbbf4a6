// When a server that is connected is not asked any more, and when it is asked again. Time-outs are counted
// here; who sends the probe, and when, is node.h's business.
#pragma once

#include <algorithm>

namespace nexus::edge::redis {

/// Closed: commands are sent. Open: they are refused at once, and only a probe is sent now and then; one that
/// is answered in time closes the breaker. A probe says little about commands: until one of these is answered
/// in time too, a single time-out opens it again, for longer.
class Breaker {
public:
    static constexpr int kTimeoutsToOpen = 3;  // in a row
    static constexpr unsigned kMinPauseMs = 100;
    static constexpr unsigned kMaxPauseMs = 500;

    bool is_open() const noexcept { return open_; }
    /// Before the next probe.
    unsigned pause_ms() const noexcept { return pause_ms_; }

    /// A command had no reply in its time. returns true if that opens the breaker
    bool on_timeout() noexcept {
        ++timeouts_in_a_row_;
        return timeouts_in_a_row_ >= kTimeoutsToOpen && open();
    }

    /// The reply that is due comes so late that each further command would only wait for its own time-out.
    /// returns true if that opens the breaker
    bool open() noexcept {
        if (open_) {
            return false;
        }
        open_ = true;
        pause_ms_ = pause_ms_ == 0 ? kMinPauseMs : std::min(pause_ms_ * 2, kMaxPauseMs);
        return true;
    }

    void on_reply_in_time() noexcept {
        timeouts_in_a_row_ = 0;
        pause_ms_ = open_ ? pause_ms_ : 0;
    }

    void on_probe_in_time() noexcept {
        open_ = false;
        timeouts_in_a_row_ = kTimeoutsToOpen - 1;
    }

    /// There is a new connection.
    void reset() noexcept { *this = {}; }

private:
    bool open_ = false;
    int timeouts_in_a_row_ = 0;
    unsigned pause_ms_ = 0;
};

}  // namespace nexus::edge::redis
