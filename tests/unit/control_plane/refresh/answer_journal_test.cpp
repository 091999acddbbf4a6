// The journal's files: what a full disk, a dead process and half a line leave of them.
#include "control_plane/refresh/answer_journal.h"

#include <sys/resource.h>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/unit/control_plane/refresh/engine_fixture.h"

namespace nexus::control {
namespace {

/// No file of this process grows beyond `size`: for write() that is a disk with room for a part.
class FullDisk {
public:
    explicit FullDisk(uintmax_t size) {
        ::getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit full{size, before_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &full);
    }
    ~FullDisk() {
        ::setrlimit(RLIMIT_FSIZE, &before_);
        ::signal(SIGXFSZ, was_);
    }
    FullDisk(const FullDisk &) = delete;
    FullDisk &operator=(const FullDisk &) = delete;

private:
    const sighandler_t was_ = ::signal(SIGXFSZ, SIG_IGN);
    rlimit before_{};
};

std::shared_ptr<const Answer> answer(const std::string &connection_id) {
    Answer made;
    made.connection_id = connection_id;
    made.epoch = 1;
    made.credentials.refresh_token = Secret{"refresh-" + connection_id};
    return std::make_shared<const Answer>(std::move(made));
}

class AnswerJournalTest : public testing::Test {
protected:
    std::unique_ptr<AnswerJournal> journal() { return std::make_unique<AnswerJournal>(dir_.path(), vault_); }
    std::vector<std::filesystem::path> files() const {
        std::vector<std::filesystem::path> found;
        for (const auto &entry : std::filesystem::directory_iterator(dir_.path())) {
            found.push_back(entry.path());
        }
        return found;
    }
    std::string content() const {
        std::stringstream text;
        text << std::ifstream(files().at(0)).rdbuf();
        return text.str();
    }
    /// What a process that starts now takes over.
    std::string adopted_by(AnswerJournal &next) {
        next.adopt();
        std::string names;
        for (const auto &one : next.waiting()) {
            names += one->connection_id;
            EXPECT_EQ(one->credentials.refresh_token.view(), "refresh-" + one->connection_id);
        }
        return names;
    }

    nexus::test::TempDir dir_;
    const Vault vault_ = test::make_vault();
};

TEST_F(AnswerJournalTest, WhatIsKeptAfterADiskWasFullIsKeptWhole) {
    auto dying = journal();
    ASSERT_TRUE(dying->keep(answer("a")));
    {
        const FullDisk disk(content().size() + 20);
        EXPECT_FALSE(dying->keep(answer("b")));
    }
    EXPECT_TRUE(dying->keep(answer("c")));
    dying.reset();
    EXPECT_EQ(adopted_by(*journal()), "ac");
}

TEST_F(AnswerJournalTest, HalfALineIsPassedOver) {
    auto dying = journal();
    ASSERT_TRUE(dying->keep(answer("a")));
    const std::string half = content().substr(0, 40);
    ASSERT_TRUE(dying->keep(answer("c")));
    dying.reset();
    const std::string whole = content();
    std::ofstream(files().at(0), std::ios::trunc) << half << "\n\n" << whole << half;

    auto next = journal();
    EXPECT_EQ(adopted_by(*next), "ac");
    next->forget(*answer("a"));
    next->forget(*answer("c"));
    EXPECT_TRUE(files().empty());
}

TEST_F(AnswerJournalTest, ADeadProcesssAnswersAreTakenOverWhileTheDiskIsFull) {
    auto dying = journal();
    ASSERT_TRUE(dying->keep(answer("a")));
    ASSERT_TRUE(dying->keep(answer("b")));
    dying.reset();

    const FullDisk disk(0);
    auto next = journal();
    EXPECT_EQ(adopted_by(*next), "ab");
    EXPECT_EQ(adopted_by(*journal()), "") << "they have an owner";

    next->forget(*answer("a"));
    next.reset();  // it dies too, before the other is stored
    auto last = journal();
    EXPECT_NE(adopted_by(*last).find('b'), std::string::npos);
    last->forget(*answer("a"));
    last->forget(*answer("b"));
    EXPECT_TRUE(files().empty());
}

TEST_F(AnswerJournalTest, AFileWithSomethingUnreadableInItStays) {
    auto dying = journal();
    ASSERT_TRUE(dying->keep(answer("a")));
    dying.reset();
    std::ofstream(files().at(0), std::ios::app) << "{\"connection_id\":\"b\",\"epoch\":1,\"box\":\"AAAA\"}\n";

    auto next = journal();
    EXPECT_EQ(adopted_by(*next), "a");
    next->forget(*answer("a"));
    EXPECT_EQ(files().size(), 1U);
}

}  // namespace
}  // namespace nexus::control
