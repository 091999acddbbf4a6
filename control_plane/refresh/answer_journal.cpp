// Answers that the database could not take: see answer_journal.h. A line is {"connection_id", "epoch",
// "box"}.
#include "control_plane/refresh/answer_journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "control_plane/json/json.h"
#include "control_plane/log/log.h"
#include "shared/crypto/random.h"
#include "shared/encoding/base64.h"

namespace nexus::control {

namespace {

constexpr std::string_view kSuffix = ".answers";

Place place_of(std::string_view connection_id, int64_t epoch) {
    return {"refresh_journal", connection_id, "answer", epoch};
}

bool write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return false;
        }
        bytes.remove_prefix(static_cast<size_t>(written));
    }
    return true;
}

/// returns whether that is all of it
bool read_all(int fd, std::string &out) {
    char buffer[16384];
    ssize_t got = 0;
    while ((got = ::read(fd, buffer, sizeof(buffer))) > 0) {
        out.append(buffer, static_cast<size_t>(got));
    }
    return got == 0;
}

Result<std::string> to_line(const Vault &vault, const Answer &answer) {
    return vault.seal(place_of(answer.connection_id, answer.epoch), to_json(answer))
        .map([&](const std::string &box) {
            return json::Value::object()
                       .set("connection_id", answer.connection_id)
                       .set("epoch", answer.epoch)
                       .set("box", encoding::base64_encode(box))
                       .dump_text() +
                   "\n";
        });
}

Result<Answer> parse_line(const Vault &vault, std::string_view line) {
    Result<json::Value> object = json::parse_object(line);
    if (!object) {
        return fail(object.error());
    }
    const json::Value id = object->get("connection_id");
    const json::Value box_text = object->get("box");
    const int64_t epoch = object->get("epoch").as_integer();
    return encoding::base64_decode(box_text.as_string())
        .and_then([&](const std::string &box) { return vault.open(place_of(id.as_string(), epoch), box); })
        .and_then([](const Secret &text) { return parse_answer(text.view()); });
}

}  // namespace

AnswerJournal::AnswerJournal(std::string folder, const Vault &vault)
    : folder_(std::move(folder)), vault_(vault) {}

AnswerJournal::~AnswerJournal() {
    for (const Adopted &file : adopted_) {
        ::close(file.fd);
    }
    if (fd_ < 0) {
        return;
    }
    if (answers_.empty() || end_ == 0) {
        ::unlink(path_.c_str());
    }
    ::close(fd_);
}

bool AnswerJournal::open_file() {
    if (fd_ >= 0) {
        return true;
    }
    path_ = folder_ + "/nexusd-" + crypto::random_uuid() + std::string{kSuffix};
    fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd_ < 0) {
        return false;
    }
    ::flock(fd_, LOCK_EX | LOCK_NB);
    const int folder = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0) {
        ::fsync(folder);  // the file's name too must outlive the power
        ::close(folder);
    }
    return true;
}

bool AnswerJournal::append(const Answer &answer) {
    Result<std::string> line = to_line(vault_, answer);
    if (!line || !open_file()) {
        return false;
    }
    if (is_torn_) {
        line->insert(0, "\n");
    }
    if (write_all(fd_, *line) && ::fdatasync(fd_) == 0) {
        end_ = ::lseek(fd_, 0, SEEK_CUR);
        is_torn_ = false;
        return true;
    }
    const int reason = errno;
    is_torn_ = ::ftruncate(fd_, end_) != 0;
    errno = reason;
    return false;
}

bool AnswerJournal::keep(std::shared_ptr<const Answer> answer) {
    const std::scoped_lock lock(mutex_);
    const bool is_on_disk = append(*answer);
    if (!is_on_disk) {
        log::error("refresh_journal_failed", {{"connection_id", answer->connection_id},
                                              {"folder", folder_},
                                              {"reason", std::generic_category().message(errno)}});
    }
    if (answers_.size() < kMaxAnswers) {
        Key key{answer->connection_id, answer->epoch};
        answers_.insert_or_assign(std::move(key), std::move(answer));
    }
    return is_on_disk;
}

/// A line that was cut short, the last one or one that could not be taken back, was never believed kept.
void AnswerJournal::read_lines(Adopted &file) {
    std::string text;
    file.is_complete = read_all(file.fd, text);
    for (std::string_view rest = text; rest.find('\n') != std::string_view::npos;) {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(line.size() + 1);
        if (!line.ends_with('}')) {
            continue;
        }
        Result<Answer> answer = parse_line(vault_, line);
        if (!answer) {
            log::error("refresh_journal_line_refused", {{"reason", answer.error().message}});
            file.is_complete = false;
            continue;
        }
        Key key{answer->connection_id, answer->epoch};
        file.waiting.insert(key);
        answers_.insert_or_assign(std::move(key), std::make_shared<const Answer>(std::move(*answer)));
    }
}

bool AnswerJournal::close_if_done(Adopted &file) {
    if (!file.waiting.empty()) {
        return false;
    }
    if (file.is_complete) {
        ::unlink(file.path.c_str());
    }
    ::close(file.fd);
    return true;
}

size_t AnswerJournal::adopt() {
    const std::scoped_lock lock(mutex_);
    size_t adopted = 0;
    std::error_code ignored;
    for (const auto &entry : std::filesystem::directory_iterator(folder_, ignored)) {
        const std::string path = entry.path().string();
        if (!path.ends_with(kSuffix) || path == path_) {
            continue;
        }
        const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0) {
            continue;
        }
        if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {  // its process lives
            ::close(fd);
            continue;
        }
        Adopted file{path, fd, {}, false};
        read_lines(file);
        adopted += file.waiting.size();
        if (!close_if_done(file)) {
            adopted_.push_back(std::move(file));
        }
    }
    return adopted;
}

std::vector<std::shared_ptr<const Answer>> AnswerJournal::waiting() const {
    const std::scoped_lock lock(mutex_);
    std::vector<std::shared_ptr<const Answer>> out;
    out.reserve(answers_.size());
    for (const auto &[key, answer] : answers_) {
        out.push_back(answer);
    }
    return out;
}

std::vector<std::shared_ptr<const Answer>> AnswerJournal::waiting_of(const std::string &connection_id) const {
    const std::scoped_lock lock(mutex_);
    std::vector<std::shared_ptr<const Answer>> out;
    for (auto it = answers_.lower_bound({connection_id, 0});
         it != answers_.end() && it->first.first == connection_id; ++it) {
        out.push_back(it->second);
    }
    return out;
}

void AnswerJournal::forget(const Answer &answer) {
    const std::scoped_lock lock(mutex_);
    const Key key{answer.connection_id, answer.epoch};
    answers_.erase(key);
    std::erase_if(adopted_, [&](Adopted &file) {
        file.waiting.erase(key);
        return close_if_done(file);
    });
    if (!answers_.empty() || fd_ < 0) {
        return;
    }
    if (::ftruncate(fd_, 0) == 0) {
        end_ = 0;
        is_torn_ = false;
    } else {
        log::warn("refresh_journal_not_emptied", {{"file", path_}});  // read again, it says nothing new
    }
}

size_t AnswerJournal::size() const {
    const std::scoped_lock lock(mutex_);
    return answers_.size();
}

}  // namespace nexus::control
