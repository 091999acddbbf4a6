// A table in memory of its own, shared with forked children; and records whose bytes say whether they are
// whole.
#pragma once

#include <sys/mman.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "ngx_module/cache/key.h"
#include "ngx_module/cache/table.h"

namespace nexus::edge::cache {

class TableMemory {
public:
    explicit TableMemory(size_t bytes, size_t extra = 0)
        : bytes_(bytes + kBegin),
          extra_(extra),
          base_(static_cast<unsigned char *>(
              ::mmap(nullptr, bytes_ + extra, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
        is_good_ = base_ != MAP_FAILED && Table::format(base_, kBegin, bytes, 1, state());
    }
    ~TableMemory() { ::munmap(base_, bytes_ + extra_); }
    TableMemory(const TableMemory &) = delete;
    TableMemory &operator=(const TableMemory &) = delete;

    bool is_good() const { return is_good_; }
    TableState &state() const { return *reinterpret_cast<TableState *>(base_); }
    Table table() const { return Table(base_, bytes_, state()); }
    void *extra() const { return base_ + bytes_; }

private:
    static constexpr size_t kBegin = 4096;  // the state lies before it

    size_t bytes_;
    size_t extra_;
    unsigned char *base_;
    bool is_good_ = false;
};

/// Where a reader's copies lie.
class VectorSpace final : public CopySpace {
public:
    void *allocate(size_t bytes) noexcept override {
        words_.resize(bytes / sizeof(uint64_t));
        return words_.data();
    }

private:
    std::vector<uint64_t> words_ = std::vector<uint64_t>(4096);
};

inline Key key_of(uint64_t number) {
    return {record::Kind::kToken, number, ~number};
}
inline uint64_t hash_of(const Key &key) {
    return mix(key, 7);
}

/// `bytes` bytes (at least 16) of the record of this key: all of them depend on both numbers.
inline std::string sealed_for(uint64_t key, uint64_t version, size_t bytes) {
    std::string sealed(bytes, '\0');
    std::memcpy(sealed.data(), &key, sizeof key);
    std::memcpy(sealed.data() + sizeof key, &version, sizeof version);
    for (size_t i = 16; i < bytes; ++i) {
        sealed[i] = static_cast<char>(key * 31 + version * 17 + i + bytes);
    }
    return sealed;
}

inline bool is_whole(uint64_t key, std::string_view sealed) {
    uint64_t version = 0;
    if (sealed.size() < 16) {
        return false;
    }
    std::memcpy(&version, sealed.data() + 8, sizeof version);
    return sealed == sealed_for(key, version, sealed.size());
}

/// What must be true whenever nobody is writing: blocks lie end to end; each slot refers to a block of an
/// arena whose owner is that slot's bucket, and no two to the same. returns "" or what is wrong
std::string problem_of(const TableMemory &memory);

}  // namespace nexus::edge::cache
