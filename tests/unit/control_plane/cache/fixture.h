// Keys, records and a writer for the cache's tests.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control_plane/cache/cache_writer.h"
#include "control_plane/log/log.h"
#include "shared/crypto/random.h"
#include "shared/encoding/base64.h"
#include "shared/redis/keys.h"
#include "tests/unit/control_plane/cache/redis_probe.h"
#include "tests/unit/control_plane/support/redis_server.h"

namespace nexus::control {

class CacheTest : public testing::Test {
protected:
    CacheTest() { log::set_level("off"); }
    ~CacheTest() override { log::set_level("info"); }

    static std::shared_ptr<const crypto::Keyring> new_keyring() {
        const Secret key(encoding::base64_encode(crypto::random_bytes(32)));
        return std::make_shared<const crypto::Keyring>(*crypto::Keyring::from_base64({"CACHE_KEY", key}));
    }
    RedisTarget target(int database = 0, std::string_view password = "") const {
        RedisTarget target;
        target.unix_path = redis_.socket_path();
        target.database = database;
        target.login.password = Secret(password);
        return target;
    }
    std::unique_ptr<RedisWriter> writer(RedisOptions options = {}) const {
        return std::make_unique<RedisWriter>(
            target(), keys_, [] { return UnixMs{1000}; }, options);
    }
    static record::TokenRecord token(uint64_t generation, const std::string &id = kId) {
        record::TokenRecord record;
        record.connection_id = id;
        record.workspace_id = "ws";
        record.provider_id = "00000000-0000-4000-8000-00000000000a";
        record.provider = "google";
        record.state = connection::State::kActive;
        record.generation = generation;
        record.expires_at = 61000;
        record.strategy = "oauth2";
        record.credentials.emplace_back("access_token", Secret(std::string_view("hunter2")));
        return record;
    }
    Result<Secret> stored(const std::string &key) {
        return record::open(*keys_, key, test::RedisProbe(redis_.socket_path()).ask({"GET", key}).text);
    }
    uint64_t stored_generation(const std::string &id = kId) {
        const Result<record::Header> header = record::parse_header(
            test::RedisProbe(redis_.socket_path()).ask({"GET", redis::token_key(id)}).text);
        return header ? header->generation : 0;
    }

    static constexpr const char *kId = "6b7f3c1e-2a44-4b0e-9d6f-0a1b2c3d4e5f";
    test::RedisServer redis_;
    std::shared_ptr<const crypto::Keyring> keys_ = new_keyring();
};

}  // namespace nexus::control
