// Arrays: pub/sub messages have three elements, and nothing that we ask for nests.
#include "ngx_module/redis/reader.h"

namespace nexus::edge::redis {
namespace {

constexpr int kMaxElements = 8;

redisReplyObjectFunctions g_bounded_functions;
void *(*g_create_array)(const redisReadTask *, int) = nullptr;

void *create_bounded_array(const redisReadTask *task, int elements) noexcept {
    if (task->parent != nullptr || elements < 0 || elements > kMaxElements) {
        return nullptr;  // which the reader takes for "out of memory": a clean error
    }
    return g_create_array(task, elements);
}

}  // namespace

Reader make_reader() noexcept {
    Reader reader(redisReaderCreate());
    if (!reader) {
        return reader;
    }
    if (g_create_array == nullptr) {
        g_bounded_functions = *reader->fn;
        g_create_array = g_bounded_functions.createArray;
        g_bounded_functions.createArray = create_bounded_array;
    }
    reader->fn = &g_bounded_functions;
    reader->maxbuf = 0;  // keep the buffer: it would be reallocated each time it drains
    return reader;
}

}  // namespace nexus::edge::redis
