// Expected failures are values: Result<T> = tl::expected<T, Error>.
#pragma once

#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "shared/errc.h"

namespace nexus {

struct Error {
    Errc errc = Errc::kInternal;
    std::string message;        // one sentence for the caller; never a secret, never a peer's raw text
    std::string detail;         // optional: which member, which id
    int64_t retry_after_s = 0;  // > 0: sent as Retry-After
};

template <typename T>
using Result = tl::expected<T, Error>;

// Cold: what builds errors is kept out of the way of what runs for every request.
[[gnu::cold]] inline tl::unexpected<Error> fail(Errc errc, std::string message, std::string detail = {}) {
    return tl::unexpected<Error>(Error{errc, std::move(message), std::move(detail), 0});
}

[[gnu::cold]] inline tl::unexpected<Error> fail(Error error) {
    return tl::unexpected<Error>(std::move(error));
}

}  // namespace nexus
