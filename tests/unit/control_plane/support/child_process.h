// A child process, ended by its pid; it also ends should the test die.
#pragma once

#include <sys/types.h>
#include <csignal>
#include <string>
#include <vector>

namespace nexus::test {

class ChildProcess {
public:
    ChildProcess() = default;
    /// as_nobody  only matters when the test runs as root. Output goes to `log_path`.
    ChildProcess(const std::vector<std::string> &command, const std::string &log_path, bool as_nobody);
    ChildProcess(ChildProcess &&other) noexcept;
    ChildProcess &operator=(ChildProcess &&other) noexcept;
    ~ChildProcess();  // SIGKILL if it still runs

    void signal(int number) const;
    /// Sends the signal and waits for the end.
    void stop(int number = SIGTERM);
    /// returns the exit status, or 128 + signal
    int wait();
    bool is_running() const { return pid_ > 0; }

private:
    pid_t pid_ = -1;
};

}  // namespace nexus::test
