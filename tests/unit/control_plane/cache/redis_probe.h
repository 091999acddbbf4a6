// A bare look at Redis, beside the code under test.
#pragma once

#include <gtest/gtest.h>
#include <hiredis/hiredis.h>
#include <sys/time.h>
#include <memory>
#include <string>
#include <vector>

namespace nexus::test {

class RedisProbe {
public:
    explicit RedisProbe(const std::string &socket_path, const std::string &password = "")
        : context_(redisConnectUnix(socket_path.c_str()), redisFree) {
        const timeval timeout{5, 0};
        redisSetTimeout(context_.get(), timeout);
        if (!password.empty()) {
            ask({"AUTH", password});
        }
    }
    struct Answer {
        int type = 0;
        long long integer = 0;
        std::string text;
        std::vector<std::string> elements;
    };
    Answer ask(const std::vector<std::string> &arguments) {
        std::vector<const char *> texts;
        std::vector<size_t> sizes;
        for (const std::string &argument : arguments) {
            texts.push_back(argument.data());
            sizes.push_back(argument.size());
        }
        return take(static_cast<redisReply *>(
            redisCommandArgv(context_.get(), static_cast<int>(texts.size()), texts.data(), sizes.data())));
    }
    /// The next published message.
    Answer next() {
        void *reply = nullptr;
        redisGetReply(context_.get(), &reply);
        return take(static_cast<redisReply *>(reply));
    }

private:
    static Answer take(redisReply *reply) {
        const std::unique_ptr<redisReply, void (*)(void *)> owned(reply, freeReplyObject);
        Answer answer;
        if (reply != nullptr) {
            answer.type = reply->type;
            answer.integer = reply->integer;
            answer.text =
                reply->str == nullptr ? "" : std::string(reply->str, static_cast<size_t>(reply->len));
            for (size_t i = 0; i < reply->elements; ++i) {
                const redisReply *element = reply->element[i];
                answer.elements.emplace_back(
                    element->str == nullptr ? ""
                                            : std::string(element->str, static_cast<size_t>(element->len)));
            }
        }
        return answer;
    }
    std::unique_ptr<redisContext, void (*)(redisContext *)> context_;
};

}  // namespace nexus::test
