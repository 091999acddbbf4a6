// A real PostgreSQL on a Unix socket in a temporary folder, for one test program.
#pragma once

#include "tests/unit/control_plane/support/child_process.h"
#include "tests/unit/control_plane/support/temp_dir.h"

namespace nexus::test {

class PostgresServer {
public:
    /// Makes a cluster and starts it. Throws std::runtime_error with the server's log if that fails.
    PostgresServer();
    ~PostgresServer();

    void start();
    void stop(int number = SIGQUIT) { process_.stop(number); }
    void signal(int number) const { process_.signal(number); }

    /// Connection URL of a schema of its own, empty at first. schema  letters and digits
    std::string url(const std::string &schema) const;
    std::string url() const;

private:
    bool answers() const;

    TempDir dir_;
    std::string bin_;
    ChildProcess process_;
};

}  // namespace nexus::test
