#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "shared/crypto/keyring.h"
#include "shared/crypto/random.h"

namespace nexus::crypto {
namespace {

using testing::HasSubstr;
using testing::Not;

class SecretReference : public testing::Test {
protected:
    void SetUp() override { std::filesystem::create_directory(dir_); }
    void TearDown() override { std::filesystem::remove_all(dir_); }

    std::string write(std::string_view content) {
        const std::filesystem::path path = dir_ / "secret";
        std::ofstream(path, std::ios::binary) << content;
        return "file:" + path.string();
    }

    std::filesystem::path dir_ = std::filesystem::temp_directory_path() / ("nexus-secret-" + random_uuid());
};

TEST_F(SecretReference, ReadsAFileWithoutItsLineEnd) {
    EXPECT_EQ(read_secret_reference(write("s3cret\r\n")).value().view(), "s3cret");
    EXPECT_EQ(read_secret_reference(write("two\nlines\n")).value().view(), "two\nlines");
    EXPECT_EQ(read_secret_reference(write(std::string(64 * 1024, 'x'))).value().size(), 64u * 1024);
}

TEST_F(SecretReference, RefusesEmptyLargeMissingAndOddFiles) {
    EXPECT_THAT(read_secret_reference(write("\n")).error().message, HasSubstr("is empty"));
    EXPECT_THAT(read_secret_reference(write(std::string(64 * 1024 + 1, 'x'))).error().message,
                HasSubstr("longer than 64 KiB"));
    EXPECT_THAT(read_secret_reference("file:" + (dir_ / "none").string()).error().message,
                HasSubstr("No such file"));
    EXPECT_THAT(read_secret_reference("file:" + dir_.string()).error().message,
                HasSubstr("not a regular file"));

    const std::string fifo = (dir_ / "fifo").string();
    ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
    EXPECT_THAT(read_secret_reference("file:" + fifo).error().message, HasSubstr("not a regular file"));
}

TEST_F(SecretReference, ReadsTheEnvironment) {
    setenv("NEXUS_TEST_SECRET", "from the environment\n", 1);
    EXPECT_EQ(read_secret_reference("env:NEXUS_TEST_SECRET").value().view(), "from the environment");
    setenv("NEXUS_TEST_SECRET", "", 1);
    EXPECT_FALSE(read_secret_reference("env:NEXUS_TEST_SECRET"));
    unsetenv("NEXUS_TEST_SECRET");
    EXPECT_THAT(read_secret_reference("env:NEXUS_TEST_SECRET").error().message,
                HasSubstr("env:NEXUS_TEST_SECRET: is not set"));
}

TEST_F(SecretReference, DoesNotRepeatWhatMayBeASecretInTheWrongPlace) {
    for (const char *reference : {"hunter2", "", "file:", "env:", "FILE:/hunter2", "http://hunter2"}) {
        const Result<Secret> got = read_secret_reference(reference);
        ASSERT_FALSE(got) << reference;
        EXPECT_EQ(got.error().errc, Errc::kInvalidKey);
        EXPECT_THAT(got.error().message, Not(HasSubstr("hunter2")));
    }
    EXPECT_FALSE(read_secret_reference(std::string_view("file:/etc/hostname\0x", 20)));
}

}  // namespace
}  // namespace nexus::crypto
