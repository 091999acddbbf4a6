// SHA-256 of bytes that come in pieces: a request's body as it arrives.
#pragma once

#include <memory>
#include <string_view>

#include "shared/crypto/digest.h"

namespace nexus::crypto {

class RunningSha256 {
public:
    /// Throws std::runtime_error only if OpenSSL cannot provide SHA-256 at all; so do the others.
    RunningSha256();
    ~RunningSha256();
    RunningSha256(const RunningSha256 &) = delete;
    RunningSha256 &operator=(const RunningSha256 &) = delete;

    void update(std::string_view bytes);
    uint64_t size() const noexcept { return size_; }  // of what came
    /// Ends it.
    Sha256 finish();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
    uint64_t size_ = 0;
};

}  // namespace nexus::crypto
