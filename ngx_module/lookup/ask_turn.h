// The turn to ask the control plane about one record, among all edges that share a Redis
// (shared/redis/ask_turn.h): taking it, keeping it while the question is under way, ending it. What to do
// without it is fetch.cpp's business.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "ngx_module/cache/layout.h"
#include "ngx_module/ngx/event.h"
#include "ngx_module/redis/client.h"
#include "shared/record/envelope.h"
#include "shared/redis/ask_turn.h"

namespace nexus::edge {

class AskTurn {
public:
    enum class State : uint8_t {
        kNone,    // not asked for
        kWanted,  // Redis has not answered yet
        kOurs,
        kAnothers,
        kUnknown,  // Redis did not answer: everybody asks
    };

    /// redis: nullptr if there is none. The strings are kept.
    AskTurn(redis::Client *redis, ngx_log_t *log, nexus::redis::Turn turn, record::Kind kind,
            std::string_view id);
    ~AskTurn();
    AskTurn(const AskTurn &) = delete;
    AskTurn &operator=(const AskTurn &) = delete;

    /// Sends the command that takes the turn; what is sent after it is answered after it. `token`: who we
    /// are. false: Redis cannot be asked now
    bool take(const cache::FlightToken &token) noexcept;

    State state() const noexcept { return state_; }

    /// Ends it, if it is ours or may be. `sealed`: the record that was brought, "" if none; with its header.
    void end(std::string_view sealed, const record::Header &header) noexcept;
    void end() noexcept { end({}, {}); }

private:
    void on_reply(const redis::Answer &answer) noexcept;
    void renew() noexcept;
    bool send_take() noexcept;

    redis::Client *redis_;
    ngx_log_t *log_;
    const nexus::redis::Turn turn_;
    const record::Kind kind_;
    const std::string id_;
    const std::string lock_key_;
    std::array<char, 32> token_{};  // hexadecimal digits
    State state_ = State::kNone;
    redis::Command command_;
    Event renew_timer_;
};

}  // namespace nexus::edge
