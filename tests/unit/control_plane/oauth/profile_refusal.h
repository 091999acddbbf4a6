// The `oauth` member as a test reads it, and what every refusal of it must do: name the member.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "control_plane/oauth/profile.h"

namespace nexus::control::test {

inline Result<OAuthProfile> parse(const std::string &text) {
    return parse_oauth_profile(*json::parse_object(text), "profile.oauth");
}

struct Refusal {
    const char *text;
    const char *named;  // behind "profile.oauth"
};

inline void expect_named(const Refusal &refusal) {
    const Result<OAuthProfile> got = parse(refusal.text);
    ASSERT_FALSE(got) << refusal.text;
    EXPECT_NE((got.error().message + got.error().detail).find(std::string{"profile.oauth"} + refusal.named),
              std::string::npos)
        << got.error().message;
}

}  // namespace nexus::control::test
