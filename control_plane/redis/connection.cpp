#include "control_plane/redis/connection.h"

#include <algorithm>
#include <array>
#include <vector>

#include "control_plane/log/log.h"
#include "control_plane/metrics/metrics.h"
#include "shared/redis/script_sha1.h"
#include "shared/resp/announcement.h"
#include "shared/resp/encode.h"

namespace nexus::control {

namespace {

using SteadyClock = std::chrono::steady_clock;

}  // namespace

std::optional<resp::ErrorKind> error_kind(const resp::Reply &reply) {
    return reply->type == REDIS_REPLY_ERROR ? std::optional(resp::kind_of_error(resp::error_of(*reply)))
                                            : std::nullopt;
}

Result<resp::Reply> checked(Result<resp::Reply> reply) {
    if (!reply || (*reply)->type != REDIS_REPLY_ERROR) {
        return reply;
    }
    const std::string_view word = resp::first_word(resp::error_of(**reply));
    log::warn("redis_error", {{"kind", word}});
    return redis_unavailable("it answered " + std::string(word));
}

RedisConnection::RedisConnection(const RedisTarget &target, resp::HostPort server, Role role,
                                 const RedisOptions &options, Metrics *metrics, uint64_t *reconnects)
    : target_(target),
      server_(std::move(server)),
      role_(role),
      options_(options),
      metrics_(metrics),
      reconnects_(reconnects) {}

Result<resp::Reply> RedisConnection::read(RedisSocket::Deadline deadline) {
    std::array<char, 16384> room;
    while (true) {
        resp::Reply reply;
        switch (link_->reader.next(reply)) {
            case resp::ReplyReader::Next::kReply:
                return reply;
            case resp::ReplyReader::Next::kBroken:
                return redis_unavailable("it answered something that is not Redis' protocol");
            case resp::ReplyReader::Next::kMore:
                break;
        }
        Result<size_t> size = link_->socket.receive(room, deadline);
        if (!size) {
            return fail(size.error());
        }
        if (!link_->reader.feed(room.data(), *size)) {
            return redis_unavailable("its answer is too long");
        }
    }
}

/// After an error there is no connection any more: the reply may still come, and would be taken for the next.
Result<resp::Reply> RedisConnection::exchange(Words words) {
    const auto deadline = SteadyClock::now() + options_.command_timeout;
    std::string encoded;
    resp::append_command(encoded, words);
    const Result<void> sent = link_->socket.send(encoded, deadline);
    wipe(encoded);  // AUTH's password is in there
    Result<resp::Reply> reply = sent ? read(deadline) : fail(sent.error());
    if (!reply) {
        link_.reset();
    }
    return reply;
}

Result<void> RedisConnection::greet() {
    const RedisLogin &login = role_ == Role::kSentinel ? target_.sentinel_login : target_.login;
    if (!login.password.empty()) {
        std::vector<std::string_view> words{"AUTH"};
        if (!login.username.empty()) {
            words.push_back(login.username.view());
        }
        words.push_back(login.password.view());
        if (Result<resp::Reply> reply = checked(exchange(words)); !reply) {
            return fail(reply.error());
        }
    }
    if (role_ == Role::kSentinel) {
        return {};
    }
    if (target_.database != 0) {
        const std::string number = std::to_string(target_.database);
        const std::string_view words[] = {"SELECT", number};
        if (Result<resp::Reply> reply = checked(exchange(words)); !reply) {
            return fail(reply.error());
        }
    }
    if (role_ == Role::kMaster) {
        const std::string_view words[] = {"ROLE"};
        Result<resp::Reply> reply = checked(exchange(words));
        if (!reply) {
            return fail(reply.error());
        }
        if (!resp::is_role(**reply, "master")) {
            return redis_unavailable("who was said to be the master says that it is none");
        }
    }
    return {};
}

Result<void> RedisConnection::connect() {
    const auto now = SteadyClock::now();
    if (now < not_before_) {
        return redis_unavailable("it could not be reached a moment ago");
    }
    Result<void> connected = connect_now();
    if (!connected) {
        link_.reset();
        put_off();
        if (logged_problem_ != connected.error().message) {
            logged_problem_ = connected.error().message;
            log::warn("redis_connect_failed",
                      {{"server", server_name(target_, server_)}, {"reason", logged_problem_}});
        }
        return connected;
    }
    if (!logged_problem_.empty()) {
        logged_problem_.clear();
        log::info("redis_connected", {{"server", server_name(target_, server_)}});
    }
    if (was_connected_ && reconnects_ != nullptr) {
        ++*reconnects_;
    }
    was_connected_ = true;
    return {};
}

/// A server that is gone without a word costs each try a time-out, which others wait for as well.
void RedisConnection::put_off() noexcept {
    constexpr int kMostDoublings = 3;
    not_before_ = SteadyClock::now() + options_.retry_after * (1 << std::min(failures_, kMostDoublings));
    ++failures_;
}

Result<void> RedisConnection::connect_now() {
    Result<RedisSocket> socket = RedisSocket::connect(target_, server_, options_.connect_timeout);
    if (!socket) {
        return fail(socket.error());
    }
    link_ = std::make_unique<Link>(std::move(*socket));
    return link_->reader.is_valid() ? greet() : redis_unavailable("out of memory");
}

Result<resp::Reply> RedisConnection::ask(Words words) {
    const bool was_connected = link_ != nullptr;
    if (!was_connected) {
        if (Result<void> connected = connect(); !connected) {
            return fail(connected.error());
        }
    }
    const auto started = SteadyClock::now();
    Result<resp::Reply> reply = exchange(words);
    // An old connection may have died unnoticed; one that timed out would only time out again.
    if (!reply && was_connected && SteadyClock::now() - started < options_.command_timeout) {
        if (Result<void> connected = connect(); !connected) {
            return fail(connected.error());
        }
        reply = exchange(words);
    }
    if (!reply) {
        put_off();
    } else {
        failures_ = 0;
    }
    return reply;
}

Result<resp::Reply> RedisConnection::run(Words words) {
    const auto started = SteadyClock::now();
    Result<resp::Reply> reply = ask(words);
    if (metrics_ != nullptr) {
        const std::chrono::duration<double> took = SteadyClock::now() - started;
        const bool is_error = reply && (*reply)->type == REDIS_REPLY_ERROR;
        metrics_->redis_command(!reply ? "unavailable" : is_error ? "error" : "ok", took.count());
    }
    return reply;
}

Result<resp::Reply> RedisConnection::script(std::string_view text, std::string_view key, Words arguments,
                                            bool is_asking) {
    const std::string digest = nexus::redis::script_sha1(text);
    std::vector<std::string_view> words{"EVALSHA", digest, "1", key};
    words.insert(words.end(), arguments.begin(), arguments.end());
    const auto attempt = [&]() -> Result<resp::Reply> {
        if (is_asking) {  // counts for one command
            if (Result<resp::Reply> asking = checked(command({"ASKING"})); !asking) {
                return asking;
            }
        }
        return run(words);
    };

    Result<resp::Reply> reply = attempt();
    if (reply && resp::first_word(resp::error_of(**reply)) == "NOSCRIPT") {
        words[0] = "EVAL";
        words[1] = text;
        reply = attempt();
    }
    return reply;
}

}  // namespace nexus::control
