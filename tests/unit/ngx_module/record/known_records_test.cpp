// What was found out about one record never counts for another, and where it may go is all or nothing.
#include "ngx_module/record/known_records.h"

#include <gtest/gtest.h>

#include <string>

namespace nexus::edge {
namespace {

// Only their addresses count.
const LocConf *conf(int number) {
    static char places[8];
    return reinterpret_cast<const LocConf *>(&places[number]);
}

const ngx_http_upstream_srv_conf_s *upstream(int number) {
    static char places[8];
    return reinterpret_cast<const ngx_http_upstream_srv_conf_s *>(&places[number]);
}

crypto::XaesNonce nonce(unsigned char first, unsigned char last) {
    crypto::XaesNonce made{};
    made.front() = first;
    made.back() = last;
    return made;
}

TEST(KnownRecords, KnowNothingOfWhatIsNew) {
    KnownRecords records;
    KnownRecord &known = records.of(nonce(1, 1));
    EXPECT_FALSE(known.is_well_formed());
    EXPECT_FALSE(known.may_go_to({}));
    EXPECT_FALSE(known.may_go_to({}, ""));
    EXPECT_FALSE(known.may_go_to({conf(0), upstream(0), false}));
    EXPECT_FALSE(records.of({}).is_well_formed()) << "a nonce of zeros is one like any other";
}

TEST(KnownRecords, AVerdictIsOfOneNonceOnly) {
    KnownRecords records;
    const NamedDestination to{conf(0), upstream(0), true};
    records.of(nonce(1, 1)).set_well_formed();
    records.of(nonce(1, 1)).set_may_go_to(to, "api.example.com");
    EXPECT_TRUE(records.of(nonce(1, 1)).is_well_formed());
    EXPECT_TRUE(records.of(nonce(1, 1)).may_go_to(to, "api.example.com"));

    EXPECT_FALSE(records.of(nonce(2, 1)).is_well_formed());
    for (const unsigned char other : {1, 65, 129}) {  // all of one place
        EXPECT_FALSE(records.of(nonce(other, 2)).is_well_formed());
        EXPECT_FALSE(records.of(nonce(other, 2)).may_go_to(to));
    }
    EXPECT_FALSE(records.of(nonce(1, 1)).is_well_formed()) << "its place was taken";
    EXPECT_FALSE(records.of(nonce(1, 1)).may_go_to(to));
}

TEST(KnownRecords, ADestinationIsAllOfIt) {
    KnownRecord known(nonce(1, 1));
    const NamedDestination to{conf(0), upstream(0), true};
    known.set_may_go_to(to, "api.example.com");
    EXPECT_TRUE(known.may_go_to(to));
    EXPECT_FALSE(known.may_go_to({conf(1), upstream(0), true}));
    EXPECT_FALSE(known.may_go_to({conf(0), upstream(1), true}));
    EXPECT_FALSE(known.may_go_to({conf(0), upstream(0), false}));
    for (const char *line :
         {"", "api.example.co", "api.example.com.", "api.example.com:443", "API.example.com"}) {
        EXPECT_FALSE(known.may_go_to(to, line)) << line;
    }
}

TEST(KnownRecords, TheLastDestinationCounts) {
    KnownRecord known(nonce(1, 1));
    const NamedDestination first{conf(0), upstream(0), true};
    const NamedDestination second{conf(0), upstream(1), true};
    known.set_may_go_to(first, "a.example");
    known.set_may_go_to(second, "b.example");
    EXPECT_FALSE(known.may_go_to(first, "a.example"));
    EXPECT_FALSE(known.may_go_to(second, "a.example"));
    EXPECT_TRUE(known.may_go_to(second, "b.example"));

    const std::string longest(64, 'a');
    known.set_may_go_to(first, longest);
    EXPECT_TRUE(known.may_go_to(first, longest));
    known.set_may_go_to(second, longest + "a");
    EXPECT_FALSE(known.may_go_to(second, longest + "a")) << "more than there is room for";
    EXPECT_TRUE(known.may_go_to(first, longest));
}

}  // namespace
}  // namespace nexus::edge
