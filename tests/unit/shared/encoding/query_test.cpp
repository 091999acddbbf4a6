#include "shared/encoding/query.h"

#include <gtest/gtest.h>

namespace nexus::encoding {
namespace {

TEST(ParseQuery, DecodesNamesAndValues) {
    const QueryParameters expected{{"a", "1"}, {"b c", "2=3"}, {"a", ""}, {"d", ""}, {"", "e"}};
    EXPECT_EQ(parse_query("a=1&%62+c=2=3&&a&d=&=e&").value(), expected);
    EXPECT_TRUE(parse_query("").value().empty());
    EXPECT_TRUE(parse_query("&&").value().empty());
}

TEST(ParseQuery, RefusesWhatIsMalformed) {
    for (const char *broken : {"%", "a=%4", "a=%zz", "%00=1", "a=1&b=%00", "a=%ff", "%c0%ae"}) {
        EXPECT_EQ(parse_query(broken).error().errc, Errc::kInvalidRequest) << broken;
    }
}

TEST(ParseQuery, HasABound) {
    std::string query = "a";
    for (int i = 1; i < 100; ++i) {
        query += "&a";
    }
    EXPECT_EQ(parse_query(query).value().size(), 100);
    EXPECT_FALSE(parse_query(query + "&a"));
}

TEST(OneParameter, IsExactAndGivenOnce) {
    const QueryParameters parameters = parse_query("a=1&b=2&a=1&B=3").value();
    EXPECT_EQ(one_parameter(parameters, "b").value(), "2");
    EXPECT_EQ(one_parameter(parameters, "c").value(), std::nullopt);
    EXPECT_EQ(one_parameter(parameters, "a").error().message, "parameter a is given twice");
}

}  // namespace
}  // namespace nexus::encoding
