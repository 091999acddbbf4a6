// W3C Trace Context section 3.2, and the cases of its own test suite that concern traceparent.
#include "ngx_module/trace/trace_parent.h"

#include <gtest/gtest.h>
#include <string>

namespace nexus::edge {
namespace {

constexpr std::string_view kExample =
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";  // section 3.2.4

TEST(TraceParent, TakesTheSpecificationsExamples) {
    EXPECT_TRUE(is_trace_parent(kExample));
    EXPECT_EQ(trace_id_of(kExample), "4bf92f3577b34da6a3ce929d0e0e4736");
    EXPECT_TRUE(is_trace_parent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"));
}

TEST(TraceParent, TakesWhatLaterVersionsAppend) {
    EXPECT_TRUE(is_trace_parent("cc-12345678901234567890123456789012-1234567890123456-01"));
    EXPECT_TRUE(
        is_trace_parent("cc-12345678901234567890123456789012-1234567890123456-01-what-the-future-brings"));
    EXPECT_FALSE(is_trace_parent("cc-12345678901234567890123456789012-1234567890123456-01.what"));
}

TEST(TraceParent, RefusesTheRest) {
    const std::string good{kExample};
    for (const std::string &value : {
             std::string(),
             good.substr(0, 54),
             good + "-",
             good + "-extra",
             good + " ",
             " " + good,
             std::string("ff-12345678901234567890123456789012-1234567890123456-01"),
             std::string("0G-12345678901234567890123456789012-1234567890123456-01"),
             std::string("CC-12345678901234567890123456789012-1234567890123456-01"),
             std::string("00-00000000000000000000000000000000-1234567890123456-01"),
             std::string("00-12345678901234567890123456789012-0000000000000000-01"),
             std::string("00-1234567890123456789012345678901A-1234567890123456-01"),
             std::string("00-12345678901234567890123456789012-123456789012345.-01"),
             std::string("00-12345678901234567890123456789012-1234567890123456-.0"),
             std::string("00-12345678901234567890123456789012-1234567890123456-0x"),
             std::string("00_12345678901234567890123456789012-1234567890123456-01"),
             std::string("00-12345678901234567890123456789012_1234567890123456-01"),
             std::string("00-12345678901234567890123456789012-1234567890123456_01"),
         }) {
        EXPECT_FALSE(is_trace_parent(value)) << value;
    }
}

TEST(TraceParent, MakesOneOfRandomBytes) {
    std::array<unsigned char, kTraceRandomBytes> random{};
    for (size_t i = 0; i < random.size(); ++i) {
        random[i] = static_cast<unsigned char>(0x10 + i);
    }
    const auto made = make_trace_parent(random);
    EXPECT_EQ(std::string_view(made.data(), made.size()),
              "00-101112131415161718191a1b1c1d1e1f-2021222324252627-00");
    EXPECT_TRUE(is_trace_parent({made.data(), made.size()}));
}

TEST(TraceParent, NeverMakesAnIdOfZeros) {
    const auto made = make_trace_parent(std::array<unsigned char, kTraceRandomBytes>{});
    EXPECT_TRUE(is_trace_parent({made.data(), made.size()}));
}

}  // namespace
}  // namespace nexus::edge
