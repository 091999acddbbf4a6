// A buffer that holds a secret: wiped on destruction, not copyable by accident, not printable.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace nexus {

class Secret {
public:
    Secret() = default;
    explicit Secret(std::string_view bytes);
    explicit Secret(std::string &&bytes);  // copies, then wipes the source
    Secret(Secret &&other) noexcept;
    Secret &operator=(Secret &&other) noexcept;
    Secret(const Secret &) = delete;
    Secret &operator=(const Secret &) = delete;
    ~Secret();

    static Secret zeroed(size_t size);
    Secret clone() const;

    std::string_view view() const { return {bytes_.data(), bytes_.size()}; }
    char *data() { return bytes_.data(); }
    size_t size() const { return bytes_.size(); }
    bool empty() const { return bytes_.empty(); }
    /// Keeps the first `size` bytes and wipes the rest; never grows.
    void truncate(size_t size) noexcept;
    void wipe() noexcept;

private:
    std::vector<char> bytes_;
};

/// Overwrites `text` and empties it; for strings of libraries that insist on std::string.
void wipe(std::string &text) noexcept;

/// Equality in time that depends on the lengths only.
bool constant_time_equal(std::string_view a, std::string_view b) noexcept;

}  // namespace nexus
