// RFC 5849's own examples: sections 3.4.1.1 (with the secrets of erratum 2550, which corrects its signature)
// and 1.2.
#include "shared/oauth1/signature.h"

#include <gtest/gtest.h>

#include "shared/http1/target_uri.h"

namespace nexus::oauth1 {
namespace {

encoding::FormPairs parameters_of(std::string_view query, std::string_view form, encoding::FormPairs ours) {
    encoding::FormPairs out = encoding::parse_form(query);
    for (const auto &pair : encoding::parse_form(form)) {
        out.push_back(pair);
    }
    out.insert(out.end(), ours.begin(), ours.end());
    return out;
}

TEST(Oauth1, SignsTheExampleOfSection3_4_1_1) {
    const std::string uri =
        http1::target_uri(false, "EXAMPLE.COM:80", "/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b");
    EXPECT_EQ(uri, "http://example.com/request");
    const std::string base =
        signature_base_string("post", uri,
                              parameters_of("b5=%3D%253D&a3=a&c%40=&a2=r%20b", "c2&a3=2+q",
                                            {{"oauth_consumer_key", "9djdj82h48djs9d2"},
                                             {"oauth_token", "kkk9d7dh3k39sjv7"},
                                             {"oauth_signature_method", "HMAC-SHA1"},
                                             {"oauth_timestamp", "137131201"},
                                             {"oauth_nonce", "7d8f3e4a"}}));
    EXPECT_EQ(
        base,
        "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D"
        "%26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a"
        "%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201"
        "%26oauth_token%3Dkkk9d7dh3k39sjv7");
    EXPECT_EQ(sign(crypto::HashName::kSha1, base, "j49sk3j29djd", "dh893hdasih9"),
              "r6/TJjbCOr97/+UU0NsvSne7s5g=");
}

TEST(Oauth1, SignsTheExampleOfSection1_2) {
    const std::string base = signature_base_string(
        "GET", http1::target_uri(false, "photos.example.net", "/photos?file=vacation.jpg&size=original"),
        parameters_of("file=vacation.jpg&size=original", "",
                      {{"oauth_consumer_key", "dpf43f3p2l4k3l03"},
                       {"oauth_token", "nnch734d00sl2jdk"},
                       {"oauth_signature_method", "HMAC-SHA1"},
                       {"oauth_timestamp", "137131202"},
                       {"oauth_nonce", "chapoH"}}));
    EXPECT_EQ(sign(crypto::HashName::kSha1, base, "kd94hf93k423kf44", "pfkkdhi9sl3r4s00"),
              "MdpQcU8iPSUjWoN/UDMsK2sui9I=");
}

TEST(Oauth1, MethodsAndRealms) {
    EXPECT_EQ(hash_of_method("HMAC-SHA256"), crypto::HashName::kSha256);
    EXPECT_EQ(hash_of_method("PLAINTEXT"), std::nullopt);
    EXPECT_TRUE(is_realm("Photos, and \xc3\xa4"));
    EXPECT_FALSE(is_realm("a\"b"));
    EXPECT_FALSE(is_realm("a\\b"));
    EXPECT_FALSE(is_realm("a\r\nb"));
}

}  // namespace
}  // namespace nexus::oauth1
