#include "shared/wiped_scratch.h"

#include <gtest/gtest.h>

#include <new>
#include <string>
#include <vector>

#include "shared/join.h"

namespace nexus {
namespace {

constexpr size_t kBytes = 256;
using Scratch = WipedScratch<kBytes>;

bool lies_in(const void *p, const Scratch &scratch) {
    const auto at = reinterpret_cast<uintptr_t>(p), begin = reinterpret_cast<uintptr_t>(&scratch);
    return at >= begin && at < begin + sizeof(scratch);
}

/// Memory that can be looked at when the scratch in it is over.
struct Room {
    alignas(Scratch) std::array<char, sizeof(Scratch)> bytes{};

    bool holds(std::string_view text) const {
        return std::string_view{bytes.data(), bytes.size()}.find(text) != std::string_view::npos;
    }
};

TEST(WipedScratch, NothingStaysInIt) {
    Room room;
    Scratch *const scratch = ::new (room.bytes.data()) Scratch;
    {
        const std::pmr::string text = join({"a secret of ", "several parts"}, scratch);
        EXPECT_EQ(text, "a secret of several parts");
        EXPECT_TRUE(lies_in(text.data(), *scratch));
    }
    EXPECT_TRUE(room.holds("several parts")) << "given back, and not wiped before the end";
    scratch->~Scratch();
    EXPECT_FALSE(room.holds("secret"));
    EXPECT_FALSE(room.holds("parts"));
}

TEST(WipedScratch, MoreThanItHasIsOnTheHeap) {
    Scratch scratch;
    std::pmr::vector<std::pmr::string> texts(&scratch);
    for (size_t i = 0; i < 40; ++i) {
        texts.emplace_back(20 + i, static_cast<char>('a' + i % 26));
    }
    EXPECT_FALSE(lies_in(texts.back().data(), scratch));
    for (size_t i = 0; i < 40; ++i) {
        EXPECT_EQ(std::string{texts[i]}, std::string(20 + i, static_cast<char>('a' + i % 26)));
    }
    const std::pmr::string whole(kBytes + 1, 'x', &scratch);
    EXPECT_FALSE(lies_in(whole.data(), scratch));
}

TEST(WipedScratch, KeepsWhatIsAlignedApart) {
    Scratch scratch;
    void *const byte = scratch.allocate(1, 1);
    void *const number = scratch.allocate(sizeof(uint64_t), alignof(uint64_t));
    EXPECT_TRUE(lies_in(byte, scratch) && lies_in(number, scratch));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(number) % alignof(uint64_t), 0U);
    void *const wide = scratch.allocate(64, 64);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(wide) % 64, 0U);
    scratch.deallocate(wide, 64, 64);
}

TEST(Join, OfNothing) {
    EXPECT_EQ(join({}, std::pmr::get_default_resource()), "");
    EXPECT_EQ(join({"", "a", ""}, std::pmr::get_default_resource()), "a");
}

}  // namespace
}  // namespace nexus
