// RFC 5849 section 3.4.1.2, whose first example keeps the path's spelling; RFC 3986 section 6.2.3.
#include "shared/http1/target_uri.h"

#include <gtest/gtest.h>

namespace nexus::http1 {
namespace {

TEST(TargetUri, IsWhatTheRequestIsAbout) {
    EXPECT_EQ(target_uri(false, "EXAMPLE.COM:80", "/r%20v/X?id=123"), "http://example.com/r%20v/X");
    EXPECT_EQ(target_uri(true, "www.example.net:8080", "/?q=1"), "https://www.example.net:8080/");
    EXPECT_EQ(target_uri(true, "a.example:443", "/"), "https://a.example/");
    EXPECT_EQ(target_uri(true, "a.example:80", "/a?b?c"), "https://a.example:80/a");
    EXPECT_EQ(target_uri(false, "[::1]:80", "/"), "http://[::1]/");
    EXPECT_EQ(origin(true, "A.example:8443"), "https://a.example:8443");
}

}  // namespace
}  // namespace nexus::http1
