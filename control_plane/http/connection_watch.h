// Which connections have fallen silent. HTTP/1.1 gives up a connection with the request that was not
// answered; on an HTTP/2 connection only the stream ends, and a peer that hangs would be asked again and
// again over the same connection. Here connections are judged; who owns them cuts them.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <unordered_map>

namespace nexus::control {

/// For one thread. Connections are known by a text that is theirs while they live.
class ConnectionWatch {
public:
    using Time = std::chrono::steady_clock::time_point;

    /// quiet_limit  on a connection that owes answers, and gave none for so long, a time-out is the last
    explicit ConnectionWatch(std::chrono::milliseconds quiet_limit) : quiet_limit_(quiet_limit) {}

    void begun(const std::string &connection, Time now);
    /// Any of its requests begins to be answered.
    void heard(const std::string &connection, Time now);
    /// returns whether the connection is to be cut; it is forgotten then
    bool ended(const std::string &connection, bool is_timed_out, Time now);
    void forget(const std::string &connection) { states_.erase(connection); }
    size_t size() const { return states_.size(); }

private:
    struct State {
        Time quiet_since;
        size_t owed = 0;  // answers
        bool is_suspect = false;
    };
    void forget_old(Time now);

    const std::chrono::milliseconds quiet_limit_;
    std::unordered_map<std::string, State> states_;
};

}  // namespace nexus::control
