#include "control_plane/services/time_text.h"

#include <gtest/gtest.h>

namespace nexus::control {
namespace {

TEST(TimeText, ReadsRfc3339) {
    // The examples of RFC 3339 section 5.8 first.
    EXPECT_EQ(parse_rfc3339("1985-04-12T23:20:50.52Z"), 482196050520);
    EXPECT_EQ(parse_rfc3339("1996-12-19T16:39:57-08:00"), 851042397000);
    EXPECT_EQ(parse_rfc3339("1990-12-31T23:59:60Z"), 662688000000);
    EXPECT_EQ(parse_rfc3339("1990-12-31T15:59:60-08:00"), 662688000000);
    EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:00Z"), 0);
    EXPECT_EQ(parse_rfc3339("2024-02-29t12:00:00.123456789z"), 1709208000123);
    EXPECT_EQ(to_rfc3339(*parse_rfc3339("2026-11-23T02:30:00+01:00")), "2026-11-23T01:30:00Z");
}

TEST(TimeText, RefusesWhatIsNone) {
    for (const char *bad : {"",
                            "x",
                            "2026-11-23",
                            "2026-11-23T02:30:00",
                            "2026-13-01T00:00:00Z",
                            "2026-02-30T00:00:00Z",
                            "2025-02-29T00:00:00Z",
                            "2026-00-01T00:00:00Z",
                            "2026-01-00T00:00:00Z",
                            "2026-01-01T24:00:00Z",
                            "2026-01-01T00:60:00Z",
                            "2026-01-01T00:00:61Z",
                            "2026-01-01T00:00:00.Z",
                            "2026-01-01T00:00:00.5",
                            "2026-01-01T00:00:00+1:00",
                            "2026-01-01T00:00:00+24:00",
                            "2026-01-01T00:00:00+0100",
                            "2026-01-01T00:00:00ZZ",
                            "1969-12-31T23:59:59Z",
                            "-026-01-01T00:00:00Z",
                            "2026-01-01T00:00:00 01:00"}) {
        EXPECT_EQ(parse_rfc3339(bad), std::nullopt) << bad;
    }
}

}  // namespace
}  // namespace nexus::control
