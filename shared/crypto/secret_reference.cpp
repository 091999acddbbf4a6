// file: and env: references, the only two ways a configuration names a secret.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "shared/crypto/keyring.h"

namespace nexus::crypto {

namespace {

constexpr size_t kMaxSecretBytes = 65'536;

class FileDescriptor {
public:
    explicit FileDescriptor(int fd) : fd_(fd) {}
    FileDescriptor(const FileDescriptor &) = delete;
    FileDescriptor &operator=(const FileDescriptor &) = delete;
    ~FileDescriptor() {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }
    int get() const { return fd_; }

private:
    int fd_;
};

tl::unexpected<Error> unreadable(std::string_view reference, std::string_view why) {
    return fail(Errc::kInvalidKey, std::string{reference}.append(": ").append(why));
}

Result<Secret> without_line_end(std::string_view reference, Secret secret) {
    size_t size = secret.size();
    while (size > 0 && (secret.view()[size - 1] == '\n' || secret.view()[size - 1] == '\r')) {
        --size;
    }
    if (size == 0) {
        return unreadable(reference, "is empty");
    }
    secret.truncate(size);
    return secret;
}

Result<Secret> read_file(std::string_view reference, const std::string &path) {
    // O_NONBLOCK: a FIFO must not hang the start; it is refused below.
    const FileDescriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    struct stat info {};
    if (file.get() < 0 || ::fstat(file.get(), &info) != 0) {
        return unreadable(reference, std::strerror(errno));
    }
    if (!S_ISREG(info.st_mode)) {
        return unreadable(reference, "is not a regular file");
    }

    Secret content = Secret::zeroed(kMaxSecretBytes + 1);
    size_t size = 0;
    while (size < content.size()) {
        const ssize_t n = ::read(file.get(), content.data() + size, content.size() - size);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return unreadable(reference, std::strerror(errno));
        }
        if (n == 0) {
            break;
        }
        size += static_cast<size_t>(n);
    }
    if (size > kMaxSecretBytes) {
        return unreadable(reference, "is longer than 64 KiB");
    }
    content.truncate(size);
    return without_line_end(reference, std::move(content));
}

}  // namespace

Result<Secret> read_secret_reference(std::string_view reference) {
    constexpr std::string_view kFile = "file:";
    constexpr std::string_view kEnv = "env:";
    if (reference.find('\0') != std::string_view::npos) {
        return fail(Errc::kInvalidKey, "a secret reference holds a NUL character");
    }
    if (reference.starts_with(kFile) && reference.size() > kFile.size()) {
        return read_file(reference, std::string{reference.substr(kFile.size())});
    }
    if (reference.starts_with(kEnv) && reference.size() > kEnv.size()) {
        const char *value = std::getenv(std::string{reference.substr(kEnv.size())}.c_str());
        if (value == nullptr) {
            return unreadable(reference, "is not set");
        }
        return without_line_end(reference, Secret{std::string_view{value}});
    }
    // What stands here may be a secret pasted in the wrong place, so it is not repeated.
    return fail(Errc::kInvalidKey, "a secret is given as file:PATH or env:NAME");
}

}  // namespace nexus::crypto
