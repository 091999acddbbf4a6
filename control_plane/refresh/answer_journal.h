// Answers that the database could not take: a rotated refresh token exists nowhere else, so it is sealed and
// on the disk (fsync) before anything else happens. One file for each process, in a folder that several may
// share; the files of processes that have ended are taken over, as they are: that needs no room on the disk.
#pragma once

#include <sys/types.h>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "control_plane/refresh/answer.h"
#include "control_plane/vault/vault.h"

namespace nexus::control {

class AnswerJournal {
public:
    static constexpr size_t kMaxAnswers = 100000;  // in memory too

    /// folder  exists and can be written to; otherwise answers are kept in memory only, and the log says so
    AnswerJournal(std::string folder, const Vault &vault);
    ~AnswerJournal();  // leaves a file behind if there is something in it
    AnswerJournal(const AnswerJournal &) = delete;
    AnswerJournal &operator=(const AnswerJournal &) = delete;

    /// Takes over what processes that have ended left behind. A file with something unreadable in it stays.
    /// returns how many answers that were
    size_t adopt();
    /// On the disk when it returns. returns false: in memory only (the disk refused; the log says why)
    bool keep(std::shared_ptr<const Answer> answer);
    /// What waits, of every connection the answer of the highest epoch last.
    std::vector<std::shared_ptr<const Answer>> waiting() const;
    /// Those of one connection.
    std::vector<std::shared_ptr<const Answer>> waiting_of(const std::string &connection_id) const;
    /// It is stored, or of no use any more.
    void forget(const Answer &answer);
    size_t size() const;

private:
    using Key = std::pair<std::string, int64_t>;
    /// Of a process that has ended; locked until its answers are stored.
    struct Adopted {
        std::string path;
        int fd;
        std::set<Key> waiting;
        bool is_complete;  // there is nothing in it that could not be read
    };
    bool append(const Answer &answer);
    bool open_file();
    void read_lines(Adopted &file);
    static bool close_if_done(Adopted &file);

    const std::string folder_;
    const Vault &vault_;
    mutable std::mutex mutex_;
    std::map<Key, std::shared_ptr<const Answer>> answers_;
    std::vector<Adopted> adopted_;
    std::string path_;
    int fd_ = -1;
    off_t end_ = 0;         // of the last whole line
    bool is_torn_ = false;  // there is half a line behind it
};

}  // namespace nexus::control
