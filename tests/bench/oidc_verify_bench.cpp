// What verifying an RS256 id_token (2048 bits) with a cached key costs, beside OpenSSL's bare
// EVP_DigestVerify of the same bytes: both in this process, in turn, in CPU time of this thread. Prints a
// line per round: microseconds of the verification, microseconds of the bare one. oidc-verify.mjs makes
// figures of them.
//
// usage: nexus_oidc_verify_bench ROUNDS ITERATIONS
#include <openssl/evp.h>
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "control_plane/oidc/id_token.h"
#include "control_plane/oidc/token_hash.h"
#include "shared/encoding/base64.h"
#include "tests/unit/control_plane/oidc/forger.h"

namespace nexus {
namespace {

constexpr int64_t kNowS = 1'800'000'000;
constexpr std::string_view kAccessToken = "ya29.a0AfH6SMA-benchmark";

double cpu_microseconds() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

void require(bool condition, const char *what) {
    if (!condition) {
        std::fprintf(stderr, "oidc-verify: %s\n", what);
        std::exit(1);
    }
}

// As long as Google's: an id_token of a little more than a kilobyte.
std::string claims() {
    const std::string at_hash = *control::half_hash(kAccessToken, *jose::find_signature_algorithm("RS256"));
    return R"({"iss":"https://accounts.google.com","azp":"1234.apps.googleusercontent.com",)"
           R"("aud":"1234.apps.googleusercontent.com","sub":"110169484474386276334","hd":"example.com",)"
           R"("email":"jane@example.com","email_verified":true,"nonce":"n-0S6_WzA2Mj","name":"Jane Doe",)"
           R"("picture":"https://lh3.googleusercontent.com/a/photo=s96-c","given_name":"Jane",)"
           R"("family_name":"Doe","at_hash":")" +
           at_hash + R"(","iat":)" + std::to_string(kNowS) + R"(,"exp":)" + std::to_string(kNowS + 3600) +
           "}";
}

control::IdTokenExpectation expectation() {
    control::IdTokenExpectation expected;
    expected.issuer = "https://accounts.google.com";
    expected.client_id = "1234.apps.googleusercontent.com";
    expected.nonce = "n-0S6_WzA2Mj";
    expected.now = kNowS * 1000;
    expected.access_token = kAccessToken;
    return expected;
}

template <typename Work>
double each(int iterations, Work work) {
    const double start = cpu_microseconds();
    for (int i = 0; i < iterations; ++i) {
        work();
    }
    return (cpu_microseconds() - start) / iterations;
}

void run(int rounds, int iterations) {
    const test::Forger key = test::Forger::rsa();
    const std::string token = key.token("RS256", R"({"alg":"RS256","kid":"k1","typ":"JWT"})", claims());
    const jose::JwkSet keys = jose::JwkSet::parse(R"({"keys":[)" + key.jwk("k1") + "]}").value();
    const control::IdTokenExpectation expected = expectation();
    const std::string text = token.substr(0, token.rfind('.'));
    const std::string signature = *encoding::base64url_decode(token.substr(text.size() + 1));

    const auto verify = [&] { require(bool(control::verify_id_token(token, keys, expected)), "refused"); };
    const auto bare = [&] {
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        require(
            EVP_DigestVerifyInit_ex(context, nullptr, "SHA256", nullptr, nullptr, key.key(), nullptr) == 1 &&
                EVP_DigestVerify(context, reinterpret_cast<const unsigned char *>(signature.data()),
                                 signature.size(), reinterpret_cast<const unsigned char *>(text.data()),
                                 text.size()) == 1,
            "OpenSSL refuses");
        EVP_MD_CTX_free(context);
    };
    each(iterations, verify);  // not counted
    each(iterations, bare);
    for (int round = 0; round < rounds; ++round) {
        const bool is_first = round % 2 == 0;
        const double before = is_first ? each(iterations, verify) : 0;
        const double openssl = each(iterations, bare);
        std::printf("%.3f %.3f\n", is_first ? before : each(iterations, verify), openssl);
        std::fflush(stdout);
    }
}

}  // namespace
}  // namespace nexus

int main(int argc, char **argv) {
    nexus::run(argc > 1 ? std::atoi(argv[1]) : 5, argc > 2 ? std::atoi(argv[2]) : 2000);
    return 0;
}
