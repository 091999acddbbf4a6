#include "tests/unit/control_plane/support/redis_server.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <thread>

namespace nexus::test {

namespace {

bool listens(const std::string &path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool is_open = ::connect(fd, reinterpret_cast<sockaddr *>(&address), sizeof address) == 0;
    ::close(fd);
    return is_open;
}

}  // namespace

RedisServer::RedisServer(std::string password)
    : password_(std::move(password)), socket_path_(dir_.path() + "/redis.sock") {
    start();
}

RedisServer::~RedisServer() {
    stop();
}

void RedisServer::start() {
    std::vector<std::string> command{"redis-server", "--port", "0",        "--unixsocket",
                                     socket_path_,   "--save", "",         "--appendonly",
                                     "no",           "--dir",  dir_.path()};
    if (!password_.empty()) {
        command.insert(command.end(), {"--requirepass", password_});
    }
    ::unlink(socket_path_.c_str());
    process_ = ChildProcess(command, dir_.path() + "/redis.log", false);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!listens(socket_path_)) {
        if (std::chrono::steady_clock::now() > deadline) {
            throw std::runtime_error("redis-server does not start");
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

}  // namespace nexus::test
