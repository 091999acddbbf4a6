// A real redis-server on a Unix socket in a temporary folder.
#pragma once

#include "tests/unit/control_plane/support/child_process.h"
#include "tests/unit/control_plane/support/temp_dir.h"

namespace nexus::test {

class RedisServer {
public:
    explicit RedisServer(std::string password = "");
    ~RedisServer();

    /// Starts (again, empty) and waits until it listens. Throws std::runtime_error
    void start();
    void stop(int number = SIGTERM) { process_.stop(number); }
    void signal(int number) const { process_.signal(number); }
    const std::string &socket_path() const { return socket_path_; }

private:
    TempDir dir_;
    std::string password_;
    std::string socket_path_;
    ChildProcess process_;
};

}  // namespace nexus::test
