// What opening and sealing cost: the edge opens one record for the caller and one for the token of every
// request. Run it by hand (target nexus_shared_bench); figures swing with the machine, so ctest does not
// judge them.
#include <benchmark/benchmark.h>
#include <string>
#include <vector>

#include "shared/encoding/base64.h"
#include "shared/http1/header_block.h"
#include "shared/record/token_record.h"
#include "shared/redis/keys.h"
#include "shared/strategy/strategy.h"

namespace nexus {
namespace {

constexpr const char *kConnectionId = "6f1f4f0e-8a43-4a53-9d5b-3a3a5f1b2c01";

crypto::Keyring bench_keyring() {
    const Secret key{encoding::base64_encode(std::string(32, 'b'))};
    return std::move(crypto::Keyring::from_base64({"BENCH_KEY", key}).value());
}

record::TokenRecord token_of(size_t token_bytes) {
    record::TokenRecord token;
    token.connection_id = kConnectionId;
    token.workspace_id = "acme";
    token.provider = "calendar";
    token.state = connection::State::kActive;
    token.generation = 7;
    token.expires_at = 4'102'444'800'000;
    token.strategy = "oauth2";
    token.credentials.emplace_back("access_token", Secret{std::string(token_bytes, 't')});
    token.allowed_hosts = {"api.example.com"};
    return token;
}

void open_into(benchmark::State &state) {
    const crypto::Keyring keyring = bench_keyring();
    const std::string key = redis::token_key(kConnectionId);
    const std::string sealed =
        record::seal_token(keyring, token_of(static_cast<size_t>(state.range(0)))).value();
    const record::Header header = record::parse_header(sealed).value();
    std::vector<char> out(sealed.size());
    for (auto _ : state) {
        benchmark::DoNotOptimize(record::open_into(keyring, header, key, sealed, out).value());
    }
    state.SetBytesProcessed(static_cast<int64_t>(sealed.size()) * state.iterations());
}

void open_parse_and_inject(benchmark::State &state) {
    const crypto::Keyring keyring = bench_keyring();
    const std::string key = redis::token_key(kConnectionId);
    const std::string sealed =
        record::seal_token(keyring, token_of(static_cast<size_t>(state.range(0)))).value();
    const record::Header header = record::parse_header(sealed).value();
    std::vector<char> out(sealed.size());
    for (auto _ : state) {
        const size_t size = record::open_into(keyring, header, key, sealed, out).value();
        const auto view = record::TokenView::parse(header, {out.data(), size}).value();
        benchmark::DoNotOptimize(strategy::injection_for(view).value());
    }
}

void seal(benchmark::State &state) {
    const crypto::Keyring keyring = bench_keyring();
    const record::TokenRecord token = token_of(static_cast<size_t>(state.range(0)));
    for (auto _ : state) {
        benchmark::DoNotOptimize(record::seal_token(keyring, token).value());
    }
}

void edit_block(benchmark::State &state) {
    const std::string block =
        "GET /v3/calendars/primary/events?maxResults=10 HTTP/1.1\r\nHost: api.example.com\r\nAccept: */*\r\n"
        "User-Agent: agent/1.0\r\nX-Request-Id: 6f1f4f0e\r\nAuthorization: Bearer own\r\n\r\n";
    const std::string value = "Bearer " + std::string(1400, 't');
    const http1::HeaderLine line{"Authorization", value};
    const http1::BlockEdit edit{.set = {&line, 1}, .remove = {}, .query = {}, .query_name = {}};
    std::vector<char> out(http1::edited_size_bound(block, edit));
    for (auto _ : state) {
        benchmark::DoNotOptimize(http1::edit_block(block, edit, out).value());
    }
}

BENCHMARK(open_into)->Arg(100)->Arg(1200)->Arg(4000);
BENCHMARK(open_parse_and_inject)->Arg(100)->Arg(1200)->Arg(4000);
BENCHMARK(seal)->Arg(100)->Arg(1200);
BENCHMARK(edit_block);

}  // namespace
}  // namespace nexus

BENCHMARK_MAIN();
