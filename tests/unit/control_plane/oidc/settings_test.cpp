#include "control_plane/oidc/settings.h"

#include <gtest/gtest.h>

namespace nexus::control {
namespace {

TEST(OidcSettings, ComeBackAsTheyWereStored) {
    OidcSettings settings;
    settings.well_known_url = "https://i.example/{t}/meta";
    settings.endpoint_overrides = {{"jwks_uri", "https://i.example/k"},
                                   {"token_endpoint", "https://i.example/t"}};
    settings.discovery_mode = DiscoveryMode::kForceStatic;
    settings.mode = OidcMode::kOpaque;
    settings.accepted_algorithms = {"ES256", "PS256"};
    settings.clock_skew_s = 0;
    settings.jwks_ttl_s = 600;
    settings.jwks_cooldown_s = 5;
    const Result<OidcSettings> back = stored_oidc_settings(to_json(settings).dump_canonical());
    ASSERT_TRUE(back);
    EXPECT_EQ(back->well_known_url, settings.well_known_url);
    EXPECT_EQ(back->endpoint_overrides, settings.endpoint_overrides);
    EXPECT_EQ(back->override_of("jwks_uri"), "https://i.example/k");
    EXPECT_EQ(back->override_of("userinfo_endpoint"), "");
    EXPECT_TRUE(back->is_forced_static());
    EXPECT_EQ(back->mode, OidcMode::kOpaque);
    EXPECT_EQ(back->accepted_algorithms, settings.accepted_algorithms);
    EXPECT_EQ(back->clock_skew_s, 0);
    EXPECT_EQ(back->jwks_ttl_s, 600);
    EXPECT_EQ(back->jwks_cooldown_s, 5);
}

TEST(OidcSettings, DefaultsAreNotStored) {
    EXPECT_EQ(to_json(OidcSettings{}).dump_canonical(), "{}");
    for (const char *text : {"", "{}"}) {
        const Result<OidcSettings> settings = stored_oidc_settings(text);
        ASSERT_TRUE(settings) << text;
        EXPECT_EQ(settings->clock_skew_s, kDefaultClockSkewS);
        EXPECT_EQ(settings->jwks_cooldown_s, kDefaultJwksCooldownS);
        EXPECT_FALSE(settings->mode);
        EXPECT_FALSE(settings->discovery_mode);
    }
    EXPECT_EQ(stored_oidc_settings("[").error().errc, Errc::kMalformedRecord);
}

}  // namespace
}  // namespace nexus::control
