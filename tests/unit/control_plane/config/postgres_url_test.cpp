// TLS to PostgreSQL: which URLs demand it, which are refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control_plane/config/urls.h"

namespace nexus::control {
namespace {

Result<DatabaseTarget> parse(const std::string &url, const DatabaseTls &tls = {}) {
    return parse_database_url(Secret(std::string_view(url)), tls);
}

std::string connection(const std::string &url, const DatabaseTls &tls = {}) {
    const Result<DatabaseTarget> target = parse(url, tls);
    return target ? std::string(target->url.view()) : "refused: " + target.error().message;
}

using testing::HasSubstr;
using testing::Not;

const DatabaseTls kCa{true, "", "/etc/ca.pem"};

class Local : public testing::TestWithParam<const char *> {};

TEST_P(Local, NeedsNoTls) {
    EXPECT_THAT(connection(GetParam()), AllOf(Not(HasSubstr("refused")), Not(HasSubstr("sslmode"))));
    EXPECT_THAT(connection(GetParam(), kCa), HasSubstr("sslmode='verify-full' sslrootcert='/etc/ca.pem'"));
    EXPECT_THAT(connection(GetParam(), {true, "require", ""}), HasSubstr("sslmode='require'"));
}

INSTANTIATE_TEST_SUITE_P(Hosts, Local,
                         testing::Values("postgresql:///n", "postgres://u:p@localhost/n",
                                         "postgresql://127.0.0.1:5433/n", "postgresql://[::1]/n",
                                         "postgresql://%2frun%2fpostgresql/n",
                                         "postgresql:///n?host=/run/postgresql",
                                         "postgresql://localhost,127.0.0.1/n",
                                         "postgresql://localhost/n?hostaddr=127.0.0.1"));

class Remote : public testing::TestWithParam<std::string> {};

TEST_P(Remote, GetsTls) {
    const std::string url = GetParam();
    const std::string more = url.find('?') == std::string::npos ? "?" : "&";
    EXPECT_THAT(connection(url), HasSubstr("sslmode='require'"));
    EXPECT_THAT(connection(url, kCa), HasSubstr("sslmode='verify-full' sslrootcert='/etc/ca.pem'"));
    EXPECT_THAT(connection(url, {true, "verify-ca", "/etc/ca.pem"}), HasSubstr("sslmode='verify-ca'"));
    EXPECT_THAT(connection(url + more + "sslmode=verify-full&sslrootcert=/x.pem"),
                HasSubstr("sslmode='verify-full' sslrootcert='/x.pem'"));
    for (const char *mode : {"disable", "allow", "prefer", "nonsense"}) {
        EXPECT_THAT(connection(url + more + "sslmode=" + mode), HasSubstr("another host without TLS"));
        EXPECT_THAT(connection(url, {true, mode, ""}), HasSubstr("another host without TLS"));
        EXPECT_THAT(connection(url + more + "sslmode=" + mode, {false, "", ""}), Not(HasSubstr("refused")));
    }
    EXPECT_THAT(connection(url, {false, "", ""}),
                AllOf(Not(HasSubstr("refused")), Not(HasSubstr("sslmode"))));
}

INSTANTIATE_TEST_SUITE_P(
    Hosts, Remote,
    testing::Values("postgresql://u:p@db.example.com/n", "postgresql://192.0.2.1/n",
                    "postgresql://[2001:db8::1]/n", "postgresql://localhost.example.com/n",
                    "postgresql://127.0.0.1.example.com/n", "postgresql://localhost,db.example.com/n",
                    "postgresql://db.example.com:1,localhost:2/n", "postgresql:///n?host=db.example.com",
                    "postgresql://localhost/n?hostaddr=192.0.2.1",
                    "postgresql://db.example.com/n?hostaddr=127.0.0.1", "postgresql://0.0.0.0/n",
                    // The empty entry of hostaddr falls back to that host.
                    "postgresql://localhost,db.example.com/n?hostaddr=127.0.0.1,",
                    "postgresql:///n?hostaddr=127.0.0.1,192.0.2.1"));

TEST(PostgresUrl, SaysOneThingOnly) {
    EXPECT_THAT(connection("postgresql://db.example.com/n?sslmode=verify-full&sslrootcert=/a.pem",
                           {true, "require", ""}),
                HasSubstr("DB_SSLMODE name different modes"));
    EXPECT_THAT(connection("postgresql://db.example.com/n?sslrootcert=/a.pem", kCa),
                HasSubstr("DB_SSLROOTCERT name different files"));
    EXPECT_THAT(connection("postgresql://db.example.com/n?sslmode=verify-full"),
                HasSubstr("set DB_SSLROOTCERT"));
    EXPECT_THAT(connection("postgresql://db.example.com/n", {true, "verify-ca", ""}),
                HasSubstr("set DB_SSLROOTCERT"));
    EXPECT_THAT(connection("postgresql://localhost/n?sslmode=disable", kCa), HasSubstr("does without"));
    EXPECT_THAT(connection("postgresql://localhost/n?service=x"), HasSubstr("service"));
}

TEST(PostgresUrl, KeepsEverythingElse) {
    const std::string text = connection(
        "postgresql://us%27er:p%5Cw%20d@db.example.com:6432/n?application_name=x&gssencmode=prefer");
    EXPECT_THAT(text, HasSubstr("user='us\\'er' "));
    EXPECT_THAT(text, HasSubstr("password='p\\\\w d' "));
    EXPECT_THAT(text, HasSubstr("port='6432' "));
    EXPECT_THAT(text, HasSubstr("dbname='n' "));
    EXPECT_THAT(text, HasSubstr("application_name='x' "));
    // Encryption by Kerberos would be tried before TLS, without any certificate.
    EXPECT_THAT(text, AllOf(HasSubstr("gssencmode='disable'"), Not(HasSubstr("prefer"))));
}

}  // namespace
}  // namespace nexus::control
