// Memory for one piece of work that handles secrets. Asking the heap for each of its parts would take a third
// as long as signing a request does.
#pragma once

#include <string.h>
#include <array>
#include <cstddef>
#include <functional>
#include <memory_resource>

namespace nexus {

/// The first kBytes of what is asked for lie in it, what is more on the heap. That is wiped when it is given
/// back, and its own at the end. For one thread, and for what ends before it does.
template <size_t kBytes>
class WipedScratch final : public std::pmr::memory_resource {
public:
    WipedScratch() = default;
    WipedScratch(const WipedScratch &) = delete;
    WipedScratch &operator=(const WipedScratch &) = delete;
    ~WipedScratch() override { explicit_bzero(space_.data(), used_); }

private:
    void *do_allocate(size_t bytes, size_t alignment) override {
        const size_t at = (used_ + alignment - 1) & ~(alignment - 1);
        if (alignment > alignof(std::max_align_t) || at > kBytes || bytes > kBytes - at) {
            return std::pmr::new_delete_resource()->allocate(bytes, alignment);
        }
        used_ = at + bytes;
        return space_.data() + at;
    }

    void do_deallocate(void *p, size_t bytes, size_t alignment) override {
        const auto *at = static_cast<std::byte *>(p);
        const bool is_ours =
            std::greater_equal<>{}(at, space_.data()) && std::less<>{}(at, space_.data() + kBytes);
        if (!is_ours) {
            explicit_bzero(p, bytes);
            std::pmr::new_delete_resource()->deallocate(p, bytes, alignment);
        }
    }

    bool do_is_equal(const memory_resource &other) const noexcept override { return this == &other; }

    alignas(std::max_align_t) std::array<std::byte, kBytes> space_;
    size_t used_ = 0;
};

}  // namespace nexus
