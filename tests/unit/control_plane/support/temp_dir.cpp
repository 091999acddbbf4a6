#include "tests/unit/control_plane/support/temp_dir.h"

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

namespace nexus::test {

TempDir::TempDir() {
    char name[] = "/tmp/nexus-test-XXXXXX";
    if (::mkdtemp(name) == nullptr) {
        throw std::runtime_error("mkdtemp failed");
    }
    path_ = name;
}

TempDir::~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

}  // namespace nexus::test
