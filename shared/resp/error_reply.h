// Error replies of Redis by what they mean for the connection.
#pragma once

#include <cstdint>
#include <string_view>

namespace nexus::resp {

enum class ErrorKind : uint8_t {
    kCommand,      // this one command was refused (ERR, OOM, NOPERM, NOSCRIPT ...)
    kNotServing,   // the server serves nobody, or not us, for now (LOADING, MASTERDOWN, NOAUTH ...)
    kReadOnly,     // a replica was asked to write: it is not the server that it was taken for
    kMoved,        // cluster: the slot is another node's
    kAsk,          // cluster: the slot is on its way, and this key is at the other node already
    kTryAgain,     // cluster: some of the keys are here and some there
    kClusterDown,  // cluster: nobody has the slot, or too few nodes see each other
};

ErrorKind kind_of_error(std::string_view error) noexcept;

/// The part of an error that may be logged: an upper-case word of at most 32 characters, or "an error".
std::string_view first_word(std::string_view error) noexcept;

}  // namespace nexus::resp
