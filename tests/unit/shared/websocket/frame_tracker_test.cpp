#include "shared/websocket/frame_tracker.h"

#include <gtest/gtest.h>
#include <string>

namespace nexus::websocket {
namespace {

std::string frame(int first, size_t length, bool masked = false) {
    std::string text(1, static_cast<char>(first));
    const int mask = masked ? 0x80 : 0;
    if (length < 126) {
        text.push_back(static_cast<char>(mask | static_cast<int>(length)));
    } else if (length < 65536) {
        text.push_back(static_cast<char>(mask | 126));
        text.push_back(static_cast<char>(length >> 8));
        text.push_back(static_cast<char>(length));
    } else {
        text.push_back(static_cast<char>(mask | 127));
        for (int shift = 56; shift >= 0; shift -= 8) {
            text.push_back(static_cast<char>(length >> shift));
        }
    }
    return text + std::string(length, 'x');
}

TEST(FrameTracker, KnowsBoundariesByteForByte) {
    for (const size_t length : {0U, 1U, 125U, 126U, 127U, 65535U, 65536U, 70000U}) {
        const std::string bytes = frame(0x82, length);
        FrameTracker tracker;
        EXPECT_TRUE(tracker.is_at_boundary());
        for (size_t i = 0; i + 1 < bytes.size(); ++i) {
            tracker.feed(std::string_view{bytes}.substr(i, 1));
            ASSERT_FALSE(tracker.is_at_boundary()) << length << " " << i;
        }
        tracker.feed(std::string_view{bytes}.substr(bytes.size() - 1));
        EXPECT_TRUE(tracker.is_at_boundary()) << length;
        tracker.feed(bytes + bytes);
        EXPECT_TRUE(tracker.is_at_boundary()) << length;
        EXPECT_FALSE(tracker.has_closed());
    }
}

TEST(FrameTracker, NamesBytesThatStayWithinAFrame) {
    for (const size_t length : {0U, 1U, 126U, 65536U}) {
        const std::string bytes = frame(0x81, length) + frame(0x81, 5);
        FrameTracker tracker;
        size_t at = 0;
        do {
            const auto step = static_cast<size_t>(tracker.bytes_within_frame());
            ASSERT_GT(step, 0U);
            tracker.feed(std::string_view{bytes}.substr(at, step));
            at += step;
        } while (!tracker.is_at_boundary());
        EXPECT_EQ(at, frame(0x81, length).size());
    }
}

TEST(FrameTracker, SeesCloseFrames) {
    FrameTracker tracker;
    tracker.feed(frame(0x01, 3));  // the first part of a message
    EXPECT_TRUE(tracker.is_at_boundary());
    tracker.feed(close_frame(kServiceRestart, "bye").view());
    EXPECT_TRUE(tracker.is_at_boundary());
    EXPECT_TRUE(tracker.has_closed());
}

TEST(FrameTracker, IsLostWhereNoServerIs) {
    FrameTracker masked;
    masked.feed(frame(0x81, 3, true));
    EXPECT_TRUE(masked.is_lost());
    EXPECT_FALSE(masked.is_at_boundary());
    FrameTracker endless;
    endless.feed("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff");
    EXPECT_TRUE(endless.is_lost());
}

TEST(CloseFrame, HasCodeAndReason) {
    EXPECT_EQ(close_frame(1012, "over").view(), "\x88\x06\x03\xf4over");
    EXPECT_EQ(close_frame(1012, std::string(500, 'r')).view().size(), 127U);
}

}  // namespace
}  // namespace nexus::websocket
