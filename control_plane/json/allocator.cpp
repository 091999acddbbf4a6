// Makes jansson wipe what it frees. Blocks stay ordinary malloc blocks, because libraries beside us (cjose)
// hand jansson's strings to free().
#include <jansson.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <cstdlib>
#include <mutex>

#include "control_plane/json/json.h"

namespace nexus::control::json {

namespace {

void wiping_free(void *block) {
    if (block != nullptr) {
        OPENSSL_cleanse(block, malloc_usable_size(block));
        std::free(block);
    }
}

}  // namespace

void install_wiping_allocator() noexcept {
    static std::once_flag once;
    std::call_once(once, [] { json_set_alloc_funcs(std::malloc, wiping_free); });
}

}  // namespace nexus::control::json
