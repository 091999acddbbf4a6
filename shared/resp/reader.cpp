// Arrays are the only way in which a few bytes can ask for much memory, so they are counted before they are
// made.
#include "shared/resp/reader.h"

#include <utility>

namespace nexus::resp {
namespace {

void *create_bounded_array(const redisReadTask *task, int elements) noexcept {
    auto *budget = static_cast<ReplyReader::Budget *>(task->privdata);
    int depth = 1;
    for (const redisReadTask *parent = task->parent; parent != nullptr; parent = parent->parent) {
        ++depth;
    }
    if (task->parent == nullptr) {
        budget->elements_left = budget->bounds.elements;
    }
    if (depth > budget->bounds.depth || elements < 0 ||
        static_cast<size_t>(elements) > budget->elements_left) {
        return nullptr;  // which the reader takes for "out of memory": a clean error
    }
    budget->elements_left -= static_cast<size_t>(elements);
    return budget->create_array(task, elements);
}

}  // namespace

ReplyReader::ReplyReader(const ReplyBounds &bounds) noexcept
    : budget_{bounds, bounds.elements, nullptr}, reader_(redisReaderCreate()) {
    if (reader_ == nullptr) {
        return;
    }
    functions_ = *reader_->fn;
    budget_.create_array = std::exchange(functions_.createArray, create_bounded_array);
    reader_->fn = &functions_;
    reader_->privdata = &budget_;
    reader_->maxbuf = 0;  // keep the buffer: it would be reallocated each time it drains
}

bool ReplyReader::feed(const char *bytes, size_t size) noexcept {
    unfinished_ += size;
    return redisReaderFeed(reader_.get(), bytes, size) == REDIS_OK;
}

ReplyReader::Next ReplyReader::next(Reply &reply) noexcept {
    void *object = nullptr;
    if (redisReaderGetReply(reader_.get(), &object) != REDIS_OK) {
        return Next::kBroken;
    }
    if (object == nullptr) {
        return unfinished_ <= kMaxReplyBytes ? Next::kMore : Next::kBroken;
    }
    reply.reset(static_cast<redisReply *>(object));
    unfinished_ = reader_->len - reader_->pos;
    return Next::kReply;
}

}  // namespace nexus::resp
