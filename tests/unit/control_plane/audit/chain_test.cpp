#include "control_plane/audit/chain.h"

#include <gtest/gtest.h>

#include "shared/encoding/hex.h"
#include "tests/unit/control_plane/audit/sample.h"

namespace nexus::control::audit {
namespace {

Chain make_chain(char fill = 'k') {
    return Chain(Secret{std::string(32, fill)});
}

TEST(Chain, IsStable) {
    // Rows that exist must verify for ever: these values may not change.
    EXPECT_EQ(make_chain().key_id(), "81ff3e9e1167f77c");
    EXPECT_EQ(encoding::hex_encode(make_chain().row_mac(sample())),
              "efe136b523727861b69a8a08ec0cdf548e1790f9bb651c6a711170f128b2b8d0");
    const Head head{7, std::string(32, 'h'), 2, std::string(32, 'a'), ""};
    EXPECT_EQ(encoding::hex_encode(make_chain().head_mac(head)),
              "cc29229f3959e502b9310b3922699dab247e3c1c0e310831479001c208aaee69");
}

TEST(Chain, AnotherKeyMakesOtherRows) {
    EXPECT_NE(make_chain('k').row_mac(sample()), make_chain('l').row_mac(sample()));
    EXPECT_NE(make_chain('k').key_id(), make_chain('l').key_id());
    EXPECT_NE(make_chain().row_mac(sample()), crypto::as_view(chain_hash(sample())));
}

TEST(Chain, TheHeadIsHeldWhole) {
    const Chain chain = make_chain();
    Head head{7, std::string(32, 'h'), 2, std::string(32, 'a'), ""};
    head.mac = chain.head_mac(head);
    EXPECT_TRUE(chain.is_own(head));
    for (const auto edit : {+[](Head &h) { h.sequence = 6; }, +[](Head &h) { h.hash[0] = 'x'; },
                            +[](Head &h) { h.first_sequence = 3; }, +[](Head &h) { h.anchor[0] = 'x'; },
                            +[](Head &h) { h.mac[0] ^= 1; }, +[](Head &h) { h.mac.clear(); }}) {
        Head edited = head;
        edit(edited);
        EXPECT_FALSE(chain.is_own(edited));
    }
}

TEST(Chain, RemembersHowLongItWas) {
    Chain chain = make_chain();
    EXPECT_TRUE(chain.witness(5));
    EXPECT_TRUE(chain.witness(5));
    EXPECT_TRUE(chain.witness(9));
    EXPECT_FALSE(chain.witness(8));
    EXPECT_TRUE(chain.witness(8)) << "said once, then the chain goes on from there";
    EXPECT_EQ(chain.longest_seen(), 8);
}

}  // namespace
}  // namespace nexus::control::audit
