// What a take-over says: a line per provider and connection by id (or JSON, one object a line), and the sums.
// No secret comes here.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nexus::control::takeover {

enum class Kind : uint8_t { kProvider, kConnection };
enum class Action : uint8_t { kCreate, kUnchanged, kSkip, kRefuse };

struct Entry {
    Kind kind = Kind::kConnection;
    Action action = Action::kCreate;
    std::string id;
    std::string label;   // a provider's name; a connection's provider and state
    std::string reason;  // of skip and refuse
    std::vector<std::string> notes;
};

class Report {
public:
    /// quiet  lines of what is refused only, and the sums
    Report(bool json, bool quiet, bool applies) : json_(json), quiet_(quiet), applies_(applies) {}

    void add(const Entry &entry);
    /// complete  false: it stopped on the way
    void finish(int64_t audit_events, bool complete) const;
    int64_t count(Kind kind, Action action) const { return counts_[index(kind)][index(action)]; }
    bool has_refusals() const;

private:
    template <typename Enum>
    static constexpr size_t index(Enum value) {
        return static_cast<size_t>(value);
    }
    bool json_;
    bool quiet_;
    bool applies_;
    std::array<std::array<int64_t, 4>, 2> counts_{};
};

}  // namespace nexus::control::takeover
