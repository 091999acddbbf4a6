// hiredis' blocking interface. Its errors and Redis' are logged by kind, not by text: some of them quote
// arguments.
#include "control_plane/cache/redis_connection.h"

#include <hiredis/hiredis.h>
#include <csignal>
#include <vector>

#include "control_plane/log/log.h"
#include "control_plane/metrics/metrics.h"
#include "shared/redis/script_sha1.h"

namespace nexus::control {

namespace {

timeval to_timeval(std::chrono::milliseconds time) noexcept {
    return {time.count() / 1000, (time.count() % 1000) * 1000};
}

tl::unexpected<Error> unavailable(std::string_view why) {
    return fail(Error{Errc::kCacheUnavailable, "Redis is not available: " + std::string(why), {}, 1});
}

/// The first word of a Redis error, e.g. NOSCRIPT, WRONGPASS, OOM.
std::string_view error_kind(const redisReply &reply) noexcept {
    const std::string_view text(reply.str, static_cast<size_t>(reply.len));
    const std::string_view word = text.substr(0, text.find(' '));
    const bool is_word =
        word.size() <= 32 && word.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string_view::npos;
    return is_word ? word : "ERR";
}

}  // namespace

void FreeReply::operator()(redisReply *reply) const noexcept {
    freeReplyObject(reply);
}
void RedisConnection::FreeContext::operator()(redisContext *context) const noexcept {
    redisFree(context);
}

RedisConnection::RedisConnection(const RedisTarget &target, const RedisOptions &options, Metrics *metrics)
    : target_(target), options_(options), metrics_(metrics) {
    ::signal(SIGPIPE,
             SIG_IGN);  // hiredis 0.14 writes without MSG_NOSIGNAL: a Redis that left would end the process
}
RedisConnection::~RedisConnection() = default;

ReplyPtr RedisConnection::send(const std::vector<std::string_view> &arguments) {
    std::vector<const char *> texts;
    std::vector<size_t> sizes;
    for (const std::string_view argument : arguments) {
        texts.push_back(argument.data());
        sizes.push_back(argument.size());
    }
    ReplyPtr reply(static_cast<redisReply *>(
        redisCommandArgv(context_.get(), static_cast<int>(texts.size()), texts.data(), sizes.data())));
    if (!reply) {
        context_.reset();  // hiredis: not to be used after an error
    }
    return reply;
}

Result<void> RedisConnection::connect() {
    const auto now = std::chrono::steady_clock::now();
    if (now < not_before_) {
        return unavailable("it could not be reached a moment ago");
    }
    not_before_ = now + options_.retry_after;
    const timeval timeout = to_timeval(options_.connect_timeout);
    context_.reset(target_.unix_path.empty()
                       ? redisConnectWithTimeout(target_.host.c_str(), target_.port, timeout)
                       : redisConnectUnixWithTimeout(target_.unix_path.c_str(), timeout));
    if (!context_ || context_->err != 0 ||
        redisSetTimeout(context_.get(), to_timeval(options_.command_timeout)) != REDIS_OK) {
        context_.reset();
        return unavailable("it cannot be reached");
    }

    if (!target_.password.empty()) {
        std::vector<std::string_view> login{"AUTH"};
        if (!target_.username.empty()) {
            login.push_back(target_.username.view());
        }
        login.push_back(target_.password.view());
        if (Result<ReplyPtr> reply = checked(send(login)); !reply) {
            context_.reset();
            return fail(reply.error());
        }
    }
    if (target_.database != 0) {
        const std::string number = std::to_string(target_.database);
        if (Result<ReplyPtr> reply = checked(send({"SELECT", number})); !reply) {
            context_.reset();
            return fail(reply.error());
        }
    }
    not_before_ = {};
    return {};
}

Result<ReplyPtr> RedisConnection::checked(ReplyPtr reply) {
    if (!reply) {
        return unavailable("it did not answer");
    }
    if (reply->type == REDIS_REPLY_ERROR) {
        const std::string kind(error_kind(*reply));
        log::warn("redis_error", {{"kind", kind}});
        return unavailable("it answered " + kind);
    }
    return reply;
}

Result<ReplyPtr> RedisConnection::ask(const std::vector<std::string_view> &arguments) {
    const bool was_connected = context_ != nullptr;
    if (!was_connected) {
        if (Result<void> connected = connect(); !connected) {
            return fail(connected.error());
        }
    }
    const auto started = std::chrono::steady_clock::now();
    ReplyPtr reply = send(arguments);
    // An old connection may have died unnoticed; one that timed out would only time out again.
    if (!reply && was_connected && std::chrono::steady_clock::now() - started < options_.command_timeout) {
        if (Result<void> connected = connect(); !connected) {
            return fail(connected.error());
        }
        reply = send(arguments);
    }
    if (!reply) {
        not_before_ = std::chrono::steady_clock::now() + options_.retry_after;
        return unavailable("it did not answer");
    }
    return reply;
}

Result<ReplyPtr> RedisConnection::run(const std::vector<std::string_view> &arguments) {
    const auto started = std::chrono::steady_clock::now();
    Result<ReplyPtr> reply = ask(arguments);
    if (metrics_ != nullptr) {
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
        const bool is_error = reply && (*reply)->type == REDIS_REPLY_ERROR;
        metrics_->redis_command(!reply ? "unavailable" : is_error ? "error" : "ok", took.count());
    }
    return reply;
}

Result<ReplyPtr> RedisConnection::command(std::initializer_list<std::string_view> arguments) {
    Result<ReplyPtr> reply = run(arguments);
    return reply ? checked(std::move(*reply)) : std::move(reply);
}

Result<ReplyPtr> RedisConnection::script(std::string_view text, size_t keys,
                                         std::initializer_list<std::string_view> arguments) {
    const std::string digest = nexus::redis::script_sha1(text);
    const std::string key_count = std::to_string(keys);
    std::vector<std::string_view> command{"EVALSHA", digest, key_count};
    command.insert(command.end(), arguments);
    Result<ReplyPtr> reply = run(command);
    if (reply && (*reply)->type == REDIS_REPLY_ERROR && error_kind(**reply) == "NOSCRIPT") {
        command[0] = "EVAL";
        command[1] = text;
        reply = run(command);
    }
    return reply ? checked(std::move(*reply)) : std::move(reply);
}

}  // namespace nexus::control
