// Connections on their way into one POST /connections/import: as many as a call takes on every way to nexusd.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "control_plane/json/json.h"
#include "control_plane/takeover/report.h"

namespace nexus::control::takeover {

inline constexpr size_t kMaxItems = 100;  // of a call; nexusd takes no more
/// Bytes of a call's whole body. conf/control-plane.conf lets half a MiB through (client_max_body_size, which
/// a test holds against this), nexusd itself takes twice that.
inline constexpr size_t kMaxCallBytes = size_t{384} * 1024;

class ImportBatch {
public:
    /// Bytes of an item in a body.
    static size_t bytes_of(const json::Value &item);
    /// Would a call with this item alone be too large?
    static bool is_too_large(size_t item_bytes) { return kAround + item_bytes > kMaxCallBytes; }

    bool has_room(size_t item_bytes) const {
        return entries_.size() < kMaxItems && bytes_ + item_bytes <= kMaxCallBytes;
    }
    void add(Entry entry, json::Value item, size_t item_bytes);
    bool empty() const { return entries_.empty(); }

    /// The call's body.
    json::Value body(bool dry_run) const;
    /// In the order of the items.
    std::vector<Entry> &entries() { return entries_; }
    void clear();

private:
    static constexpr size_t kAround = sizeof(R"({"dry_run":false,"connections":[]})");

    std::vector<Entry> entries_;
    json::Value items_ = json::Value::array();
    size_t bytes_ = kAround;
};

}  // namespace nexus::control::takeover
