#include "shared/crypto/random.h"

#include <gtest/gtest.h>
#include <set>

#include "shared/encoding/hex.h"

namespace nexus::crypto {
namespace {

TEST(Random, HasTheAskedLengthAndDoesNotRepeat) {
    EXPECT_TRUE(random_bytes(0).empty());
    EXPECT_EQ(random_bytes(33).size(), 33u);
    EXPECT_NE(random_bytes(16), random_bytes(16));
}

TEST(RandomUuid, IsVersion4InCanonicalForm) {
    std::set<std::string> seen;
    for (int i = 0; i < 1000; ++i) {
        const std::string uuid = random_uuid();
        ASSERT_TRUE(encoding::is_uuid(uuid)) << uuid;
        EXPECT_EQ(uuid, encoding::to_lower_ascii(uuid));
        EXPECT_EQ(uuid[14], '4') << uuid;
        EXPECT_NE(std::string_view{"89ab"}.find(uuid[19]), std::string_view::npos) << uuid;
        EXPECT_TRUE(seen.insert(uuid).second);
    }
}

}  // namespace
}  // namespace nexus::crypto
