#include "tests/unit/control_plane/support/child_process.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <stdexcept>
#include <utility>

namespace nexus::test {

namespace {

struct Identity {
    bool is_changed = false;
    uid_t user = 0;
    gid_t group = 0;
};

Identity nobody_if_root() {
    const passwd *entry = ::geteuid() == 0 ? ::getpwnam("nobody") : nullptr;
    return entry == nullptr ? Identity{} : Identity{true, entry->pw_uid, entry->pw_gid};
}

/// Between fork and exec: async-signal-safe calls only.
[[noreturn]] void run_child(char *const *arguments, int log_fd, const Identity &identity) {
    if (identity.is_changed && (::setgid(identity.group) != 0 || ::setuid(identity.user) != 0)) {
        ::_exit(126);
    }
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // after setuid, which clears it
    ::dup2(log_fd, STDOUT_FILENO);
    ::dup2(log_fd, STDERR_FILENO);
    if (::chdir("/tmp") == 0) {
        ::execvp(arguments[0], arguments);
    }
    ::_exit(127);
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string> &command, const std::string &log_path,
                           bool as_nobody) {
    std::vector<char *> arguments;
    for (const std::string &argument : command) {
        arguments.push_back(const_cast<char *>(argument.c_str()));
    }
    arguments.push_back(nullptr);
    const Identity identity = as_nobody ? nobody_if_root() : Identity{};
    const int log_fd = ::open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    pid_ = ::fork();
    if (pid_ == 0) {
        run_child(arguments.data(), log_fd, identity);
    }
    ::close(log_fd);
    if (pid_ < 0) {
        throw std::runtime_error("fork failed");
    }
}

ChildProcess::ChildProcess(ChildProcess &&other) noexcept : pid_(std::exchange(other.pid_, -1)) {}

ChildProcess &ChildProcess::operator=(ChildProcess &&other) noexcept {
    if (this != &other) {
        stop(SIGKILL);
        pid_ = std::exchange(other.pid_, -1);
    }
    return *this;
}

ChildProcess::~ChildProcess() {
    stop(SIGKILL);
}

void ChildProcess::signal(int number) const {
    if (pid_ > 0) {
        ::kill(pid_, number);
    }
}

void ChildProcess::stop(int number) {
    signal(number);
    wait();
}

int ChildProcess::wait() {
    if (pid_ <= 0) {
        return 0;
    }
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace nexus::test
