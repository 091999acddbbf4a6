// Commands and timer of a turn.
#include "ngx_module/lookup/ask_turn.h"

#include <charconv>

#include "ngx_module/cache/zone.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/record/kind.h"
#include "shared/redis/keys.h"
#include "shared/redis/lifetime.h"

namespace nexus::edge {
namespace {

// A holder that dies is waited for that long; another worker of its nginx takes over sooner than that.
constexpr ngx_msec_t kRenewMs = 150;
constexpr std::string_view kLeaseMs = "500";
// Not renewed and not ended: whoever tries early and in vain keeps the others from trying for so long.
constexpr std::string_view kEarlyLeaseMs = "10000";

void put_hex(char *to, uint64_t number) noexcept {
    constexpr char kDigits[] = "0123456789abcdef";
    for (int i = 15; i >= 0; --i, number >>= 4) {
        to[i] = kDigits[number & 15];
    }
}

}  // namespace

AskTurn::AskTurn(redis::Client *redis, ngx_log_t *log, nexus::redis::Turn turn, record::Kind kind,
                 std::string_view id)
    : redis_(redis),
      log_(log),
      turn_(turn),
      kind_(kind),
      id_(id),
      lock_key_(nexus::redis::turn_key(turn, id)),
      renew_timer_(log, this, [](void *self) noexcept { static_cast<AskTurn *>(self)->renew(); }) {
    renew_timer_.set_cancelable(true);
    command_.data = this;
    command_.on_reply = [](redis::Command *command, const redis::Answer &answer) noexcept {
        static_cast<AskTurn *>(command->data)->on_reply(answer);
    };
}

AskTurn::~AskTurn() {
    if (redis_ != nullptr) {
        redis_->cancel(&command_);
    }
}

bool AskTurn::send_take() noexcept {
    const std::string_view lease = turn_ == nexus::redis::Turn::kEarly ? kEarlyLeaseMs : kLeaseMs;
    const std::string_view arguments[] = {"EVAL",    nexus::redis::kTakeTurnScript,  "1",
                                          lock_key_, {token_.data(), token_.size()}, lease};
    return redis_->send(lock_key_, arguments, &command_);
}

bool AskTurn::take(const cache::FlightToken &token) noexcept {
    if (redis_ == nullptr) {
        return false;
    }
    put_hex(token_.data(), token.high);
    put_hex(token_.data() + 16, token.low);
    redis_->cancel(&command_);
    state_ = send_take() ? State::kWanted : State::kUnknown;
    return state_ == State::kWanted;
}

void AskTurn::on_reply(const redis::Answer &answer) noexcept {
    if (answer.status != redis::ReplyStatus::kInteger) {
        // A renewal without an answer: the lease may last, and if not, another edge asks as well.
        state_ = state_ == State::kOurs ? State::kOurs : State::kUnknown;
    } else {
        state_ = answer.integer == 1 ? State::kOurs : State::kAnothers;
    }
    if (state_ == State::kOurs && turn_ != nexus::redis::Turn::kEarly) {
        renew_timer_.arm(kRenewMs);
    }
}

void AskTurn::renew() noexcept {
    if (state_ == State::kOurs && !send_take()) {
        renew_timer_.arm(kRenewMs);
    }
}

void AskTurn::end(std::string_view sealed, const record::Header &header) noexcept {
    renew_timer_.disarm();
    const bool may_be_ours = state_ == State::kOurs || state_ == State::kWanted;
    state_ = State::kNone;
    if (redis_ == nullptr) {
        return;
    }
    redis_->cancel(&command_);
    if (!may_be_ours || turn_ == nexus::redis::Turn::kEarly) {
        return;
    }

    guarded_event(log_, "the end of a turn", [&] {
        const int64_t lifetime =
            sealed.empty() ? 0 : nexus::redis::record_lifetime_ms(header, cache::wall_ms());
        const nexus::redis::EventKind kind = event_kind_of(kind_);
        const std::string record_key = record::redis_key(kind_, id_);
        const std::string generation = std::to_string(header.generation);
        const std::string lifetime_ms = std::to_string(lifetime);
        const std::string news = nexus::redis::to_json({kind, id_, header.generation});
        const std::string no_news = nexus::redis::to_json({kind, id_, 0});
        const std::string_view arguments[] = {"EVAL",
                                              nexus::redis::end_turn_script(),
                                              "2",
                                              record_key,
                                              lock_key_,
                                              generation,
                                              lifetime > 0 ? sealed : std::string_view(),
                                              lifetime_ms,
                                              news,
                                              nexus::redis::kEventChannel,
                                              {token_.data(), token_.size()},
                                              no_news};
        redis_->send(record_key, arguments, nullptr);
    });
}

}  // namespace nexus::edge
