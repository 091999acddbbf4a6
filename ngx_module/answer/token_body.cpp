// Members, their order, and what gives way to what.
#include "ngx_module/answer/token_body.h"

#include <chrono>

#include "shared/connection/state.h"
#include "shared/encoding/utf8.h"

namespace nexus::edge {

namespace {

constexpr std::string_view kRefreshToken = "refresh_token";

/// A token's expiry as its bodies show it, as often as they show it: RFC 3339, UTC, whole seconds
/// (2026-11-23T02:00:00Z); null where the calendar ends; or no member at all.
class Expiry {
public:
    explicit Expiry(UnixMs at) : at_(at) {
        if (!is_shown()) {
            return;
        }
        using namespace std::chrono;
        const auto time = floor<seconds>(sys_time<milliseconds>{milliseconds{at}});
        const auto day = floor<days>(time);
        const year_month_day date{day};
        const hh_mm_ss clock{time - day};
        put(0, 4, static_cast<unsigned>(static_cast<int>(date.year())));
        put(5, 2, static_cast<unsigned>(date.month()));
        put(8, 2, static_cast<unsigned>(date.day()));
        put(11, 2, static_cast<unsigned>(clock.hours().count()));
        put(14, 2, static_cast<unsigned>(clock.minutes().count()));
        put(17, 2, static_cast<unsigned>(clock.seconds().count()));
    }

    explicit operator bool() const { return at_ != 0; }
    bool is_past(UnixMs now) const { return at_ <= now; }
    void write(JsonText &json) const {
        if (is_shown()) {
            json.string({text_, sizeof text_ - 1});
        } else {
            json.null();
        }
    }

private:
    bool is_shown() const {
        constexpr UnixMs kEndOf9999 = 253'402'300'799'999;
        return at_ > 0 && at_ <= kEndOf9999;
    }
    void put(size_t at, size_t digits, unsigned number) {
        for (size_t i = digits; i-- > 0; number /= 10) {
            text_[at + i] = static_cast<char>('0' + number % 10);
        }
    }

    UnixMs at_;
    char text_[21] = "0000-00-00T00:00:00Z";
};

enum class Level : uint8_t { kTop, kCredentials };

/// Members that both levels have of their own: a credential of that name gives way.
bool is_own_member(std::string_view name, const record::TokenView &token) {
    return token.expires_at() != 0 && (name == "expires_at" || name == "expired");
}

/// Members that the top level has beside those.
bool is_top_member(std::string_view name, const record::TokenView &token) {
    return name == "strategy" || name == "credentials" || (name == "expiry" && token.expires_at() != 0) ||
           (name == "scopes" && token.scope_count() != 0);
}

/// returns true: the same would be written at the other level
bool write_credentials(JsonText &json, const record::TokenView &token, const Expiry &expiry, Level level,
                       UnixMs now) {
    bool is_same_at_both = true;
    for (size_t i = 0; i < token.credential_count(); ++i) {
        const auto [name, value] = token.credential_at(i);
        if (name == kRefreshToken || is_own_member(name, token) || !encoding::is_utf8(name)) {
            continue;
        }
        if (is_top_member(name, token)) {
            is_same_at_both = false;
            if (level == Level::kTop) {
                continue;
            }
        }
        json.name(name).string(value);
    }
    if (expiry) {
        expiry.write(json.name<"expires_at">());
        json.name<"expired">().boolean(expiry.is_past(now));
    }
    return is_same_at_both;
}

void write_strategy(JsonText &json, const record::TokenView &token) {
    json.open_object().name<"type">().string(token.strategy()).name<"config">().open_object();
    for (size_t i = 0; i < token.strategy_config_count(); ++i) {
        const auto [name, value] = token.strategy_config_at(i);
        if (encoding::is_utf8(name)) {
            json.name(name).string(value);
        }
    }
    json.close_object().close_object();
}

}  // namespace

void write_token_body(JsonText &json, const record::TokenView &token, UnixMs now) {
    const Expiry expiry(token.expires_at());
    json.open_object();
    const size_t begin = json.position();
    // Clients of tokens read them at the top.
    const bool is_written =
        token.strategy() == "oauth2" && write_credentials(json, token, expiry, Level::kTop, now);
    const size_t end = json.position();
    if (expiry) {
        expiry.write(json.name<"expiry">());
    }
    if (token.scope_count() != 0) {
        json.name<"scopes">().open_array();
        for (size_t i = 0; i < token.scope_count(); ++i) {
            json.string(token.scope_at(i));
        }
        json.close_array();
    }
    write_strategy(json.name<"strategy">(), token);
    json.name<"credentials">().open_object();
    if (is_written) {
        json.repeat(begin, end);
    } else {
        write_credentials(json, token, expiry, Level::kCredentials, now);
    }
    json.close_object().close_object();
}

void write_status_body(JsonText &json, const record::TokenView &token, bool with_expiry) {
    json.open_object().name<"status">().string(connection::to_string(token.state()));
    if (const Expiry expiry{token.expires_at()}; with_expiry && expiry) {
        expiry.write(json.name<"expiry">());
    }
    json.close_object();
}

}  // namespace nexus::edge
