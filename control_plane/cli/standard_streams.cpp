// What nexusctl prints must arrive: see standard_streams.h.
#include "control_plane/cli/standard_streams.h"

#include <fcntl.h>
#include <unistd.h>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "control_plane/cli/print.h"

namespace nexus::control::cli {

bool hold_standard_streams() noexcept {
    const bool has_stdout = ::fcntl(STDOUT_FILENO, F_GETFD) != -1;
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (::fcntl(fd, F_GETFD) == -1) {
            // The wrong way round, so that whoever uses it is told. It becomes the lowest number: fd.
            static_cast<void>(::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY));
        }
    }
    return has_stdout;
}

bool output_arrived() {
    errno = 0;
    const bool flushed = std::fflush(stdout) == 0;
    const int why = errno;
    if (flushed && std::ferror(stdout) == 0) {
        return true;
    }
    problem("stdout did not take all that was printed" +
            (why == 0 ? std::string{} : std::string{": "} + std::strerror(why)));
    return false;
}

}  // namespace nexus::control::cli
