// Socket addresses from text, for tests.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <cstring>

namespace nexus::tests {

class Address {
public:
    explicit Address(const char *text) {
        auto *v4 = reinterpret_cast<sockaddr_in *>(&storage_);
        auto *v6 = reinterpret_cast<sockaddr_in6 *>(&storage_);
        if (std::strchr(text, ':') == nullptr) {
            storage_.ss_family = AF_INET;
            valid_ = inet_pton(AF_INET, text, &v4->sin_addr) == 1;
        } else {
            storage_.ss_family = AF_INET6;
            valid_ = inet_pton(AF_INET6, text, &v6->sin6_addr) == 1;
        }
    }

    bool valid() const { return valid_; }
    const sockaddr *get() const { return reinterpret_cast<const sockaddr *>(&storage_); }

private:
    sockaddr_storage storage_{};
    bool valid_ = false;
};

}  // namespace nexus::tests
