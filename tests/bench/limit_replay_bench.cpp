// The script of global limits, replayed against GCRA offline: `limit_replay_bench SOCKET COUNT` sends COUNT
// requests of many keys, limits and costs to a redis-server, lease=0 as an edge would, and makes the same
// decisions by shared/ratelimit/gcra.h at the times that Redis tells. Prints requests, admitted, admitted
// only by Redis, admitted only offline.
#include <hiredis/hiredis.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "shared/redis/script_sha1.h"
#include "shared/redis/take_units.h"

namespace {

using namespace nexus;
using ratelimit::kSecond;
using ratelimit::make_limit;

constexpr int kBatch = 200;
constexpr size_t kKeys = 500;

struct Key {
    std::string name;
    ratelimit::Limit limit;
    ratelimit::Micros arrival = 0;
};

struct Asked {
    Key *key;
    int64_t cost;
};

struct ReplyDelete {
    void operator()(redisReply *reply) const { freeReplyObject(reply); }
};

std::vector<Key> make_keys(std::mt19937_64 &random) {
    std::vector<Key> keys;
    for (size_t i = 0; i < kKeys; ++i) {
        const auto requests = static_cast<int64_t>(random() % 500 + 1);
        const auto burst = static_cast<int64_t>(random() % 50);
        keys.push_back({redis::limit_key("replay", std::to_string(i)), make_limit(requests, kSecond, burst)});
    }
    return keys;
}

void append(redisContext *context, const std::string &sha1, const Asked &asked) {
    const redis::TakeUnits arguments(asked.key->limit, asked.cost, asked.cost, 0);
    std::vector<std::string_view> words{"EVALSHA", sha1, "1", asked.key->name};
    for (size_t i = 0; i < redis::TakeUnits::kArguments; ++i) {
        words.push_back(arguments.argument(i));
    }
    std::vector<const char *> texts;
    std::vector<size_t> sizes;
    for (const std::string_view word : words) {
        texts.push_back(word.data());
        sizes.push_back(word.size());
    }
    redisAppendCommandArgv(context, static_cast<int>(texts.size()), texts.data(), sizes.data());
}

}  // namespace

int main(int argc, char **argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: %s SOCKET COUNT\n", argv[0]);
        return 2;
    }
    const std::unique_ptr<redisContext, decltype(&redisFree)> context(redisConnectUnix(argv[1]), redisFree);
    if (context == nullptr || context->err != 0) {
        std::fprintf(stderr, "no connection to Redis\n");
        return 1;
    }
    const std::string script{redis::kTakeUnitsScript};
    const std::unique_ptr<redisReply, ReplyDelete> loaded(static_cast<redisReply *>(
        redisCommand(context.get(), "SCRIPT LOAD %b", script.data(), script.size())));
    const std::string sha1 = redis::script_sha1(script);

    std::mt19937_64 random(2026);
    std::vector<Key> keys = make_keys(random);
    const long count = std::atol(argv[2]);
    long admitted = 0;
    long only_by_redis = 0;
    long only_offline = 0;
    for (long done = 0; done < count;) {
        std::vector<Asked> batch;
        for (int i = 0; i < kBatch && done < count; ++i, ++done) {
            batch.push_back({&keys[random() % kKeys], static_cast<int64_t>(random() % 3 + 1)});
            append(context.get(), sha1, batch.back());
        }
        for (const Asked &asked : batch) {
            void *raw = nullptr;
            if (redisGetReply(context.get(), &raw) != REDIS_OK) {
                std::fprintf(stderr, "Redis is gone\n");
                return 1;
            }
            const std::unique_ptr<redisReply, ReplyDelete> reply(static_cast<redisReply *>(raw));
            if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 4) {
                std::fprintf(stderr, "Redis answered something else\n");
                return 1;
            }
            const ratelimit::Decision decision = ratelimit::decide(asked.key->limit, asked.key->arrival,
                                                                   reply->element[3]->integer, asked.cost);
            asked.key->arrival = decision.theoretical_arrival_time;
            const bool is_taken = reply->element[0]->integer == asked.cost;
            admitted += is_taken ? 1 : 0;
            only_by_redis += is_taken && !decision.is_allowed ? 1 : 0;
            only_offline += !is_taken && decision.is_allowed ? 1 : 0;
        }
    }
    std::printf("%ld %ld %ld %ld\n", count, admitted, only_by_redis, only_offline);
    return 0;
}
