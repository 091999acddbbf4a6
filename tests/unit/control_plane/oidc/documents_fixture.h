// Discovery over a real database of either kind, with a scripted provider and clock.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "control_plane/oidc/discovery.h"
#include "tests/unit/control_plane/oidc/scripted_provider.h"
#include "tests/unit/control_plane/oidc/signing.h"
#include "tests/unit/control_plane/store/fixture.h"

namespace nexus::control {

using store::kind_name;

inline constexpr const char *kIssuer = "https://idp.example/t1";
inline constexpr const char *kDiscoveryUrl = "https://idp.example/t1/.well-known/openid-configuration";
inline constexpr const char *kJwksUrl = "https://idp.example/jwks";
inline constexpr UnixMs kMinute = 60 * 1000;
inline constexpr UnixMs kHour = 60 * kMinute;
inline constexpr UnixMs kDay = 24 * kHour;

inline std::string discovery_document(const std::string &issuer, const std::string &jwks_uri) {
    return R"({"issuer":")" + issuer +
           R"(","authorization_endpoint":"https://idp.example/auth",)"
           R"("token_endpoint":"https://idp.example/token","jwks_uri":")" +
           jwks_uri + "\"}";
}

class DocumentsFixture : public store::StoreTest {
protected:
    DocumentsFixture() {
        provider_[kDiscoveryUrl].body = discovery_document(kIssuer, kJwksUrl);
        provider_[kJwksUrl].body = key_set("k1");
        source_.issuer = kIssuer;
        discovery_ = process();
    }

    static std::string key_set(const std::string &kid) {
        static const test::SigningKey first = test::SigningKey::p256("k1");
        static const test::SigningKey second = test::SigningKey::p256("k2");
        return R"({"keys":[)" + (kid == "k1" ? first : second).public_jwk() + "]}";
    }

    /// One more nexusd: with its own memory and its own connections to the database.
    std::unique_ptr<Discovery> process(Metrics *metrics = nullptr) {
        databases_.push_back(open());
        DocumentOptions options;
        options.random = [] { return 0.5; };
        options.lease_poll = std::chrono::milliseconds(2);
        return std::make_unique<Discovery>(
            [this](const HttpRequest &request) { return provider_.answer(request); }, *databases_.back(),
            [this] { return now_.load(); }, metrics, options);
    }

    bool serves(Discovery &discovery, const std::string &kid = "k1") {
        const auto keys = discovery.keys(source_, kid);
        return keys && (*keys)->has_kid(kid);
    }
    store::Document row(const char *kind, const char *url) {
        return *store::documents::get(*database_,
                                      {kind, url, std::string_view(kind) == "jwks" ? "" : kIssuer});
    }

    test::ScriptedProvider provider_;
    std::atomic<UnixMs> now_ = 1'800'000'000'000;
    IssuerSource source_;
    std::vector<std::unique_ptr<store::Database>> databases_;
    std::unique_ptr<Discovery> discovery_;
};

}  // namespace nexus::control
