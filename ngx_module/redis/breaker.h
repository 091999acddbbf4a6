// When a server that is connected is not asked any more, and when it is asked again. Time-outs are counted
// here; who sends the probe, and when, is node.h's business.
#pragma once

namespace nexus::edge::redis {

/// Closed: commands are sent. Open: they are refused at once, and only a probe is sent now and then; one that
/// is answered in time closes the breaker.
class Breaker {
public:
    static constexpr int kTimeoutsToOpen = 3;  // in a row

    bool is_open() const noexcept { return open_; }

    /// A command had no reply in its time. returns true if that opens the breaker
    bool on_timeout() noexcept {
        ++timeouts_in_a_row_;
        return timeouts_in_a_row_ >= kTimeoutsToOpen && open();
    }

    /// The reply that is due comes so late that each further command would only wait for its own time-out.
    /// returns true if that opens the breaker
    bool open() noexcept {
        const bool opens = !open_;
        open_ = true;
        return opens;
    }

    void on_reply_in_time() noexcept { timeouts_in_a_row_ = 0; }

    /// A probe was answered in time, or there is a new connection.
    void close() noexcept {
        open_ = false;
        timeouts_in_a_row_ = 0;
    }

private:
    bool open_ = false;
    int timeouts_in_a_row_ = 0;
};

}  // namespace nexus::edge::redis
