// 10,000 id_tokens with kids that nobody published, thrown at one provider, whose keys take 50 ms to fetch;
// beside them the good tokens of another provider, whose latency is measured. The baseline is the same with
// good tokens of the first provider instead: as much to verify, nothing to fetch. Real cache over a real
// SQLite file. Prints a line per round: p99 under the flood, p99 without (microseconds), fetches of keys
// during the flood.
//
// usage: nexus_oidc_flood_bench ROUNDS
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "control_plane/log/log.h"
#include "control_plane/oidc/id_token_verifier.h"
#include "tests/unit/control_plane/oidc/forger.h"
#include "tests/unit/control_plane/support/temp_dir.h"

namespace nexus {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr int kFlood = 10000;
constexpr const char *kFlooded = "https://flooded.example";
constexpr const char *kOther = "https://other.example";

void require(bool condition, const char *what) {
    if (!condition) {
        std::fprintf(stderr, "oidc-flood: %s\n", what);
        std::exit(1);
    }
}

struct Bench {
    Bench() : database(open(dir.path())), discovery(fetch(), *database, system_now_ms) {}

    static std::unique_ptr<control::store::Database> open(const std::string &dir) {
        control::DatabaseTarget target;
        target.path = dir + "/n.db";
        auto opened = control::store::Database::open(target);
        require(opened && (*opened)->migrate(), "no database");
        return std::move(*opened);
    }
    control::Discovery::Fetch fetch() {
        return [this](const control::HttpRequest &request) -> Result<control::HttpResponse> {
            const std::string issuer = request.url.starts_with(kFlooded) ? kFlooded : kOther;
            control::HttpResponse response;
            response.status = 200;
            if (request.url.ends_with("/jwks")) {
                fetches += issuer == kFlooded ? 1 : 0;
                std::this_thread::sleep_for(std::chrono::milliseconds(50));
                response.body = Secret{R"({"keys":[)" + key.jwk("k1") + "]}"};
                return response;
            }
            response.body =
                Secret{R"({"issuer":")" + issuer + R"(","authorization_endpoint":")" + issuer +
                       R"(/a","token_endpoint":")" + issuer + R"(/t","jwks_uri":")" + issuer + R"(/jwks"})"};
            return response;
        };
    }

    std::string token(const std::string &issuer, const std::string &kid) const {
        const int64_t now = system_now_ms() / 1000;
        return key.token("RS256", R"({"alg":"RS256","kid":")" + kid + R"("})",
                         R"({"iss":")" + issuer + R"(","aud":"c","sub":"s","iat":)" + std::to_string(now) +
                             R"(,"exp":)" + std::to_string(now + 3600) + "}");
    }
    bool verify(const std::string &issuer, const std::string &token) const {
        control::IssuerSource source;
        source.issuer = issuer;
        control::IdTokenExpectation expected;
        expected.issuer = issuer;
        expected.client_id = "c";
        return verifier.verify(token, source, expected, "").has_value();
    }
    /// The other provider's p99 in microseconds while `attack(i)` runs kFlood times on a thread beside.
    template <typename Attack>
    double p99_beside(Attack attack) {
        std::atomic<bool> is_over = false;
        std::thread beside([&] {
            for (int i = 0; i < kFlood; ++i) {
                attack(i);
            }
            is_over = true;
        });
        const std::string good = token(kOther, "k1");
        std::vector<double> took;
        while (!is_over) {
            const auto start = SteadyClock::now();
            require(verify(kOther, good), "a good token was refused");
            took.push_back(std::chrono::duration<double, std::micro>(SteadyClock::now() - start).count());
        }
        beside.join();
        require(took.size() >= 1000, "too few samples");
        const auto at = took.begin() + static_cast<std::ptrdiff_t>(took.size() * 99 / 100);
        std::nth_element(took.begin(), at, took.end());
        return *at;
    }

    test::Forger key = test::Forger::rsa();
    test::TempDir dir;
    std::unique_ptr<control::store::Database> database;
    std::atomic<int> fetches{0};
    control::Discovery discovery;
    control::IdTokenVerifier verifier{discovery, system_now_ms, nullptr};
};

void run(int rounds) {
    control::log::set_level("off");
    Bench bench;
    const std::string good = bench.token(kFlooded, "k1");
    require(bench.verify(kFlooded, good), "a good token was refused");
    std::vector<std::string> flood;
    for (int i = 0; i < kFlood; ++i) {
        flood.push_back(bench.token(kFlooded, "forged-" + std::to_string(i)));
    }
    const auto forge = [&](int i) {
        require(!bench.verify(kFlooded, flood[static_cast<size_t>(i)]), "a forged token was taken");
    };
    const auto ordinary = [&](int) { require(bench.verify(kFlooded, good), "a good token was refused"); };
    bench.p99_beside(ordinary);  // not counted
    for (int round = 0; round < rounds; ++round) {
        double calm = round % 2 == 0 ? bench.p99_beside(ordinary) : 0;
        const int before = bench.fetches;
        const double flooded = bench.p99_beside(forge);
        const int fetched = bench.fetches - before;
        if (round % 2 == 1) {
            calm = bench.p99_beside(ordinary);
        }
        std::printf("%.1f %.1f %d\n", flooded, calm, fetched);
        std::fflush(stdout);
    }
}

}  // namespace
}  // namespace nexus

int main(int argc, char **argv) {
    nexus::run(argc > 1 ? std::atoi(argv[1]) : 5);
    return 0;
}
