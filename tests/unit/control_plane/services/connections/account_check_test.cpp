// Which account a reconnect may bring.
#include "control_plane/services/connections/account_check.h"

#include <gtest/gtest.h>

namespace nexus::control {
namespace {

struct AccountCase {
    const char *name;
    std::string known_subject;
    std::string subject;
    std::string metadata;
    NamedTexts kept;
    bool allowed_other;
    bool same;
};

class AccountTest : public testing::TestWithParam<AccountCase> {};

TEST_P(AccountTest, IsTheSameOrIsRefused) {
    store::Connection connection;
    connection.account_subject = GetParam().known_subject;
    connection.metadata = GetParam().metadata;
    connection.flow_allows_other_account = GetParam().allowed_other;
    OAuthProfile profile;
    profile.account_field = "team_id";
    Result<void> checked = check_same_account(connection, profile, GetParam().subject, GetParam().kept);
    EXPECT_EQ(checked.has_value(), GetParam().same);
    EXPECT_EQ(!checked && is_other_account(checked.error()), !GetParam().same);
}

INSTANTIATE_TEST_SUITE_P(
    Accounts, AccountTest,
    testing::Values(
        AccountCase{"First", "", "alice", "{}", {{"team_id", "t1"}}, false, true},
        AccountCase{"FirstWithout", "", "", "{}", {}, false, true},
        AccountCase{"SameSubject", "alice", "alice", "{}", {}, false, true},
        AccountCase{"OtherSubject", "alice", "bob", "{}", {}, false, false},
        AccountCase{"NoSubject", "alice", "", "{}", {}, false, false},
        AccountCase{"OtherAllowed", "alice", "bob", R"({"team_id":"t1"})", {}, true, true},
        AccountCase{"SameField", "", "", R"({"team_id":"t1"})", {{"team_id", "t1"}}, false, true},
        AccountCase{"OtherField", "", "", R"({"team_id":"t1"})", {{"team_id", "t2"}}, false, false},
        AccountCase{"NoField", "", "", R"({"team_id":"t1"})", {{"x", "t1"}}, false, false},
        AccountCase{"FieldNotKnownYet", "", "", R"({"x":"t1"})", {{"team_id", "t1"}}, false, true}),
    [](const auto &one) { return std::string{one.param.name}; });

TEST(AccountCheck, WithoutAFieldOnlyTheSubjectCounts) {
    store::Connection connection;
    connection.metadata = R"({"team_id":"t1"})";
    EXPECT_TRUE(check_same_account(connection, OAuthProfile{}, "", {}));
    EXPECT_FALSE(is_other_account(Error{Errc::kConflict, "", "", 0})) << "a row that moved is another matter";
}

TEST(Disown, LeavesNothingThatOnlyTheAccountBeforeHasSaid) {
    store::ConnectionChange silent;
    silent.metadata = R"({"team_id":"t1","region":"eu"})";
    disown(silent, "team_id", {{"region", "eu"}});
    EXPECT_EQ(silent.account_subject, "");
    EXPECT_EQ(silent.metadata, R"({"region":"eu"})");

    store::ConnectionChange told;
    told.account_subject = "bob";
    told.metadata = R"({"team_id":"t2"})";
    disown(told, "team_id", {{"team_id", "t2"}});
    EXPECT_EQ(told.account_subject, "bob");
    EXPECT_EQ(told.metadata, R"({"team_id":"t2"})");
}

}  // namespace
}  // namespace nexus::control
