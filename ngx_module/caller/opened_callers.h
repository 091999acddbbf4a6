// Caller records that this worker has opened: an agent asks again and again, and its record holds no usage
// secret, so that it need not be decrypted and verified for each request. Whether a record is still good is
// not known here: every lookup reads L1's entry, and what is kept counts for exactly the bytes that it was
// opened from (docs/decisions/0048).
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ngx_module/cache/records.h"
#include "shared/record/caller_record.h"

namespace nexus::edge {

class OpenedCaller {
public:
    /// id       what the record was looked up by, and authenticated for
    /// payload  opened just now
    /// errors   kMalformedRecord
    static Result<std::shared_ptr<const OpenedCaller>> make(std::string_view id,
                                                            const cache::KeptRecord &record,
                                                            std::string_view payload);

    std::string_view id() const { return id_; }
    const cache::KeptRecord &record() const { return record_; }
    const record::CallerView &view() const { return view_; }
    size_t size() const { return payload_.size() * sizeof(uint64_t); }

private:
    OpenedCaller() = default;

    std::string id_;
    cache::KeptRecord record_;
    std::vector<uint64_t> payload_;  // in words: the view reads it in place
    record::CallerView view_;
};

/// A table of fixed size; who comes last has the place.
class OpenedCallers {
public:
    /// nullptr: none is kept for this id.
    std::shared_ptr<const OpenedCaller> find(std::string_view id) const noexcept;
    void keep(std::shared_ptr<const OpenedCaller> caller) noexcept;

private:
    static constexpr size_t kPlaces = 512;
    static constexpr size_t kMaxBytes = 4096;  // of one: a key narrowed to a hundred connections

    std::array<std::shared_ptr<const OpenedCaller>, kPlaces> places_;
};

}  // namespace nexus::edge
