// A fuzz target's main() in a build without libFuzzer: reads every seed of a folder whole, cut off, and with
// one byte another. It finds nothing new: it shows that the target still builds and that what its seeds stand
// for still holds.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz.h"

namespace {

constexpr size_t kMostPlaces = 1024;  // of one seed that it is cut off or changed at

/// In memory of just that size: a sanitizer or valgrind sees who reads beyond it.
void read(const std::string &text) {
    const std::unique_ptr<uint8_t[]> bytes(new uint8_t[text.size()]);
    std::ranges::copy(text, bytes.get());
    LLVMFuzzerTestOneInput(bytes.get(), text.size());
}

void read_all_of(const std::string &seed) {
    read(seed);
    const size_t step = seed.size() / kMostPlaces + 1;
    for (size_t at = 0; at < seed.size(); at += step) {
        read(seed.substr(0, at));
        std::string changed = seed;
        changed[at] = static_cast<char>(changed[at] ^ 0x80);
        read(changed);
        changed[at] = static_cast<char>(seed[at] ^ 0x01);
        read(changed);
    }
}

}  // namespace

int main(int argc, char **argv) {
    std::error_code error;
    std::vector<std::filesystem::path> seeds;
    if (argc == 2) {
        std::ranges::copy(std::filesystem::directory_iterator(argv[1], error), std::back_inserter(seeds));
    }
    if (seeds.empty()) {
        std::fprintf(stderr, "usage: %s FOLDER   (one with seeds in it)\n", argv[0]);
        return 2;
    }
    std::ranges::sort(seeds);
    for (const auto &path : seeds) {
        std::printf("%s\n", path.c_str());  // the last line names who ended it
        std::fflush(stdout);
        std::ifstream file(path, std::ios::binary);
        read_all_of(std::string(std::istreambuf_iterator<char>(file), {}));
    }
    return 0;
}
