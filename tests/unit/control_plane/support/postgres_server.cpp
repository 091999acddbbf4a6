#include "tests/unit/control_plane/support/postgres_server.h"

#include <pwd.h>
#include <unistd.h>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace nexus::test {

namespace {

std::string find_bin() {
    std::error_code ignored;
    for (const auto &version : std::filesystem::directory_iterator("/usr/lib/postgresql", ignored)) {
        if (std::filesystem::exists(version.path() / "bin/initdb")) {
            return version.path() / "bin";
        }
    }
    throw std::runtime_error("PostgreSQL is not installed (package postgresql-15)");
}

std::string content(const std::string &path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

}  // namespace

PostgresServer::PostgresServer() : bin_(find_bin()) {
    if (::geteuid() == 0) {
        const passwd *nobody = ::getpwnam("nobody");
        if (nobody == nullptr || ::chown(dir_.path().c_str(), nobody->pw_uid, nobody->pw_gid) != 0) {
            throw std::runtime_error("the folder cannot be given to nobody");
        }
    }
    const std::string log = dir_.path() + "/initdb.log";
    ChildProcess initdb({bin_ + "/initdb", "-D", dir_.path() + "/data", "-A", "trust", "-U", "test", "-E",
                         "UTF8", "--locale=C.UTF-8", "--no-sync"},
                        log, true);
    if (initdb.wait() != 0) {
        throw std::runtime_error("initdb failed: " + content(log));
    }
    start();
}

PostgresServer::~PostgresServer() {
    stop();
}

void PostgresServer::start() {
    const std::string log = dir_.path() + "/postgres.log";
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (std::chrono::steady_clock::now() < deadline) {
        // After a kill -9 the old backends hold the lock file for a moment; the start is tried again.
        process_ = ChildProcess({bin_ + "/postgres", "-D", dir_.path() + "/data", "-k", dir_.path(), "-c",
                                 "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=50"},
                                log, true);
        for (int i = 0; i < 40; ++i) {
            if (answers()) {
                return;
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
        process_.stop(SIGQUIT);
    }
    throw std::runtime_error("postgres does not start: " + content(log));
}

bool PostgresServer::answers() const {
    ChildProcess probe({bin_ + "/pg_isready", "-q", "-h", dir_.path(), "-U", "test", "-d", "postgres"},
                       "/dev/null", false);
    return probe.wait() == 0;
}

std::string PostgresServer::url() const {
    return "postgresql://test@/postgres?host=" + dir_.path();
}

std::string PostgresServer::url(const std::string &schema) const {
    return url() + "&options=-csearch_path%3D" + schema;
}

}  // namespace nexus::test
