#include "control_plane/vault/vault.h"

#include <gtest/gtest.h>

#include "shared/crypto/random.h"
#include "shared/encoding/base64.h"

namespace nexus::control {
namespace {

std::string new_key() {
    return encoding::base64_encode(crypto::random_bytes(32));
}

Vault make_vault(const std::string &current, const std::string &previous = "") {
    return Vault(std::make_shared<const crypto::Keyring>(
        *crypto::Keyring::from_base64({"ENCRYPTION_KEY", Secret(std::string_view(current))},
                                      {"ENCRYPTION_KEYS_PREVIOUS", Secret(std::string_view(previous))})));
}

constexpr Place kPlace{"tokens", "row-1", "credentials", 7, "acme"};

TEST(Vault, OpensWhatItSealed) {
    const Vault vault = make_vault(new_key());
    const std::string box = *vault.seal(kPlace, "refresh token");
    EXPECT_EQ(box.find("refresh"), std::string::npos);
    EXPECT_EQ(vault.open(kPlace, box)->view(), "refresh token");
}

struct MovedCase {
    const char *name;
    Place place;
};
class Moved : public testing::TestWithParam<MovedCase> {};

TEST_P(Moved, IsRefused) {
    const Vault vault = make_vault(new_key());
    const Result<Secret> opened = vault.open(GetParam().place, *vault.seal(kPlace, "x"));
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().errc, Errc::kSealBroken);
}

INSTANTIATE_TEST_SUITE_P(
    Vault, Moved,
    testing::Values(MovedCase{"OtherTable", {"agents", "row-1", "credentials", 7, "acme"}},
                    MovedCase{"OtherRow", {"tokens", "row-2", "credentials", 7, "acme"}},
                    MovedCase{"OtherField", {"tokens", "row-1", "secret", 7, "acme"}},
                    MovedCase{"OlderVersion", {"tokens", "row-1", "credentials", 6, "acme"}},
                    MovedCase{"OtherOwner", {"tokens", "row-1", "credentials", 7, "evil"}},
                    MovedCase{"NoOwner", {"tokens", "row-1", "credentials", 7}},
                    MovedCase{"ShiftedBorder", {"tokensr", "ow-1", "credentials", 7, "acme"}}),
    [](const auto &test) { return std::string{test.param.name}; });

TEST(Vault, RefusesEveryFlippedBit) {
    const Vault vault = make_vault(new_key());
    const std::string box = *vault.seal(kPlace, "secret");
    for (size_t i = 0; i < box.size(); ++i) {
        std::string damaged = box;
        damaged[i] = static_cast<char>(damaged[i] ^ 1);
        EXPECT_FALSE(vault.open(kPlace, damaged)) << "byte " << i;
    }
    EXPECT_FALSE(vault.open(kPlace, ""));
    EXPECT_FALSE(vault.open(kPlace, box.substr(0, box.size() - 1)));
}

TEST(Vault, OpensWithPreviousKeysOnly) {
    const std::string old_key = new_key();
    const std::string box = *make_vault(old_key).seal(kPlace, "x");
    EXPECT_TRUE(make_vault(new_key(), old_key).open(kPlace, box));
    const Result<Secret> unknown = make_vault(new_key()).open(kPlace, box);
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().errc, Errc::kUnknownKey);
}

}  // namespace
}  // namespace nexus::control
