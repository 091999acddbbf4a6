// Connections on their way into one call: see import_batch.h.
#include "control_plane/takeover/import_batch.h"

namespace nexus::control::takeover {

size_t ImportBatch::bytes_of(const json::Value &item) {
    return item.dump().size() + 1;  // and a comma
}

void ImportBatch::add(Entry entry, json::Value item, size_t item_bytes) {
    entries_.push_back(std::move(entry));
    items_.append(std::move(item));
    bytes_ += item_bytes;
}

json::Value ImportBatch::body(bool dry_run) const {
    json::Value out = json::Value::object();
    out.set("dry_run", dry_run).set("connections", items_.borrow());
    return out;
}

void ImportBatch::clear() {
    entries_.clear();
    items_ = json::Value::array();
    bytes_ = kAround;
}

}  // namespace nexus::control::takeover
